"""Persons as they are read: those who are here, by id or name, and the owners among them under a lock."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.person import Role
from jali_node.errors import InvalidRequest, UnknownResource
from jali_node.tables import PersonRow


def by_id(session: Session, person_id: str) -> PersonRow:
    """Return a person who has not been removed.

    Raises:
        UnknownResource: there is none.
    """
    row = session.get(PersonRow, person_id)
    if row is None or row.removed_at is not None:
        raise UnknownResource("there is no such person, or they were removed", field="person")
    return row


def by_name(session: Session, name: str) -> PersonRow:
    """Return a person who has not been removed, by their name.

    Raises:
        InvalidRequest: there is none.
    """
    row = found(session, name)
    if row is None:
        raise InvalidRequest(f"there is no person {name}; add one with jali node user add", field="person")
    return row


def found(session: Session, name: str) -> PersonRow | None:
    """Return the person of a name who has not been removed, if there is one."""
    return session.scalars(select(PersonRow).where(PersonRow.name == name, PersonRow.removed_at.is_(None))).first()


def anybody(session: Session, name: str) -> PersonRow:
    """Return a person by id or name, one who was removed too.

    Raises:
        UnknownResource: there is and was none.
    """
    named = select(PersonRow).where(PersonRow.name == name)
    row = session.get(PersonRow, name) or session.scalars(named).one_or_none()
    if row is None:
        raise UnknownResource("there is no such person, and there was none", field="person")
    return row


def is_taken(session: Session, name: str) -> bool:
    """Say whether somebody has or had a name here."""
    return session.scalars(select(PersonRow.id).where(PersonRow.name == name)).first() is not None


def owners(session: Session) -> list[PersonRow]:
    """Return the owners, whose roles nobody else changes until the transaction ends."""
    query = select(PersonRow).where(PersonRow.role == Role.OWNER, PersonRow.removed_at.is_(None))
    locked = query.order_by(PersonRow.id).with_for_update().execution_options(populate_existing=True)
    return list(session.scalars(locked))
