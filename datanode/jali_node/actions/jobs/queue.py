"""Which rounds may begin, and in which order: what owners put first, then what was decided first.

A job that is paused begins no round. Where a dataset takes one job at a time, the one that has begun goes on to its
end, and the others wait for it.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from jali.wire.jobs.code import CodeStatus
from jali.wire.jobs.train import JobStatus, RoundStatus
from jali_node.store import workers
from jali_node.tables import CodeJobRow, DatasetRow, JobRoundRow, JobRow

WAITING = (JobStatus.QUEUED, JobStatus.RUNNING)
ORDER = (JobRow.priority.desc(), JobRow.decided_at, JobRow.id, JobRoundRow.number)


_SOMETHING = select(
    or_(
        exists().where(JobRoundRow.status.in_((RoundStatus.QUEUED, RoundStatus.RUNNING))),
        exists().where(CodeJobRow.status.in_((CodeStatus.APPROVED, CodeStatus.RUNNING))),
    )
)


def is_empty(session: Session) -> bool:
    """Return whether there is nothing that could be due, rounds or code: asked often, and cheaply."""
    return not session.connection().scalar(_SOMETHING)


def due(session: Session) -> list[JobRoundRow]:
    """Return the rounds that are queued, or run under a lease that has ended, and may begin; the first one first."""
    ended = or_(JobRoundRow.lease_until.is_(None), JobRoundRow.lease_until < datetime.now(UTC))
    query = _unpaused().where(
        or_(JobRoundRow.status == RoundStatus.QUEUED, (JobRoundRow.status == RoundStatus.RUNNING) & ended)
    )
    other = aliased(JobRow)
    taken = exists().where(
        other.dataset_id == JobRow.dataset_id, other.id != JobRow.id, other.status == JobStatus.RUNNING
    )
    alone = select(DatasetRow.id).where(DatasetRow.one_job)
    blocked = (JobRow.status == JobStatus.QUEUED) & JobRow.dataset_id.in_(alone) & taken
    return list(session.scalars(query.where(~blocked).order_by(*ORDER)))


def place(session: Session, job: JobRow) -> int:
    """Return how many queued rounds of other jobs go before a job's own; what runs already is not counted."""
    mine = (JobRow.priority == job.priority) & (JobRow.decided_at < job.decided_at)
    before = _unpaused().where(
        JobRow.id != job.id, JobRoundRow.status == RoundStatus.QUEUED, or_(JobRow.priority > job.priority, mine)
    )
    return session.scalar(select(func.count()).select_from(before.subquery())) or 0


def waiting_for(session: Session, job: JobRow) -> str:
    """Say what an approved job's next round waits for."""
    if job.paused_until is not None:
        return f"whoever resumes it; paused until {job.paused_until:%Y-%m-%d}, then it is ended"
    rounds = session.scalars(select(JobRoundRow).where(JobRoundRow.job_id == job.id).order_by(JobRoundRow.number)).all()
    left = next((row for row in rounds if row.status != RoundStatus.DONE), None)
    if left is None:
        return ""
    if left.status == RoundStatus.EXPECTED:
        return f"the weights of round {left.number}, which its asker sends"
    return round_waiting_for(session, job, left)


def round_waiting_for(session: Session, job: JobRow, row: JobRoundRow) -> str:
    """Say what a round that was asked for waits for, and for how long nobody has worked."""
    status = RoundStatus(row.status)
    if status is RoundStatus.EXPECTED:
        return "its weights have not been sent"
    if status is RoundStatus.DONE:
        return ""
    if job.paused_until is not None and status is RoundStatus.QUEUED:
        return "whoever resumes the job"
    if not workers.alive(session):
        seen = workers.last_seen(session)
        since = f"none was seen since {seen:%Y-%m-%d %H:%M} UTC" if seen else "none was ever seen"
        return f"a worker of this node; {since} (the owner starts one with `jali node worker`)"
    if status is RoundStatus.RUNNING:
        return "a worker that trains it"
    if waits_behind_another(session, job):
        return "another job, which has begun: the dataset takes one at a time"
    before = place(session, job)
    return f"a worker of this node, behind {before} rounds of other jobs" if before else "a worker of this node"


def waits_behind_another(session: Session, job: JobRow) -> bool:
    """Say whether a job that has not begun waits for another one, since its dataset takes one at a time."""
    if job.status != JobStatus.QUEUED or not session.get_one(DatasetRow, job.dataset_id).one_job:
        return False
    running = select(JobRow.id).where(
        JobRow.dataset_id == job.dataset_id, JobRow.id != job.id, JobRow.status == JobStatus.RUNNING
    )
    return session.scalar(running.limit(1)) is not None


def paused(job: JobRow) -> bool:
    """Say whether a job begins no round: until it is resumed, or ended because its pause is over."""
    return job.paused_until is not None


def refused_for_now(session: Session, job: JobRow) -> bool:
    """Say whether a locked job may begin no round now. Locks its dataset's row, so that no two jobs begin at once."""
    session.get_one(DatasetRow, job.dataset_id, with_for_update=True, populate_existing=True)
    return paused(job) or waits_behind_another(session, job)


def _unpaused() -> "Select[Any]":
    rounds = select(JobRoundRow).join(JobRow, JobRow.id == JobRoundRow.job_id)
    return rounds.where(JobRow.status.in_(WAITING), JobRow.paused_until.is_(None))
