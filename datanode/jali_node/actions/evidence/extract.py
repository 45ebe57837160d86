"""The ledger as a project's pack shows it: what concerns the project in full, of all else the records' digests."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.evidence import Line, Link
from jali.wire.ledger import record_digest
from jali_node import audit
from jali_node.ledger import book, chain
from jali_node.store.freezes import NODE
from jali_node.tables import AccessRequestRow, CodeJobRow, EntryRow, GrantRow, JobRow, SpendRow

EVERYBODYS = (audit.NODE_CREATED, audit.CHECKPOINT_KEPT, audit.POLICY_SET, book.IMPORTED, book.WRITTEN_OFF)
"""Of these every project is concerned; their bodies name no other."""
SHARED = {"account.": "account", "population.": "population", "dataset.": "dataset", "freeze.": "subject",
          "code.released": "population"}  # fmt: skip
"""By how a kind begins: the part of the body that says what it is about. The rest may speak of other projects."""


@dataclass(frozen=True)
class Reach:
    """What a project is known by in the chain: ids of its own, and of what it shares with others."""

    own: frozenset[str]
    shared: frozenset[str] = field(default=frozenset())

    def concerns(self, kind: str, body: dict[str, Any]) -> bool:
        """Say whether an entry may be shown to whoever reads about the project.

        >>> Reach(frozenset({"prj_1"})).concerns("spend.held", {"project": "prj_2", "accounts": ["acc_1"]})
        False
        """
        if kind in EVERYBODYS or any(value in self.own for value in body.values() if isinstance(value, str)):
            return True
        key = next((part for start, part in SHARED.items() if kind.startswith(start)), None)
        return key is not None and body.get(key) in self.shared


def reach(session: Session, project_id: str, tables: dict[str, tuple[str, str]]) -> Reach:
    """Return what a project is known by.

    Args:
        session: one that reads.
        project_id: the project's.
        tables: population and account of each dataset that it has asked about, all by id.
    """
    own = {project_id}
    for row in (AccessRequestRow, JobRow, CodeJobRow, GrantRow, SpendRow):
        own |= set(session.scalars(select(row.id).where(row.project_id == project_id)))
    own |= set(session.scalars(select(GrantRow.account_id).where(GrantRow.project_id == project_id)))
    own |= _spends_of_the_chain(session, project_id)
    shared = {NODE, *tables, *(name for pair in tables.values() for name in pair)}
    return Reach(frozenset(own), frozenset(shared))


def lines(session: Session, known: Reach) -> Iterator[tuple[EntryRow, Line]]:
    """Return a line for each entry, from the first to the last."""
    query = select(EntryRow).order_by(EntryRow.seq).execution_options(yield_per=1000)
    for row in session.scalars(query):
        body = json.loads(row.body)
        if known.concerns(row.kind, body):
            yield row, chain.entry(row)
        else:
            yield row, Link(seq=row.seq, record=record_digest(row.kind, row.v, row.at, body))


def _spends_of_the_chain(session: Session, project_id: str) -> set[str]:
    """Return what the chain says that a project spent: after a restore it may know of more than the tables."""
    query = select(EntryRow.body).where(EntryRow.kind == "spend.held", EntryRow.body.contains(f'"{project_id}"'))
    bodies = map(json.loads, session.scalars(query))
    return {body["spend"] for body in bodies if body.get("project") == project_id}
