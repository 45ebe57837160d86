"""The hash chain: every record carries the hash of the one before it.

It shows that records are unaltered, given a hash that somebody else holds. It cannot show that noise was honest.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from jali.wire import ledger
from jali.wire.ledger import ChainReport, LedgerEntry, chained, record_digest, written_digest
from jali.wire.money import canonical
from jali.wire.walk import Walk
from jali_node.ledger.witness import Witness
from jali_node.store import clock
from jali_node.store.ready import Ready
from jali_node.tables import Base, EntryRow

HEAD = 1
VERSION = 1
_ENTRY, _CHAIN_HEAD = Base.metadata.tables["entry"], Base.metadata.tables["chain_head"]
_HEAD = select(_CHAIN_HEAD.c.hash).where(_CHAIN_HEAD.c.id == HEAD)
_END = select(_CHAIN_HEAD.c.seq, _CHAIN_HEAD.c.hash).where(_CHAIN_HEAD.c.id == HEAD)
_LOCKED_END = Ready(
    _END.add_columns(
        select(_ENTRY.c.at).where(_ENTRY.c.seq == _CHAIN_HEAD.c.seq).scalar_subquery().label("at")
    ).with_for_update()
)
_APPENDED = Ready(insert(_ENTRY))
_MOVE = Ready(
    update(_CHAIN_HEAD).where(_CHAIN_HEAD.c.id == HEAD).values(seq=bindparam("end"), hash=bindparam("hashed"))
)


def append(session: Session, kind: str, body: dict[str, Any], at: datetime | None = None) -> None:
    """Add a record, as `append_all` does."""
    append_all(session, [(kind, body)], at)


def append_all(session: Session, records: Sequence[tuple[str, dict[str, Any]]], at: datetime | None = None) -> None:
    """Add records, in their order. Takes the chain's lock until the transaction ends.

    Args:
        records: what happened, such as `spend.begun`, and its body: pseudonymous ids, digests and whole numbers. Names,
            purposes and values do not belong here: entries can never be erased.

    Raises:
        LedgerIncomplete: the chain lacks what the checkpoint beside the database knows; nothing may be appended.
        ClockBehind: the machine's clock stands before the newest entry.
    """
    session.flush()
    seq, head, newest = _locked_end(session)
    witness: Witness | None = session.info.get("keeper")
    if witness and "appended" not in session.info:
        witness.refuse_unless_it_goes_on(session, seq, head)
    moment = at or _moment(session, newest)
    rows = []
    for kind, body in records:
        seq, before = seq + 1, head
        written = canonical(body)
        head = chained(before, seq, written_digest(kind, VERSION, moment, written))
        facts = {"kind": kind, "v": VERSION, "at": moment, "body": written.decode()}
        rows.append({"seq": seq, **facts, "prev_hash": before, "hash": head})
    _APPENDED.run(session, *rows)
    move_head(session, seq, head)
    session.info["appended_at"] = moment


def _moment(session: Session, newest: datetime) -> datetime:
    """Return the time of an entry: the machine's, but not before the entry before it. Asked under the chain's lock."""
    before: datetime | None = session.info.get("appended_at")
    return max(datetime.now(UTC), before) if before else clock.refuse_if_behind(newest)


def locked_head(session: Session) -> tuple[int, str]:
    """Return the newest entry's position and hash; nobody appends until the transaction ends."""
    return _locked_end(session)[:2]


def newest_at(session: Session) -> datetime:
    """Return when the newest entry was written; nobody appends until the transaction ends."""
    return _locked_end(session)[2]


def _locked_end(session: Session) -> tuple[int, str, datetime]:
    """Return the newest entry's position, hash and time; nobody appends until the transaction ends.

    What waits for another writer's lock learns from PostgreSQL where the chain ends by then, but sees no entry that
    was written meanwhile: that is read by a statement of its own.
    """
    found = _LOCKED_END.row(session, {})
    return found.seq, found.hash, found.at or clock.newest(session)


def move_head(session: Session, seq: int, hashed: str) -> None:
    """Let the chain end at an entry; its lock is held."""
    _MOVE.run(session, {"end": seq, "hashed": hashed})
    session.info["appended"] = seq, hashed


def head(session: Session) -> str:
    """Return the newest entry's hash: it changes with whatever is recorded."""
    hashed: str = session.execute(_HEAD).scalar_one()
    return hashed


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
    seq, hashed = session.execute(_END).one()
    return seq, hashed


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
