"""Changing one's own password. The first one is set with an invitation."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from jali.wire.signin import Ended, NewPassword
from jali_node import audit
from jali_node.actions.people.sign_in import PASSWORD, must_offer_passwords
from jali_node.errors import InvalidRequest
from jali_node.node import Node
from jali_node.people import passwords, throttle, tokens
from jali_node.people.caller import Caller
from jali_node.tables import PasswordRow


def set_password(node: Node, caller: Caller, form: NewPassword, address: str) -> Ended:
    """Change the caller's password. All their sessions end; their tokens stay until they are revoked.

    Raises:
        TooManyAttempts: to guess the current one.
        InvalidRequest: the current one is wrong, or the new one will not do.
        AccessDenied: this node offers no passwords.
    """
    must_offer_passwords(node.settings)
    passwords.must_be_good(form.new, caller.name, field="new")
    now = datetime.now(UTC)
    with node.database.writing() as session:
        throttle.take(session, caller.name, address, now)
        row = session.get(PasswordRow, caller.id)
        kept = row.argon2 if row else None
    if not passwords.holds(kept, form.current):
        with node.database.writing() as session:
            audit.record(session, audit.SIGN_IN_FAILED, way=PASSWORD, person=caller.id)
        raise InvalidRequest("this is not your current password; an owner can invite you to set one", field="current")
    argon2 = passwords.hashed(form.new)
    with node.database.writing() as session:
        throttle.forgive(session, caller.name)
        return Ended(ended=keep(session, caller.id, argon2, now))


def keep(session: Session, person_id: str, argon2: str, now: datetime) -> int:
    """Write down a password within a transaction, end the person's sessions, and return how many."""
    session.merge(PasswordRow(person_id=person_id, argon2=argon2, set_at=now))
    ended = tokens.end_all(session, person_id, [tokens.SESSION])
    audit.record(session, audit.PASSWORD_SET, person=person_id, ended=ended)
    return ended
