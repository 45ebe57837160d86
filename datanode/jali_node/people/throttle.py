"""What slows down guessing: each name and each address has a pace, kept in the database.

An attempt is counted before the password is looked at, so that many at once pass no more than one after the other. It
is the generic cell rate algorithm: `free_at` moves on by the pace with each attempt, and may be ahead of the clock by a
burst. Nothing tells a name that exists from one that does not.
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from jali_node.errors import TooManyAttempts
from jali_node.tables import ThrottleRow


@dataclass(frozen=True)
class Pace:
    """So many attempts at once, then one each `step`."""

    burst: int
    step: timedelta

    def moved(self, free_at: datetime, now: datetime) -> tuple[datetime, timedelta]:
        """Return where an attempt now moves `free_at`, and how long it must wait, which is 0 for one that passes."""
        ahead = max(free_at, now) + self.step
        return ahead, max(timedelta(), ahead - now - self.burst * self.step)


PERSON = Pace(burst=8, step=timedelta(minutes=2))
ADDRESS = Pace(burst=40, step=timedelta(seconds=15))
CLOCKS_DIFFER = timedelta(seconds=1)
"""An attempt that waited for the lock has an older `now` than the one before it; far less than a step."""
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def take(session: Session, name: str | None, address: str, now: datetime) -> None:
    """Count an attempt at a name, if there is one, and from an address, before anything is looked at.

    Raises:
        TooManyAttempts: it is one too many; nothing is counted.
    """
    paces = {_of_address(address): ADDRESS}
    if name is not None:
        paces[_of_name(name)] = PERSON
    for key in sorted(paces):  # always in this order: two attempts never wait for each other
        row, pace = _locked(session, key, now), paces[key]
        row.free_at, wait = pace.moved(row.free_at, now)
        if wait > CLOCKS_DIFFER:
            seconds = int(wait.total_seconds()) + 1
            raise TooManyAttempts(f"too many attempts to sign in; wait {seconds} seconds", wait_s=seconds)
    session.flush()
    over = select(ThrottleRow.key).where(ThrottleRow.free_at < now).with_for_update(skip_locked=True)
    session.execute(delete(ThrottleRow).where(ThrottleRow.key.in_(over)))


def _locked(session: Session, key: str, now: datetime) -> ThrottleRow:
    """Return a key's row, which nobody else counts on until the transaction ends; a new one is made if needed."""
    insert = _INSERTS[session.get_bind().dialect.name]
    session.execute(insert(ThrottleRow).values(key=key, free_at=now).on_conflict_do_nothing())
    return session.scalars(select(ThrottleRow).where(ThrottleRow.key == key).with_for_update()).one()


def forgive(session: Session, name: str) -> None:
    """Forget the attempts at a name, which turned out to be its owner's."""
    session.execute(delete(ThrottleRow).where(ThrottleRow.key == _of_name(name)))


def _of_name(name: str) -> str:
    return hashlib.sha256(f"name:{name}".encode()).hexdigest()


def _of_address(address: str) -> str:
    """Return the key of an address; an IPv6 one's is its network's, which one line may choose from freely."""
    try:
        found = ipaddress.ip_address(address)
        kept = str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)
    except ValueError:
        kept = address
    return hashlib.sha256(f"address:{kept}".encode()).hexdigest()
