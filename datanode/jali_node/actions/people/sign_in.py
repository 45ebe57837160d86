"""Signing in by password, and out: a session begins and ends."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from jali.wire.signin import Ended, PasswordForm, SessionToken
from jali_node import audit
from jali_node.errors import AccessDenied, NotSignedIn
from jali_node.node import Node
from jali_node.people import passwords, throttle, tokens
from jali_node.people.caller import Caller
from jali_node.settings import Settings
from jali_node.store import people
from jali_node.tables import PasswordRow, PersonRow, TokenRow

PASSWORD = "password"  # noqa: S105 - a way in, not a secret
WRONG = "the name or the password is wrong, or this person has no password: an owner can invite them to set one"


def sign_in(node: Node, form: PasswordForm, address: str) -> SessionToken:
    """Begin a session for a name and a password, from an address.

    An unknown name, a wrong password and a person without one are answered alike, and take as long.

    Raises:
        TooManyAttempts: at this name, or from this address; the password is not looked at.
        NotSignedIn: they do not belong together.
        AccessDenied: this node offers no passwords.
    """
    must_offer_passwords(node.settings)
    now = datetime.now(UTC)
    with node.database.writing() as session:
        throttle.take(session, form.name, address, now)
    kept = _kept(node, form.name)
    good = passwords.holds(kept, form.password)
    renewed = passwords.hashed(form.password) if good and kept and passwords.is_outdated(kept) else None
    with node.database.writing() as session:
        person = people.found(session, form.name)
        row = session.get(PasswordRow, person.id, with_for_update=True) if person else None
        if good and person and row and row.argon2 == kept:  # else it was changed while we looked
            row.argon2 = renewed or row.argon2
            throttle.forgive(session, form.name)
            return begun(session, node.settings, person, PASSWORD, now)
        audit.record(session, audit.SIGN_IN_FAILED, way=PASSWORD, person=person.id if person else None)
    raise NotSignedIn(WRONG)


def sign_out(node: Node, caller: Caller) -> Ended:
    """End the session that the caller came with. A token is not ended by it; it can be revoked.

    Raises:
        AccessDenied: they came with a token.
    """
    if not caller.session:
        raise AccessDenied("you came with an API token, which is no session: revoke it, or stop using it")
    with node.database.writing() as session:
        session.execute(delete(TokenRow).where(TokenRow.id == caller.token))
        audit.record(session, audit.SIGNED_OUT, person=caller.id, token=caller.token)
    return Ended(ended=1)


def begun(session: Session, settings: Settings, person: PersonRow, way: str, now: datetime) -> SessionToken:
    """Begin a session within a transaction, and forget the person's that are over."""
    over = TokenRow.expires_at <= now
    idle = (TokenRow.kind == tokens.SESSION) & (TokenRow.seen_at <= now - settings.idle)
    forgotten = delete(TokenRow).where(TokenRow.person_id == person.id, over | idle)
    session.execute(forgotten.execution_options(synchronize_session=False))
    until = now + timedelta(days=settings.session_days)
    row, text = tokens.issue(session, person.id, until, now, kind=tokens.SESSION, name=way)
    audit.record(session, audit.SIGNED_IN, person=person.id, token=row.id, way=way)
    return SessionToken(token=text, name=person.name, expires_at=until, idle_s=int(settings.idle.total_seconds()))


def must_offer_passwords(settings: Settings) -> None:
    """Refuse where the owners have chosen that nobody signs in by password."""
    if not settings.passwords:
        raise AccessDenied("this node offers no passwords: sign in with one of its providers")


def _kept(node: Node, name: str) -> str | None:
    with node.database.reading() as session:
        person = people.found(session, name)
        row = session.get(PasswordRow, person.id) if person else None
        return row.argon2 if row else None
