"""Code jobs: one's own, or all of them for whoever oversees the node."""

from sqlalchemy import select

from jali.wire.jobs.code import CodeJob
from jali_node.actions.code import code_job
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.tables import CodeJobRow


def list_code(node: Node, caller: Caller) -> list[CodeJob]:
    """Return the newest first."""
    query = select(CodeJobRow).order_by(CodeJobRow.created_at.desc(), CodeJobRow.id.desc())
    if not caller.oversees:
        query = query.where(CodeJobRow.person_id == caller.id)
    with node.database.reading() as session:
        return [code_job.shown(session, row, caller) for row in session.scalars(query)]


def show_code(node: Node, caller: Caller, job_id: str) -> CodeJob:
    """Return one job.

    Raises:
        UnknownResource: there is none, or it is somebody else's.
    """
    with node.database.reading() as session:
        return code_job.shown(session, code_job.visible(session, caller, job_id), caller)
