"""A job is withdrawn before its decision, or cancelled after it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.discussion import Happened
from jali.wire.jobs.train import Job, JobStatus
from jali_node import audit
from jali_node.actions.jobs.job_plan import governed, shown
from jali_node.actions.wishes.tell import tell
from jali_node.ledger import book
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy import job_state, request_state
from jali_node.store import clock
from jali_node.tables import SpendRow


def end_job(node: Node, caller: Caller, job_id: str) -> Job:
    """Withdraw or cancel: what was not begun is freed, what was begun stands, and its reply is destroyed.

    Raises:
        UnknownResource: there is no such job, or it is somebody else's.
        DecisionOutdated: it has ended already.
    """
    with node.database.writing() as session:
        row = governed(session, caller, job_id, lock=True)
        request_state.refuse_if_lapsed(row.status, row.undecided_until, clock.now(session))
        waiting = JobStatus(row.status).is_open
        row.status = job_state.moved(JobStatus(row.status), JobStatus.WITHDRAWN if waiting else JobStatus.CANCELLED)
        close_spends(session, row.id)
        audit.record(session, audit.JOB_ENDED, job=row.id, outcome=row.status, by=caller.id)
        if waiting:
            tell(session, node, row, Happened.WITHDRAWN, caller)
        return shown(session, row)


def close_spends(session: Session, job_id: str) -> None:
    """Free a job's held rounds and settle a begun one: it stands, and whoever still trains it can store no reply."""
    for step, state in ((book.free, book.HELD), (book.settle, book.BEGUN)):  # accounts are locked before the chain
        for spend_id in session.scalars(select(SpendRow.id).where(SpendRow.job_id == job_id, SpendRow.state == state)):
            step(session, spend_id)
