"""What time it is, for whatever ends: never before the newest entry of the chain.

A machine's clock may be set back, by mistake or to let something that has ended begin again. What was recorded does not
move back with it: until the clock is right again, the newest entry's time counts, and nothing is appended.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from jali_node.errors import ClockBehind
from jali_node.store.ready import Ready
from jali_node.tables import Base

TOLERANCE = timedelta(seconds=5)
"""So far back a clock may be moved, as time servers do, and nobody minds."""
_ENTRY, _CHAIN_HEAD = Base.metadata.tables["entry"], Base.metadata.tables["chain_head"]
_NEWEST = select(_ENTRY.c.at).where(_ENTRY.c.seq == select(_CHAIN_HEAD.c.seq).scalar_subquery())
_NEWEST_READY = Ready(_NEWEST)
NEVER = datetime.min.replace(tzinfo=UTC)


def now(session: Session) -> datetime:
    """Return the time by which things end: the machine's, or the newest entry's where that is later."""
    return max(datetime.now(UTC), newest(session))


def newest(session: Session) -> datetime:
    """Return when the newest entry was written, by the clock of that moment."""
    found = _NEWEST_READY.row(session, {})
    moment: datetime = found.at if found else NEVER
    return moment


def not_over(ends: ColumnElement[datetime] | InstrumentedAttribute[datetime]) -> ColumnElement[bool]:
    """Return the condition that something has not ended, by the same time as `now`, within the statement itself."""
    return (ends > datetime.now(UTC)) & (ends > _NEWEST.scalar_subquery())


def refuse_if_behind(last: datetime) -> datetime:
    """Return the time at which an entry may be appended after that of `last`: entries never go back in time.

    Raises:
        ClockBehind: the machine's clock stands before the newest entry by more than `TOLERANCE`.
    """
    moment = datetime.now(UTC)
    if last - moment > TOLERANCE:
        behind_s = round((last - moment).total_seconds())
        raise ClockBehind(
            f"the node's clock says {moment:%Y-%m-%d %H:%M:%S} UTC, but the newest entry of its ledger is of "
            f"{last:%Y-%m-%d %H:%M:%S} UTC, {behind_s} s later: until the clock is right again, nothing is spent or "
            "recorded. Its owner sets the clock, and the node goes on by itself; or, if it was wrong when that entry "
            "was written and is right now, runs `jali node clock --accept`",
            clock=moment.isoformat(),
            newest=last.isoformat(),
            behind_s=behind_s,
        )
    return max(moment, last)
