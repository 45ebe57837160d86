"""API tokens and sessions: 256 random bits, shown once, kept as a SHA-256, valid until a moment.

A session is a token of every scope that also ends when nobody uses it for a while. When something was last used is
noted to the hour (a session's to the minute), so that reading stays reading.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from jali.wire.ids import PREFIX_TOKEN, new_id
from jali.wire.person import Role, Scope, Token
from jali_node.errors import NotSignedIn, TokenExpired
from jali_node.people.caller import Caller
from jali_node.store import clock
from jali_node.tables import MemberRow, PersonRow, TokenRow

MARK = "jali_"
"""Tokens begin with it, so that scanners for leaked secrets can find them."""
TOKEN, SESSION = "token", "session"
IDLE = timedelta(hours=24)
SEEN_STEP = {TOKEN: timedelta(hours=1), SESSION: timedelta(minutes=1)}

_BEHIND = (
    select(TokenRow, PersonRow.name.label("person_name"), PersonRow.role, MemberRow.project_id)
    .join(PersonRow, PersonRow.id == TokenRow.person_id)
    .outerjoin(MemberRow, MemberRow.person_id == PersonRow.id)
    .where(TokenRow.sha256 == bindparam("sha256"), PersonRow.removed_at.is_(None))
)
"""Written down once: every request asks it."""


def issue(
    session: Session,
    person_id: str,
    expires_at: datetime,
    now: datetime,
    *,
    kind: str = TOKEN,
    name: str = "",
    scopes: Iterable[Scope] = tuple(Scope),
) -> tuple[TokenRow, str]:
    """Store a new token and return its record and its text, which is kept nowhere."""
    text = secret(MARK)
    row = TokenRow(
        id=new_id(PREFIX_TOKEN),
        person_id=person_id,
        sha256=hashed(text),
        kind=kind,
        name=name,
        scopes=" ".join(scope for scope in Scope if scope in set(scopes)),
        created_at=now,
        expires_at=expires_at,
        seen_at=None,
    )
    session.add(row)
    session.flush()
    return row, text


def caller(session: Session, text: str | None, now: datetime | None = None, idle: timedelta = IDLE) -> Caller:
    """Return the person behind a token or session.

    Raises:
        NotSignedIn: there is no token, or this node does not know it (any more).
        TokenExpired: its end has passed, or nobody used a session for as long as `idle`.
    """
    if not text:
        raise NotSignedIn("send a token as 'Authorization: Bearer jali_...'; an owner makes one with jali node token")
    found = session.execute(_BEHIND, {"sha256": hashed(text)}).all()
    if not found:
        raise NotSignedIn("this node does not know the token; ask an owner for a new one")
    row, moment = found[0].TokenRow, now or clock.now(session)
    if row.expires_at <= moment:
        again = "sign in again" if row.kind == SESSION else "ask an owner for a new one"
        raise TokenExpired(f"the {row.kind} expired on {row.expires_at:%Y-%m-%d}; {again}")
    seen_at = row.seen_at or row.created_at
    if row.kind == SESSION and moment - seen_at >= idle:
        raise TokenExpired(f"the session was not used for {_hours(idle)}; sign in again")
    return Caller(
        row.person_id,
        found[0].person_name,
        Role(found[0].role),
        frozenset(line.project_id for line in found if line.project_id),
        scopes=frozenset(map(Scope, row.scopes.split())),
        token=row.id,
        session=row.kind == SESSION,
        until=row.expires_at,
        unseen=moment - seen_at >= SEEN_STEP[row.kind],
    )


def note_use(session: Session, token_id: str, now: datetime) -> None:
    """Write down that a token was used now."""
    session.execute(update(TokenRow).where(TokenRow.id == token_id).values(seen_at=now))


def end_all(session: Session, person_id: str, kinds: Iterable[str] = (TOKEN, SESSION)) -> int:
    """End a person's tokens and sessions, and return how many."""
    ending = delete(TokenRow).where(TokenRow.person_id == person_id, TokenRow.kind.in_(list(kinds)))
    return len(session.execute(ending.returning(TokenRow.id)).all())


def shown(row: TokenRow) -> Token:
    """Return a token as it is shown."""
    return Token(
        id=row.id,
        name=row.name,
        session=row.kind == SESSION,
        scopes=tuple(map(Scope, row.scopes.split())),
        created_at=row.created_at,
        expires_at=row.expires_at,
        seen_at=row.seen_at,
    )


def secret(mark: str) -> str:
    """Return 256 random bits as text behind a mark."""
    return mark + secrets.token_urlsafe(32)


def hashed(text: str) -> str:
    """Return the hash under which a token is stored. It is random enough that a slow hash would add nothing."""
    return hashlib.sha256(text.encode()).hexdigest()


def _hours(time: timedelta) -> str:
    return f"{time.total_seconds() / 3600:g} hours"
