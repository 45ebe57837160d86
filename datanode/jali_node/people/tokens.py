"""API tokens: 256 random bits, shown once, kept as a SHA-256, valid until a day."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from jali.wire.ids import PREFIX_TOKEN, new_id
from jali.wire.person import Role
from jali_node.errors import NotSignedIn, TokenExpired
from jali_node.people.caller import Caller
from jali_node.tables import MemberRow, PersonRow, TokenRow

MARK = "jali_"
"""Tokens begin with it, so that scanners for leaked secrets can find them."""

_BEHIND = (
    select(TokenRow.expires_at, PersonRow.id, PersonRow.name, PersonRow.role, MemberRow.project_id)
    .join(PersonRow, PersonRow.id == TokenRow.person_id)
    .outerjoin(MemberRow, MemberRow.person_id == PersonRow.id)
    .where(TokenRow.sha256 == bindparam("sha256"))
)
"""Written down once: every request asks it."""


def issue(session: Session, person_id: str, days: int, now: datetime) -> tuple[TokenRow, str]:
    """Store a new token and return its record and its text, which is kept nowhere."""
    text = MARK + secrets.token_urlsafe(32)
    row = TokenRow(
        id=new_id(PREFIX_TOKEN),
        person_id=person_id,
        sha256=hashed(text),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    session.add(row)
    session.flush()
    return row, text


def caller(session: Session, text: str | None, now: datetime | None = None) -> Caller:
    """Return the person behind a token.

    Raises:
        NotSignedIn: there is no token, or this node does not know it.
        TokenExpired: its day has passed.
    """
    if not text:
        raise NotSignedIn("send a token as 'Authorization: Bearer jali_...'; an owner makes one with jali node token")
    found = session.execute(_BEHIND, {"sha256": hashed(text)}).all()
    if not found:
        raise NotSignedIn("this node does not know the token; ask an owner for a new one")
    expires_at, person_id, name, role, _ = found[0]
    if expires_at <= (now or datetime.now(UTC)):
        raise TokenExpired(f"the token expired on {expires_at:%Y-%m-%d}; ask an owner for a new one")
    return Caller(person_id, name, Role(role), frozenset(row.project_id for row in found if row.project_id))


def hashed(text: str) -> str:
    """Return the hash under which a token is stored. It is random enough that a slow hash would add nothing."""
    return hashlib.sha256(text.encode()).hexdigest()
