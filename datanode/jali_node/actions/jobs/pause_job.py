"""A job is paused, goes on, or is put before others: by its asker or an owner. What it costs stays held meanwhile.

A pause has an end: nothing is held for ever. Whoever does not let a job go on by then has ended it.
"""

from datetime import UTC, datetime, timedelta

from jali.wire.jobs.train import Job, JobStatus
from jali_node import audit
from jali_node.actions.jobs.job_plan import governed, shown
from jali_node.errors import DecisionOutdated
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.tables import JobRow

GOING = (JobStatus.APPROVED, JobStatus.QUEUED, JobStatus.RUNNING)


def pause_job(node: Node, caller: Caller, job_id: str) -> Job:
    """Let no further round of a job begin; one that has begun is finished. Paused again, its end moves.

    Raises:
        UnknownResource: there is no such job, or it is somebody else's.
        DecisionOutdated: it is not decided, or has ended.
    """
    with node.database.writing() as session:
        row = governed(session, caller, job_id, lock=True)
        _refuse_unless_going(row)
        row.paused_until = datetime.now(UTC) + timedelta(days=node.settings.job_pause_days)
        audit.record(session, audit.JOB_PAUSED, job=row.id, by=caller.id)
        session.flush()
        return shown(session, row)


def resume_job(node: Node, caller: Caller, job_id: str) -> Job:
    """Let a paused job go on.

    Raises:
        UnknownResource: there is no such job, or it is somebody else's.
        DecisionOutdated: it is not paused.
    """
    with node.database.writing() as session:
        row = governed(session, caller, job_id, lock=True)
        _refuse_unless_going(row)
        if row.paused_until is None:
            raise DecisionOutdated("the job is not paused", field="job", status=row.status)
        row.paused_until = None
        audit.record(session, audit.JOB_RESUMED, job=row.id, by=caller.id)
        session.flush()
        return shown(session, row)


def order_job(node: Node, caller: Caller, job_id: str, priority: int) -> Job:
    """Say how early a job's rounds go among those that wait: the higher, the earlier.

    Raises:
        AccessDenied: the caller is no owner.
        UnknownResource: there is no such job.
        DecisionOutdated: it has ended.
    """
    caller.must_own()
    with node.database.writing() as session:
        row = governed(session, caller, job_id, lock=True)
        _refuse_unless_going(row, JobStatus.SUBMITTED)
        if row.priority != priority:
            before, row.priority = row.priority, priority
            audit.record(session, audit.JOB_ORDERED, job=row.id, before=before, priority=priority, by=caller.id)
            session.flush()
        return shown(session, row)


def _refuse_unless_going(row: JobRow, *others: JobStatus) -> None:
    if JobStatus(row.status) not in (*GOING, *others):
        raise DecisionOutdated(f"the job is {row.status}", field="job", status=row.status)
