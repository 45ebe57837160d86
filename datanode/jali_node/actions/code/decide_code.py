"""A person's yes or no to a code job. It always takes a person, and two wherever any amount takes two."""

from datetime import UTC, datetime

from jali.wire.discussion import Happened
from jali.wire.jobs.code import CodeDecision, CodeJob, CodeStatus
from jali_node import audit
from jali_node.actions.approvals import agree
from jali_node.actions.approvals.agree import Yes
from jali_node.actions.code import code_job
from jali_node.actions.wishes.tell import tell
from jali_node.errors import InvalidRequest
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy import code_state, request_state
from jali_node.store import catalog, clock, projects


def decide_code(node: Node, caller: Caller, job_id: str, decision: CodeDecision) -> CodeJob:
    """Record a decision.

    Raises:
        AccessDenied: the caller does not review, or asks themselves, or has approved it already, or a rule says no.
        DecisionOutdated: it was decided already, has lapsed, or is not the revision that was read.
        CodeJobsOff, JobChanged, ProjectEnded: it could not run any more as it was submitted.
    """
    caller.must_review()
    if decision.outcome is not CodeStatus.APPROVED and not decision.reason.strip():
        wanted = "a denial" if decision.outcome is CodeStatus.DENIED else "asking for changes"
        raise InvalidRequest(f"{wanted} needs a reason, so that the asker knows what to change", field="reason")
    with node.database.writing() as session:
        row = code_job.visible(session, caller, job_id, lock=True)
        request_state.refuse_unless_newest(decision.digest, decision.revision, row.digest, row.revision)
        request_state.refuse_if_lapsed(row.status, row.undecided_until, clock.now(session))
        caller.must_not_be(row.person_id)
        status = code_state.moved(CodeStatus(row.status), decision.outcome)
        if decision.outcome is CodeStatus.APPROVED:
            projects.refuse_if_ended(session, row.project_id)
            registered, form = catalog.version(session, row.version_id), code_job.form_of(row)
            code_job.refuse_if_changed(row, code_job.reviewed(registered, form))
            code_job.refuse_if_denied(session, row.person_id, registered, form)
            if not agree.agreed(session, caller, Yes(row.id, row.digest, agree.UNPROMISED, None, decision.reason)):
                tell(session, node, row, Happened.APPROVED_FIRST, caller, decision.reason)
                return code_job.shown(session, row, caller)
        row.status, row.reason = status, decision.reason
        if decision.outcome is CodeStatus.CHANGES_ASKED:
            tell(session, node, row, Happened.CHANGES_ASKED, caller, decision.reason)
            return code_job.shown(session, row, caller)
        row.decided_at, row.decided_by = datetime.now(UTC), caller.id
        session.flush()
        facts = {"job": row.id, "revision": row.revision, "digest": row.digest, "outcome": row.status}
        audit.record(session, audit.JOB_DECIDED, **facts, by=caller.id)
        yes = decision.outcome is CodeStatus.APPROVED
        tell(session, node, row, Happened.GRANTED if yes else Happened.DENIED, caller, decision.reason)
        return code_job.shown(session, row, caller)
