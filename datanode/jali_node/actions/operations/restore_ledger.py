"""What an owner does when the database is older than the checkpoint beside it: import what is missing, or pay for it.

Until then nothing is spent: whatever left the node after the backup was made would otherwise count for nothing.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.jobs.code import CodeStatus
from jali.wire.jobs.train import JobStatus
from jali.wire.ledger import LedgerEntry
from jali.wire.money import canonical
from jali.wire.walk import Walk
from jali_node import audit
from jali_node.actions.jobs.end_job import close_spends
from jali_node.actions.operations.note_taken import note_taken
from jali_node.errors import InvalidRequest, LedgerIncomplete
from jali_node.ledger import book, chain, replay, unpriced
from jali_node.ledger.accountant import Charge
from jali_node.ledger.witness import KEPT
from jali_node.node import Node
from jali_node.policy import code_state, job_state
from jali_node.tables import (
    AccountRow,
    CodeJobRow,
    EntryRow,
    FreezeRow,
    GrantRow,
    JobRow,
    PopulationRow,
    SpendRow,
)

RESTORED = "the node was restored from a backup; submit the job again"
_STATES = {
    "spend.begun": book.BEGUN,
    "spend.committed": book.COMMITTED,
    "spend.settled": book.SETTLED,
    "spend.freed": book.FREED,
}
_OPEN = (book.HELD, book.BEGUN)
_WORKED_OUT = {*_STATES, *replay.KINDS, "freeze.set", "freeze.lifted", book.IMPORTED, KEPT, *audit.NOTHING_LOST}
"""Kinds of entries that the ledger is restored from; what others record lives in tables that an import cannot fill."""


def export_ledger(node: Node, path: Path) -> int:
    """Write all entries to a file, one line of JSON each, and return how many."""
    note_taken(node, audit.LEDGER_EXPORTED)
    number = 0
    with node.database.reading() as session, path.open("w", encoding="utf-8") as file:
        for row in session.scalars(select(EntryRow).order_by(EntryRow.seq).execution_options(yield_per=1000)):
            file.write(chain.entry(row).model_dump_json() + "\n")
            number += 1
    return number


def entries_of(path: Path) -> Iterator[LedgerEntry]:
    """Return the entries of an exported ledger.

    Raises:
        InvalidRequest: a line is no entry.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield LedgerEntry.model_validate_json(line)
            except ValidationError as error:
                raise InvalidRequest(f"{path}, line {number}: this is no entry of a ledger", field="file") from error


def import_entries(node: Node, entries: Iterable[LedgerEntry]) -> Counter[str]:
    """Append the entries that the database lacks, and return how many of which kind its tables know nothing else of.

    Accounts and freezes are worked out anew from the chain. Spends whose answers were lost are settled, and jobs that
    moved meanwhile are failed, so that no charge is drawn for twice.

    Raises:
        InvalidRequest: nothing is missing, or the entries do not lead from this chain to its checkpoint.
    """
    kept = node.witness.newest()
    if kept is None:
        raise InvalidRequest(
            f"there is no checkpoint at {node.witness.path}: put the newest one there that anybody has downloaded, or "
            "run `jali node ledger write-off`",
            field="checkpoint",
        )
    with node.database.writing() as session:
        session.info["keeper"] = None  # the chain is behind its checkpoint: that is why we are here
        seq, head = chain.locked_head(session)
        missing = list(_missing(entries, seq, head))
        if not missing:
            raise InvalidRequest(f"the file has nothing behind entry {seq}, where this ledger ends", field="file")
        _append(session, missing, seq, head)
        last = missing[-1].seq
        if last < kept.seq or session.scalar(select(EntryRow.hash).where(EntryRow.seq == kept.seq)) != kept.hash:
            raise InvalidRequest(
                f"expected entries that lead to the checkpoint's entry {kept.seq}, got entries up to {last}"
                + (" of another chain" if last >= kept.seq else ""),
                field="file",
            )
        _work_out(session, missing)
        moved = [entry for entry in missing if entry.kind in _STATES or entry.kind == "spend.held"]
        held = {entry.body["spend"]: entry for entry in moved if entry.kind == "spend.held"}
        _close(session, {entry.body["spend"]: held.get(entry.body["spend"]) for entry in moved})
        chain.append(session, book.IMPORTED, {"first": missing[0].seq, "last": last})
    return Counter(entry.kind for entry in missing if entry.kind not in _WORKED_OUT)


def write_off(node: Node) -> list[str]:
    """Count the caps of all populations as spent, for good; return their accounts. The chain goes on from where it is.

    Raises:
        InvalidRequest: the ledger lacks nothing.
    """
    with node.database.writing() as session:
        session.info["keeper"] = None
        seq, head = chain.locked_head(session)
        lost = _lost(node, session, seq, head)
        _close(session, dict.fromkeys(session.scalars(select(SpendRow.id).where(SpendRow.state.in_(_OPEN)))))
        accounts = book.write_off(session, lost)
        session.flush()
        seq, head = chain.end(session)
    node.witness.begin_anew(seq, head)
    return accounts


def _lost(node: Node, session: Session, seq: int, head: str) -> dict[str, object]:
    """Return what the chain will say of the entries it lacks."""
    try:
        node.witness.refuse_unless_it_goes_on(session, seq, head)
    except LedgerIncomplete:
        pass
    else:
        raise InvalidRequest("the ledger lacks nothing that its checkpoint knows, so no cap is written off")
    try:
        kept = node.witness.newest()
    except LedgerIncomplete:  # the file can no longer be read
        kept = None
    return {"after": seq, "checkpoint": kept and kept.seq, "checkpoint_hash": kept and kept.hash}


