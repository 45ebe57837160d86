"""An owner's yes or no to a training. A yes holds the whole price, one spend a round."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from jali.wire.jobs.train import Job, JobDecision, JobStatus, RoundStatus
from jali_node import audit
from jali_node.actions.jobs.job_plan import form_of, refuse_if_changed, shown, stored, visible
from jali_node.errors import DecisionOutdated, InvalidRequest
from jali_node.jobs import train
from jali_node.ledger import book
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy import job_state
from jali_node.store import catalog
from jali_node.tables import JobRoundRow, JobRow


def decide_job(node: Node, caller: Caller, job_id: str, decision: JobDecision) -> Job:
    """Record a decision; if it is a yes, hold the whole price.

    Raises:
        AccessDenied: the caller is not an owner.
        DecisionOutdated: it was decided already, or it is not the job that was read.
        ExtraMissing: this node cannot train; it says what to install.
        BudgetExhausted: the population's account has no room; nothing is decided.
    """
    caller.must_own()
    if decision.outcome is JobStatus.DENIED and not decision.reason.strip():
        raise InvalidRequest("a denial needs a reason, so that the asker knows what to change", field="reason")
    with node.database.writing() as session:
        row = visible(session, caller, job_id, lock=True)
        if row.digest != decision.digest:
            raise DecisionOutdated("this is not the job that was read; read it again", field="digest")
        row.status = job_state.moved(JobStatus(row.status), decision.outcome)
        row.decided_at, row.decided_by, row.reason = datetime.now(UTC), caller.id, decision.reason
        if decision.outcome is JobStatus.APPROVED:
            train.refuse_if_this_node_cannot_train()
            refuse_if_changed(row)
            train.review(form_of(row), catalog.version(session, row.version_id).card.columns)
            _hold(session, row)
        session.flush()
        audit.record(session, audit.JOB_DECIDED, job=row.id, digest=row.digest, outcome=row.status, by=caller.id)
        return shown(session, row)


def _hold(session: Session, row: JobRow) -> None:
    found = stored(session, row)
    for number in range(1, found.plan.rounds + 1):
        spend = book.reserve(
            session,
            book.Purchase(
                event=found.plan.round_event,
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
