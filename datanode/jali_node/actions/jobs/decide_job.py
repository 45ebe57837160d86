"""An owner's yes or no to a training. A yes holds the whole price, one spend a round."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from jali.wire.discussion import Happened
from jali.wire.jobs.train import Job, JobDecision, JobStatus, RoundStatus
from jali_node import audit
from jali_node.actions.approvals import agree
from jali_node.actions.approvals.agree import Yes
from jali_node.actions.jobs import tiers
from jali_node.actions.jobs.job_plan import form_of, price_of, refuse_if_changed, shown, stored, visible
from jali_node.actions.jobs.judge_job import judge_job
from jali_node.actions.wishes.tell import tell
from jali_node.errors import InvalidRequest
from jali_node.jobs import train
from jali_node.ledger import book
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy import job_state, request_state
from jali_node.policy.rules import Ruling
from jali_node.store import catalog, clock, policies, projects
from jali_node.tables import JobRoundRow, JobRow


def decide_job(node: Node, caller: Caller, job_id: str, decision: JobDecision) -> Job:
    """Record a decision; if it is a yes, hold the whole price.

    Raises:
        AccessDenied: the caller does not review, or asks themselves, or has approved it already, or a rule says no.
        DecisionOutdated: it was decided already, has lapsed, or is not the revision that was read.
        ProjectEnded: no job of it begins any more.
        ExtraMissing: this node cannot train; it says what to install.
        InvalidRequest: no worker's sandbox reaches the owner's tier.
        BudgetExhausted: the population's account has no room; nothing is decided.
    """
    caller.must_review()
    if decision.outcome is not JobStatus.APPROVED and not decision.reason.strip():
        wanted = "a denial" if decision.outcome is JobStatus.DENIED else "asking for changes"
        raise InvalidRequest(f"{wanted} needs a reason, so that the asker knows what to change", field="reason")
    with node.database.writing() as session:
        row = visible(session, caller, job_id, lock=True)
        request_state.refuse_unless_newest(decision.digest, decision.revision, row.digest, row.revision)
        request_state.refuse_if_lapsed(row.status, row.undecided_until, clock.now(session))
        caller.must_not_be(row.person_id)
        status = job_state.moved(JobStatus(row.status), decision.outcome)
        if decision.outcome is JobStatus.APPROVED:
            projects.refuse_if_ended(session, row.project_id)
            _refuse_unless_it_can_run(session, node, row)
            found = stored(session, row)
            judge_job(session, row.person_id, found, form_of(row).training).refuse_if_denied()
            if not agree.agreed(session, caller, Yes(row.id, row.digest, price_of(found), None, decision.reason)):
                tell(session, node, row, Happened.APPROVED_FIRST, caller, decision.reason)
                return shown(session, row)
            _hold(session, row)
        row.status, row.reason = status, decision.reason
        if decision.outcome is JobStatus.CHANGES_ASKED:
            tell(session, node, row, Happened.CHANGES_ASKED, caller, decision.reason)
            return shown(session, row)
        row.decided_at, row.decided_by = datetime.now(UTC), caller.id
        session.flush()
        audit.record(
            session,
            audit.JOB_DECIDED,
            job=row.id,
            revision=row.revision,
            digest=row.digest,
            outcome=row.status,
            by=caller.id,
        )
        yes = decision.outcome is JobStatus.APPROVED
        tell(session, node, row, Happened.GRANTED if yes else Happened.DENIED, caller, decision.reason)
        return shown(session, row)


def approve_by_rule(session: Session, node: Node, row: JobRow, ruling: Ruling) -> None:
    """Approve a job that a rule allows, and hold its whole price. No person has decided."""
    _hold(session, row)
    row.status = job_state.moved(JobStatus(row.status), JobStatus.APPROVED)
    row.decided_at, row.reason = datetime.now(UTC), ruling.reason
    session.flush()
    policy = policies.newest(session)
    version = None if policy is None else policy.digest
    audit.record(session, audit.JOB_DECIDED, job=row.id, digest=row.digest, outcome=row.status, by=None, policy=version)
    tell(session, node, row, Happened.GRANTED, None, ruling.reason)


def _refuse_unless_it_can_run(session: Session, node: Node, row: JobRow) -> None:
    train.refuse_if_this_node_cannot_train()
    tiers.refuse_if_too_low(session, node)
    refuse_if_changed(row)
    train.review(form_of(row), catalog.version(session, row.version_id).card.columns)


def _hold(session: Session, row: JobRow) -> None:
    found = stored(session, row)
    book.refuse_unless_it_fits(session, found.registered.population.account_id, found.whole, found.fitting)
    for number, event in enumerate(found.plan.events, 1):
        spend = book.reserve(
            session,
            book.Purchase(
                event=event,
                population_account=found.registered.population.account_id,
                quota_account=None,
                person_id=row.person_id,
                project_id=row.project_id,
                grant_id=None,
                version_id=row.version_id,
                question=row.digest,
                job_id=row.id,
            ),
        )
        session.add(
            JobRoundRow(
                job_id=row.id,
                number=number,
                spend_id=spend.id,
                status=RoundStatus.EXPECTED,
                attempt=0,
                from_failure=False,
            )
        )
