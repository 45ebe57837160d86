"""Invitations: one use, a few days; with them people set their first password, or a new one."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.ids import PREFIX_INVITATION, new_id
from jali.wire.person import Invitation
from jali.wire.signin import Acceptance, SessionToken
from jali_node import audit
from jali_node.actions.people.set_password import keep
from jali_node.actions.people.sign_in import PASSWORD, begun, must_offer_passwords
from jali_node.errors import InvalidRequest, NotSignedIn
from jali_node.node import Node
from jali_node.people import passwords, throttle, tokens
from jali_node.people.caller import Caller
from jali_node.store import people
from jali_node.tables import InvitationRow, PersonRow

MARK = "jali_invitation_"
INVITATION = "invitation"
DAYS_MAX = 30
UNKNOWN = "this node does not know the invitation: it was used, replaced or too old; ask an owner for a new one"


def invite(node: Node, caller: Caller, person_id: str, days: int) -> Invitation:
    """Make out an invitation for a person, in the place of an older one.

    Raises:
        AccessDenied: the caller is not an owner.
        UnknownResource: there is no such person.
    """
    caller.must_own()
    with node.database.writing() as session:
        return made_out(session, people.by_id(session, person_id), days, caller.id)


def invite_by_name(node: Node, name: str, days: int) -> Invitation:
    """Do the same for whoever sits at the node's own machine.

    Raises:
        InvalidRequest: there is no such person, or the days are out of range.
    """
    with node.database.writing() as session:
        return made_out(session, people.by_name(session, name), days, None)


def made_out(session: Session, person: PersonRow, days: int, by: str | None) -> Invitation:
    """Make out an invitation within a transaction."""
    if not 1 <= days <= DAYS_MAX:
        raise InvalidRequest(f"expected 1 <= days <= {DAYS_MAX}, got {days}", field="days")
    text, until = tokens.secret(MARK), datetime.now(UTC) + timedelta(days=days)
    row = InvitationRow(person_id=person.id, id=new_id(PREFIX_INVITATION), sha256=tokens.hashed(text), expires_at=until)
    session.merge(row)
    audit.record(session, audit.PERSON_INVITED, person=person.id, invitation=row.id, by=by)
    session.flush()
    return Invitation(person=person.id, text=text, expires_at=until)


def accept(node: Node, form: Acceptance, address: str) -> SessionToken:
    """Set the password of whom an invitation was made out for, end their sessions, and begin one.

    Raises:
        TooManyAttempts: from this address.
        NotSignedIn: the invitation is not known any more.
        InvalidRequest: the password will not do; the invitation stays good.
        AccessDenied: this node offers no passwords.
    """
    must_offer_passwords(node.settings)
    now = datetime.now(UTC)
    with node.database.writing() as session:
        throttle.take(session, None, address, now)
    try:
        with node.database.reading() as session:
            passwords.must_be_good(form.password, invited(session, form.invitation, now).name)
    except NotSignedIn:
        with node.database.writing() as session:
            audit.record(session, audit.SIGN_IN_FAILED, way=INVITATION, person=None)
        raise
    argon2 = passwords.hashed(form.password)
    with node.database.writing() as session:
        person = taken_up(session, form.invitation, now)
        keep(session, person.id, argon2, now)
        return begun(session, node.settings, person, PASSWORD, now)


def invited(session: Session, text: str, now: datetime) -> PersonRow:
    """Return whom an invitation was made out for.

    Raises:
        NotSignedIn: it is not known any more.
    """
    return _of(session, text, now)[1]


def taken_up(session: Session, text: str, now: datetime) -> PersonRow:
    """Do the same and use the invitation up, within a transaction."""
    row, person = _of(session, text, now)
    session.delete(row)
    session.flush()
    return person


def _of(session: Session, text: str, now: datetime) -> tuple[InvitationRow, PersonRow]:
    query = select(InvitationRow).where(InvitationRow.sha256 == tokens.hashed(text)).with_for_update()
    row = session.scalars(query).one_or_none()
    if row is None or row.expires_at <= now:
        raise NotSignedIn(UNKNOWN)
    return row, people.by_id(session, row.person_id)