def _missing(entries: Iterable[LedgerEntry], seq: int, head: str) -> Iterator[LedgerEntry]:
    for entry in entries:
        if entry.seq == seq and entry.hash != head:
            raise InvalidRequest(
                f"entry {seq}, where this ledger ends, is another one in the file: the two chains have parted; "
                "run `jali node ledger write-off`",
                field="file",
            )
        if entry.seq > seq:
            yield entry


def _append(session: Session, missing: Iterable[LedgerEntry], seq: int, head: str) -> None:
    walk = Walk({})
    walk.count, walk.passed = seq, {seq: head}
    for entry in missing:
        if not walk.step_entry(entry):
            raise InvalidRequest(f"entry {entry.seq}: {walk.fault}", field="file")
        session.add(
            EntryRow(
                seq=entry.seq,
                kind=entry.kind,
                v=entry.v,
                at=entry.at,
                body=canonical(entry.body).decode(),
                prev_hash=entry.prev_hash,
                hash=entry.hash,
            )
        )
    session.flush()
    chain.move_head(session, walk.count, walk.head)


def _work_out(session: Session, missing: list[LedgerEntry]) -> None:
    """Bring accounts, spends and freezes to where the chain's entries say they are."""
    for entry in missing:
        if entry.kind == "account.opened":
            session.add(_opened(entry))
        elif entry.kind in _STATES and (spend := session.get(SpendRow, entry.body["spend"])):
            spend.state = _STATES[entry.kind]
        elif entry.kind == "freeze.set":
            session.merge(_freeze(entry))
            if entry.body["final"] and (grant := session.get(GrantRow, entry.body["subject"])):
                grant.expires_at = min(grant.expires_at, entry.at)
        elif entry.kind == "freeze.lifted" and (freeze := session.get(FreezeRow, entry.body["subject"])):
            session.delete(freeze)
        elif entry.kind == unpriced.RELEASED:
            _end_promise(session, entry)
        elif entry.kind == unpriced.BEGUN:
            _close_code(session, entry.body["job"])
    session.flush()
    book.write(session, replay.balances(session))


def _end_promise(session: Session, entry: LedgerEntry) -> None:
    """Mark a population of which something left without a guarantee. The output itself is lost with its database."""
    people = session.get(PopulationRow, entry.body["population"])
    if people is not None and people.promise_ended_entry is None:
        people.promise_ended_entry, people.promise_ended_at = entry.seq, entry.at


def _close_code(session: Session, job_id: str) -> None:
    """Fail a code job that had begun, as those imported entries say: it is not run a second time."""
    row = session.get(CodeJobRow, job_id)
    if row is not None and row.status == CodeStatus.APPROVED:
        row.status, row.reason = code_state.moved(CodeStatus(row.status), CodeStatus.FAILED), RESTORED


def _opened(entry: LedgerEntry) -> AccountRow:
    body = entry.body
    terms = {name: body[name] for name in ("orders", "offsets", "delta", "pool")}
    nothing = json.dumps([0] * len(body["orders"]))
    return AccountRow(
        id=body["account"],
        kind=body["kind"],
        cap=body["cap"],
        terms=json.dumps(terms),
        spent=nothing,
        held=nothing,
        spent_delta=0,
        held_delta=0,
        created_at=entry.at,
    )


def _freeze(entry: LedgerEntry) -> FreezeRow:
    body = entry.body
    reason = "the reason was lost with the database"
    return FreezeRow(subject=body["subject"], final=body["final"], reason=reason, person_id=None, at=entry.at)


def _close(session: Session, spends: Mapping[str, LedgerEntry | None]) -> None:
    """Settle or free what was on its way, and fail the jobs of which some round moved.

    Args:
        spends: by id, the entry that set each aside, if it is among those imported.
    """
    jobs = select(SpendRow.job_id).where(SpendRow.id.in_(spends), SpendRow.job_id.is_not(None))
    for job in session.scalars(select(JobRow).where(JobRow.id.in_(jobs)).with_for_update()).all():
        if JobStatus(job.status) not in job_state.ENDED:
            job.status, job.reason = job_state.moved(JobStatus(job.status), JobStatus.FAILED), RESTORED
            close_spends(session, job.id)
    for spend_id, held in sorted(spends.items()):
        row = session.get(SpendRow, spend_id)
        if row is None and held is not None:
            _close_without_row(session, held)
        elif row is not None and row.state in (book.HELD, book.BEGUN):
            (book.free if row.state == book.HELD else book.settle)(session, spend_id)


def _close_without_row(session: Session, held: LedgerEntry) -> None:
    """Do the same for a spend that only the chain knows."""
    spend_id = held.body["spend"]
    moved = select(EntryRow.kind, EntryRow.body).where(EntryRow.seq > held.seq, EntryRow.kind.in_(_STATES))
    reached = [kind for kind, body in session.execute(moved) if json.loads(body)["spend"] == spend_id]
    if not reached:
        book.free_without_row(
            session, spend_id, held.body["accounts"], Charge(tuple(held.body["rdp"]), held.body["delta"])
        )
    elif reached == ["spend.begun"]:
        chain.append(session, "spend.settled", {"spend": spend_id})
