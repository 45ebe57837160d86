"""Another role for a person, who they are to a provider, or the end of their time here. An owner always remains."""

from datetime import UTC, datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from jali.wire.person import IdentityForm, Person, Role
from jali_node import audit
from jali_node.actions.people.show_people import shown
from jali_node.errors import InvalidRequest
from jali_node.node import Node
from jali_node.people import tokens
from jali_node.people.caller import Caller
from jali_node.store import people
from jali_node.tables import IdentityRow, InvitationRow, MemberRow, PasswordRow, PersonRow

LAST_OWNER = "this is the last owner, and a node without one could not be run: make somebody else an owner first"


def change_role(node: Node, caller: Caller | None, person_id: str, role: Role) -> Person:
    """Give a person another role; it counts from their next request on.

    Args:
        caller: an owner, or None for whoever sits at the node's own machine.

    Raises:
        AccessDenied: the caller is not an owner.
        UnknownResource: there is no such person.
        InvalidRequest: they are the last owner.
    """
    _must_own(caller)
    with node.database.writing() as session:
        person = _spared(session, person_id, stays=role is Role.OWNER)
        before, person.role = person.role, role
        session.flush()
        if before != role:
            audit.record(session, audit.ROLE_CHANGED, person=person.id, role=role, by=_id(caller))
        return shown(session, person)


def remove_person(node: Node, caller: Caller | None, person_id: str) -> Person:
    """Remove a person: their sessions, tokens, password, invitation and memberships end at once.

    What they did stays on record, and their name stays taken. Who they are to providers is kept, so that no rule lets
    them in again.

    Raises:
        AccessDenied: the caller is not an owner.
        UnknownResource: there is no such person.
        InvalidRequest: they are the last owner.
    """
    _must_own(caller)
    with node.database.writing() as session:
        person = _spared(session, person_id, stays=False)
        person.removed_at = datetime.now(UTC)
        ended = tokens.end_all(session, person.id)
        for table in (PasswordRow, InvitationRow, MemberRow):
            session.execute(delete(table).where(table.person_id == person.id))
        audit.record(session, audit.PERSON_REMOVED, person=person.id, ended=ended, by=_id(caller))
        session.flush()
        return shown(session, person)


def bind_identity(node: Node, caller: Caller | None, person_id: str, form: IdentityForm) -> Person:
    """Say who a person is to a provider, so that they can sign in with it.

    Raises:
        AccessDenied: the caller is not an owner.
        UnknownResource: there is no such person.
        InvalidRequest: the provider's subject is somebody else here.
    """
    _must_own(caller)
    with node.database.writing() as session:
        person = people.by_id(session, person_id)
        bound(session, person, form.issuer, form.subject, _id(caller))
        return shown(session, person)


def bound(session: Session, person: PersonRow, issuer: str, subject: str, by: str | None) -> None:
    """Bind a person to an issuer's subject within a transaction."""
    known = session.get(IdentityRow, (issuer, subject))
    holder = session.get_one(PersonRow, known.person_id) if known else None
    if holder is not None and holder.id != person.id and holder.removed_at is None:
        raise InvalidRequest("the provider's subject belongs to another person here", field="subject")
    if holder is None or holder.id != person.id:
        now = datetime.now(UTC)
        session.merge(IdentityRow(issuer=issuer, subject=subject, person_id=person.id, created_at=now))
        session.flush()
        audit.record(session, audit.IDENTITY_BOUND, person=person.id, by=by)


def _spared(session: Session, person_id: str, *, stays: bool) -> PersonRow:
    """Return a person who may change; the last owner may not cease to be one, whoever else changes just now."""
    owners = people.owners(session)
    person = people.by_id(session, person_id)
    if not stays and [owner.id for owner in owners] == [person.id]:
        raise InvalidRequest(LAST_OWNER, field="person")
    return person


def _must_own(caller: Caller | None) -> None:
    if caller is not None:
        caller.must_own()


def _id(caller: Caller | None) -> str | None:
    return caller.id if caller is not None else None
