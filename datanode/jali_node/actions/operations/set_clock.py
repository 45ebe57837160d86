"""A clock that was wrong and is right again: an owner says so, and the ledger goes on from the time that it is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from jali.wire.notice import NoticeState
from jali_node import audit
from jali_node.errors import InvalidRequest
from jali_node.ledger import chain
from jali_node.node import Node
from jali_node.people import tokens
from jali_node.store import clock
from jali_node.tables import GrantRow, JobRoundRow, NoticeRow, ThrottleRow, TokenRow


@dataclass(frozen=True)
class Times:
    """What the machine's clock says, and the time of the ledger's newest entry."""

    clock: datetime
    newest: datetime

    @property
    def behind(self) -> timedelta:
        """How far the clock stands before the entry; 0 where it does not."""
        return max(self.newest - self.clock, timedelta())

    @property
    def wrong(self) -> bool:
        """Whether nothing is appended until the clock is right."""
        return self.behind > clock.TOLERANCE


@dataclass(frozen=True)
class Mended:
    """What was put right, and what an owner has to look at: tokens and grants that end later than was meant."""

    times: Times
    sessions: int
    tokens: int
    grants: int


def times(node: Node) -> Times:
    """Return both times."""
    with node.database.reading() as session:
        return _times(session)


def accept_clock(node: Node) -> Mended:
    """Let the ledger go on from the machine's time, though its newest entry is of a later one. An entry says so.

    What waits for a time that was reckoned from the wrong one waits no longer: notices, leases of rounds, pauses after
    wrong passwords. Sessions that were begun meanwhile end.

    Raises:
        InvalidRequest: the clock does not stand before the newest entry.
    """
    with node.database.writing() as session:
        chain.locked_head(session)
        found = _times(session)
        if not found.wrong:
            raise InvalidRequest(
                f"the clock says {found.clock:%Y-%m-%d %H:%M:%S} UTC, which is not before the newest entry of "
                f"{found.newest:%Y-%m-%d %H:%M:%S} UTC: there is nothing to accept",
                field="clock",
            )
        behind_s = round(found.behind.total_seconds())
        chain.append(session, audit.CLOCK_ACCEPTED, {"behind_s": behind_s}, at=found.clock)
        return _mended(session, found)


def _times(session: Session) -> Times:
    newest = clock.newest(session)
    return Times(datetime.now(UTC), newest)


def _mended(session: Session, found: Times) -> Mended:
    now = found.clock
    due = (NoticeRow.state == NoticeState.WAITING) & (NoticeRow.next_at > now)
    session.execute(update(NoticeRow).where(due).values(next_at=now))
    session.execute(update(JobRoundRow).where(JobRoundRow.lease_until > now).values(lease_until=now))
    session.execute(update(ThrottleRow).where(ThrottleRow.free_at > now).values(free_at=now))
    meanwhile = TokenRow.created_at > now
    begun = delete(TokenRow).where(meanwhile, TokenRow.kind == tokens.SESSION).returning(TokenRow.id)
    ended = session.execute(begun.execution_options(synchronize_session=False)).all()
    session.execute(update(TokenRow).where(TokenRow.seen_at > now).values(seen_at=now))
    return Mended(found, len(ended), _number(session, meanwhile), _number(session, GrantRow.created_at > now))


def _number(session: Session, which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(which)) or 0
