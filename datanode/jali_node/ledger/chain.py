"""The hash chain: every record carries the hash of the one before it.

It shows that records are unaltered, given a hash that somebody else holds. It cannot show that noise was honest.
"""

import json
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire import ledger
from jali.wire.ledger import ChainReport, LedgerEntry, chained, record_digest
from jali.wire.money import canonical
from jali.wire.walk import Walk
from jali_node.ledger.witness import Witness
from jali_node.store import clock
from jali_node.tables import ChainHeadRow, EntryRow

HEAD = 1
VERSION = 1
_HEAD = select(ChainHeadRow.hash).where(ChainHeadRow.id == HEAD)


def append(session: Session, kind: str, body: dict[str, Any], at: datetime | None = None) -> EntryRow:
    """Add a record and return it. Takes the chain's lock until the transaction ends.

    Args:
        kind: what happened, such as `spend.begun`.
        body: pseudonymous ids, digests and whole numbers. Names, purposes and values do not belong here: entries
            can never be erased.

    Raises:
        LedgerIncomplete: the chain lacks what the checkpoint beside the database knows; nothing may be appended.
        ClockBehind: the machine's clock stands before the newest entry.
    """
    head = _head_row(session)
    witness: Witness | None = session.info.get("keeper")
    if witness and "appended" not in session.info:
        witness.refuse_unless_it_goes_on(session, head.seq, head.hash)
    moment = at or _moment(session)
    seq = head.seq + 1
    row = EntryRow(
        seq=seq,
        kind=kind,
        v=VERSION,
        at=moment,
        body=canonical(body).decode(),
        prev_hash=head.hash,
        hash=chained(head.hash, seq, record_digest(kind, VERSION, moment, body)),
    )
    session.add(row)
    head.seq, head.hash = seq, row.hash
    session.flush()
    session.info["appended"] = seq, row.hash
    session.info["appended_at"] = moment
    return row


def _moment(session: Session) -> datetime:
    """Return the time of an entry: the machine's, but not before the entry before it. Asked under the chain's lock."""
    before: datetime | None = session.info.get("appended_at")
    return max(datetime.now(UTC), before) if before else clock.refuse_if_behind(session)


def locked_head(session: Session) -> tuple[int, str]:
    """Return the newest entry's position and hash; nobody appends until the transaction ends."""
    row = _head_row(session)
    return row.seq, row.hash


def newest_at(session: Session) -> datetime:
    """Return when the newest entry was written; nobody appends until the transaction ends."""
    _head_row(session)
    return clock.newest(session)


def move_head(session: Session, seq: int, hashed: str) -> None:
    """Let the chain end at an entry that was imported; its lock is held."""
    row = _head_row(session)
    row.seq, row.hash = seq, hashed
    session.flush()
    session.info["appended"] = seq, hashed


def _head_row(session: Session) -> ChainHeadRow:
    locked = select(ChainHeadRow).where(ChainHeadRow.id == HEAD).with_for_update()
    return session.scalars(locked.execution_options(populate_existing=True)).one()


def head(session: Session) -> str:
    """Return the newest entry's hash: it changes with whatever is recorded."""
    return session.execute(_HEAD).scalar_one()


def entry(row: EntryRow) -> LedgerEntry:
    """Return a record as it is shown."""
    return LedgerEntry(
        seq=row.seq,
        kind=row.kind,
        v=row.v,
        at=row.at,
        body=json.loads(row.body),
        prev_hash=row.prev_hash,
        hash=row.hash,
    )


def page(session: Session, after: int, limit: int) -> ledger.LedgerPage:
    """Return up to `limit` records after position `after`."""
    rows = session.scalars(select(EntryRow).where(EntryRow.seq > after).order_by(EntryRow.seq).limit(limit)).all()
    return ledger.LedgerPage(
        entries=tuple(entry(row) for row in rows),
        next_after=rows[-1].seq if len(rows) == limit else None,
    )


def end(session: Session) -> tuple[int, str]:
    """Return the newest entry's position and hash, as this session sees them."""
    row = session.get_one(ChainHeadRow, HEAD)
    return row.seq, row.hash


def links(session: Session, after: int, limit: int) -> ledger.Links:
    """Return the digests of up to `limit` records after a position."""
    rows = session.scalars(select(EntryRow).where(EntryRow.seq > after).order_by(EntryRow.seq).limit(limit)).all()
    return ledger.Links(
        after=after,
        records=tuple(record_digest(row.kind, row.v, row.at, json.loads(row.body)) for row in rows),
        next_after=rows[-1].seq if len(rows) == limit else None,
    )


def verify(session: Session, checkpoints: Mapping[int, str] | None = None) -> ChainReport:
    """Walk the whole chain and report the first position where it departs, if any.

    Args:
        checkpoints: hashes by position that it has to pass through.
    """
    walk = Walk(checkpoints or {})
    query = select(EntryRow).order_by(EntryRow.seq).execution_options(yield_per=1000)
    with closing(session.scalars(query)) as rows:
        for row in rows:
            if not _stepped(walk, row):
                break
    report = walk.report()
    seq, hashed = end(session)
    if report.valid and (seq, hashed) != (walk.count, walk.head):
        reason = f"the head says {seq} entries, the chain has {walk.count}"
        return report.model_copy(update={"valid": False, "broken_at": walk.count + 1, "reason": reason})
    return report


def _stepped(walk: Walk, row: EntryRow) -> bool:
    try:
        return walk.step_entry(entry(row))
    except (ValueError, TypeError):  # no JSON, or JSON with floats: nothing that was ever appended
        walk.fault = "its content cannot be read"
        return False
