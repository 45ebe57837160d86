"""The record, filtered, for whoever oversees a node; and as a file, of which the record tells too."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from jali.wire.audit import NAMED, AuditFilter, AuditPage, line
from jali.wire.ledger import LedgerEntry
from jali.wire.money import digest
from jali_node import audit
from jali_node.actions.operations.note_taken import note_taken
from jali_node.ledger import chain
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.tables import DatasetRow, EntryRow, PersonRow, ProjectRow

_NAMED: tuple[Any, ...] = (PersonRow, ProjectRow, DatasetRow)


class Form(StrEnum):
    """How a file of entries is written."""

    CSV = "csv"
    LINES = "jsonl"


def read_audit(node: Node, caller: Caller, which: AuditFilter, before: int | None, limit: int) -> AuditPage:
    """Return the newest entries that the filter chooses, before a position.

    Raises:
        AccessDenied: the caller does not oversee this node.
    """
    caller.must_oversee()
    with node.database.reading() as session:
        chosen = _chosen(which).order_by(EntryRow.seq.desc()).limit(limit + 1)
        rows = session.scalars(chosen if before is None else chosen.where(EntryRow.seq < before)).all()
        entries = tuple(chain.entry(row) for row in rows[:limit])
        more = entries[-1].seq if len(rows) > limit else None
        return AuditPage(entries=entries, names=_names(session, entries), next_before=more)


def export_audit(node: Node, caller: Caller, which: AuditFilter, form: Form) -> Iterator[str]:
    """Return a file's text in parts: all entries that the filter chooses, the oldest first.

    That it was taken, by whom and with which filter is itself an entry, and the file's last one where it is chosen.

    Raises:
        AccessDenied: the caller does not oversee this node.
    """
    caller.must_oversee()
    with node.database.writing() as session:
        asked = digest(which.model_dump(mode="json"))
        audit.record(session, audit.AUDIT_EXPORTED, person=caller.id, filter=asked, form=form.value)
    return written(node, which, form)


def export_at_machine(node: Node, which: AuditFilter, form: Form) -> Iterator[str]:
    """Do the same for whoever sits at the node's own machine. A chain that lacks entries is read without a record."""
    note_taken(node, audit.AUDIT_EXPORTED, filter=digest(which.model_dump(mode="json")), form=form.value)
    return written(node, which, form)


def written(node: Node, which: AuditFilter, form: Form) -> Iterator[str]:
    """Return the same without a record of it."""
    with node.database.reading() as session:
        rows = session.scalars(_chosen(which).order_by(EntryRow.seq).execution_options(yield_per=500))
        if form is Form.CSV:
            yield _csv_line(["seq", "at", "kind", *NAMED, "body", "hash"])
        while part := rows.fetchmany(500):
            entries = [chain.entry(row) for row in part]
            names = _names(session, entries)
            yield "".join(_text(entry, names, form) for entry in entries)


def _text(entry: LedgerEntry, names: dict[str, str], form: Form) -> str:
    if form is Form.LINES:
        known = {key: names[value] for key, value in entry.body.items() if key in NAMED and value in names}
        return json.dumps({**entry.model_dump(mode="json"), "names": known}, ensure_ascii=False) + "\n"
    shown = {**line(entry, names), "at": entry.at.isoformat()}
    return _csv_line([*shown.values(), json.dumps(entry.body, ensure_ascii=False, sort_keys=True), entry.hash])


def _csv_line(cells: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([_harmless(str(cell)) for cell in cells])
    return text.getvalue()


def _harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: a name is whatever somebody chose."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _chosen(which: AuditFilter) -> sa.Select[EntryRow]:
    query = sa.select(EntryRow)
    if which.kinds:
        query = query.where(sa.or_(*map(_of_kind, which.kinds)))
    for named in which.about:
        query = query.where(EntryRow.body.contains(f'"{named}"', autoescape=True))
    if which.since:
        query = query.where(EntryRow.at >= which.since)
    if which.until:
        query = query.where(EntryRow.at < which.until)
    return query


def _of_kind(kind: str) -> sa.ColumnElement[bool]:
    return EntryRow.kind.startswith(kind, autoescape=True) if kind.endswith(".") else EntryRow.kind == kind


def _names(session: Session, entries: Sequence[LedgerEntry]) -> dict[str, str]:
    """Return the names, where there still are any, of what the entries speak of."""
    ids = {str(value) for entry in entries for key, value in entry.body.items() if key in NAMED and value}
    found = [session.execute(sa.select(row.id, row.name).where(row.id.in_(ids))).all() for row in _NAMED]
    return {identity: name for rows in found for identity, name in rows}
