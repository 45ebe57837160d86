"""Jobs as they are read: one's own, or all of them for whoever oversees the node."""

from sqlalchemy import select

from jali.wire.jobs.train import Job
from jali_node.actions.jobs.job_plan import shown, visible
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.tables import JobRow


def list_jobs(node: Node, caller: Caller) -> list[Job]:
    """Return the jobs that concern the caller, the newest first."""
    query = select(JobRow).order_by(JobRow.created_at.desc(), JobRow.id.desc())
    if not caller.oversees:
        query = query.where(JobRow.person_id == caller.id)
    with node.database.reading() as session:
        return [shown(session, row) for row in session.scalars(query)]


def show_job(node: Node, caller: Caller, job_id: str) -> Job:
    """Return one job.

    Raises:
        UnknownResource: there is none, or it is somebody else's.
    """
    with node.database.reading() as session:
        return shown(session, visible(session, caller, job_id))
