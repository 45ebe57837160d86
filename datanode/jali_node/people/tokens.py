"""API tokens: 256 random bits, shown once, kept as a SHA-256, valid until a day."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.ids import PREFIX_TOKEN, new_id
from jali.wire.person import Role
from jali_node.errors import NotSignedIn, TokenExpired
from jali_node.people.caller import Caller
from jali_node.tables import MemberRow, PersonRow, TokenRow

MARK = "jali_"
"""Tokens begin with it, so that scanners for leaked secrets can find them."""


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
    token = session.scalars(select(TokenRow).where(TokenRow.sha256 == hashed(text))).one_or_none()
    if token is None:
        raise NotSignedIn("this node does not know the token; ask an owner for a new one")
    if token.expires_at <= (now or datetime.now(UTC)):
        raise TokenExpired(f"the token expired on {token.expires_at:%Y-%m-%d}; ask an owner for a new one")
    person = session.get_one(PersonRow, token.person_id)
    projects = session.scalars(select(MemberRow.project_id).where(MemberRow.person_id == person.id))
    return Caller(person.id, person.name, Role(person.role), frozenset(projects))


def hashed(text: str) -> str:
    """Return the hash under which a token is stored. It is random enough that a slow hash would add nothing."""
    return hashlib.sha256(text.encode()).hexdigest()
