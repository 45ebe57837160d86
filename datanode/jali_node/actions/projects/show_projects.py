"""Projects as they are read: one's own, or all of them for whoever oversees the node."""

from sqlalchemy import select

from jali.wire.project import Project
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.store import projects
from jali_node.tables import ProjectRow


def list_projects(node: Node, caller: Caller) -> list[Project]:
    """Return the projects that the caller belongs to; all of them for whoever oversees the node."""
    return all_projects(node, None if caller.oversees else caller.projects)


def all_projects(node: Node, only: frozenset[str] | None = None) -> list[Project]:
    """Return projects by name."""
    query = select(ProjectRow).order_by(ProjectRow.name)
    if only is not None:
        query = query.where(ProjectRow.id.in_(only))
    with node.database.reading() as session:
        return [projects.shown(session, row) for row in session.scalars(query)]
