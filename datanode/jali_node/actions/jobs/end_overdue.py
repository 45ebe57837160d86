"""Jobs that nobody lets go on are ended, so that what they hold is free again. The calendar alone says which."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select

from jali.wire.discussion import Happened
from jali.wire.jobs.train import JobStatus
from jali_node import audit
from jali_node.actions.jobs.end_job import close_spends
from jali_node.actions.wishes.tell import tell
from jali_node.node import Node
from jali_node.policy import job_state
from jali_node.tables import JobRow

BATCH = 100


def end_overdue(node: Node) -> int:
    """End jobs whose pause is over, or of which no round was asked for in time after they were approved."""
    now = datetime.now(UTC)
    unstarted = (JobRow.status == JobStatus.APPROVED) & (
        JobRow.decided_at <= now - timedelta(days=node.settings.job_start_days)
    )
    paused = JobRow.status.in_((JobStatus.APPROVED, JobStatus.QUEUED, JobStatus.RUNNING)) & (JobRow.paused_until <= now)
    with node.database.reading() as session:
        late = session.scalars(select(JobRow.id).where(or_(unstarted, paused)).limit(BATCH)).all()
    return sum(_ended(node, job_id, now) for job_id in late)


def _ended(node: Node, job_id: str, now: datetime) -> bool:
    with node.database.writing() as session:
        row = session.get_one(JobRow, job_id, with_for_update=True, populate_existing=True)
        why = _why(node, row, now)
        if not why:
            return False
        row.status, row.reason = job_state.moved(JobStatus(row.status), JobStatus.CANCELLED), why
        close_spends(session, row.id)
        audit.record(session, audit.JOB_ENDED, job=row.id, outcome=row.status, by=None)
        tell(session, node, row, Happened.EXPIRED, None, why)
    return True


def _why(node: Node, row: JobRow, now: datetime) -> str:
    """Return why a locked job ends; nothing where it has moved on meanwhile."""
    status, days = JobStatus(row.status), node.settings.job_start_days
    if status in job_state.ENDED or status is JobStatus.DONE:
        return ""
    if row.paused_until is not None and row.paused_until <= now:
        return f"it was paused until {row.paused_until:%Y-%m-%d} and not resumed; what it held is free again"
    if status is JobStatus.APPROVED and row.decided_at and row.decided_at <= now - timedelta(days=days):
        return f"no round was asked for within {days} days of its approval; what it held is free again"
    return ""
