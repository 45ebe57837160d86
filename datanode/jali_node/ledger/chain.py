"""The hash chain: every record carries the hash of the one before it.

It shows that records are unaltered, given a hash that somebody else holds. It cannot show that noise was honest.
"""

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire import ledger
from jali.wire.ledger import GENESIS, ChainReport, LedgerEntry, chained, entry_record
from jali.wire.money import canonical
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
    """
    moment = at or datetime.now(UTC)
    locked = select(ChainHeadRow).where(ChainHeadRow.id == HEAD).with_for_update()
    head = session.scalars(locked.execution_options(populate_existing=True)).one()
    seq = head.seq + 1
    row = EntryRow(
        seq=seq,
        kind=kind,
        v=VERSION,
        at=moment,
        body=canonical(body).decode(),
        prev_hash=head.hash,
        hash=chained(head.hash, seq, entry_record(kind, VERSION, moment, body)),
    )
    session.add(row)
    head.seq, head.hash = seq, row.hash
    session.flush()
    return row


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


def verify(session: Session) -> ChainReport:
    """Walk the whole chain and report the first position where it departs, if any."""
    expected, previous = 1, GENESIS
    query = select(EntryRow).order_by(EntryRow.seq).execution_options(yield_per=1000)
    with closing(session.scalars(query)) as rows:
        for row in rows:
            fault = _fault(row, expected, previous)
            if fault:
                return ChainReport(entries=expected - 1, head=previous, valid=False, broken_at=expected, reason=fault)
            expected, previous = expected + 1, row.hash
    head = session.get_one(ChainHeadRow, HEAD)
    if (head.seq, head.hash) != (expected - 1, previous):
        reason = f"the head says {head.seq} entries, the chain has {expected - 1}"
        return ChainReport(entries=expected - 1, head=previous, valid=False, broken_at=expected, reason=reason)
    return ChainReport(entries=expected - 1, head=previous, valid=True)


def _fault(row: EntryRow, expected: int, previous: str) -> str:
    if row.seq != expected:
        return f"entry {expected} is missing, found {row.seq}"
    if row.prev_hash != previous:
        return "it does not follow from the entry before it"
    try:
        rightful = chained(previous, row.seq, entry_record(row.kind, row.v, row.at, json.loads(row.body)))
    except (ValueError, TypeError):  # no JSON, or JSON with floats: nothing that was ever appended
        return "its content cannot be read"
    return "" if row.hash == rightful else "its content does not match its hash"
