"""Who the node thinks is asking."""

from sqlalchemy import select

from jali.wire.person import Me, Scope
from jali.wire.project import Project
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.tables import ProjectRow


def show_me(node: Node, caller: Caller) -> Me:
    """Return the person behind the token, and their projects."""
    query = select(ProjectRow).where(ProjectRow.id.in_(caller.projects)).order_by(ProjectRow.name)
    with node.database.reading() as session:
        projects = tuple(Project(id=p.id, name=p.name, purpose=p.purpose) for p in session.scalars(query))
    scopes = tuple(scope for scope in Scope if scope in caller.scopes)
    return Me(id=caller.id, name=caller.name, role=caller.role, projects=projects, scopes=scopes, until=caller.until)
