"""Who there is, as overseers read it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.person import Person, Role
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.store import clock
from jali_node.tables import IdentityRow, InvitationRow, MemberRow, PasswordRow, PersonRow, ProjectRow


def list_people(node: Node, caller: Caller) -> list[Person]:
    """Return everybody, those who were removed too, by name.

    Raises:
        AccessDenied: the caller does not oversee this node.
    """
    caller.must_oversee()
    return everybody(node)


def everybody(node: Node) -> list[Person]:
    """Do the same for whoever sits at the node's own machine."""
    with node.database.reading() as session:
        return [shown(session, row) for row in session.scalars(select(PersonRow).order_by(PersonRow.name))]


def shown(session: Session, row: PersonRow) -> Person:
    """Return a stored person as overseers see them."""
    projects = select(ProjectRow.name).join(MemberRow, MemberRow.project_id == ProjectRow.id)
    issuers = select(IdentityRow.issuer).where(IdentityRow.person_id == row.id).distinct()
    invitation = session.get(InvitationRow, row.id)
    open_until = invitation.expires_at if invitation and invitation.expires_at > clock.now(session) else None
    return Person(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        projects=tuple(session.scalars(projects.where(MemberRow.person_id == row.id).order_by(ProjectRow.name))),
        ways=(
            *(("password",) if session.get(PasswordRow, row.id) else ()),
            *(() if row.removed_at else session.scalars(issuers.order_by(IdentityRow.issuer))),
        ),
        created_at=row.created_at,
        invited_until=open_until,
        removed_at=row.removed_at,
    )
