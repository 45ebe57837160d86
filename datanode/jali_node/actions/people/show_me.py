"""Who the node thinks is asking."""

from sqlalchemy import select

from jali.wire.person import Me, Scope
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.store import projects
from jali_node.tables import ProjectRow


def show_me(node: Node, caller: Caller) -> Me:
    """Return the person behind the token, and their projects."""
    query = select(ProjectRow).where(ProjectRow.id.in_(caller.projects)).order_by(ProjectRow.name)
    with node.database.reading() as session:
        found = tuple(projects.shown(session, row) for row in session.scalars(query))
    scopes = tuple(scope for scope in Scope if scope in caller.scopes)
    return Me(id=caller.id, name=caller.name, role=caller.role, projects=found, scopes=scopes, until=caller.until)
