"""What is stored beside the chain, held against the digests that it keeps: releases, replies of rounds, outputs."""

import hashlib
import json
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.money import digest
from jali_node.ledger import book, unpriced
from jali_node.tables import CodeOutputRow, EntryRow, JobRoundRow, PopulationRow, ReleaseRow

Difference = tuple[int, str]


def first_difference(session: Session) -> Difference | None:
    """Return the first entry whose release or reply was changed or removed, and how, or None.

    A release that no entry knows was put in; its position is 0.
    """
    known: set[str] = set()
    lost = _lost(session)
    for seq, body in _committed(session):
        if "release" in body:
            known.add(body["release"])
            found = session.get(ReleaseRow, body["release"])
            stored = None if found is None else book.release_digest(found.measurements)
            said = _fault("release", body["release"], stored, body["measurements"])
        elif "reply" in body:
            row = session.get(JobRoundRow, (body["job"], body["round"]))
            said = _fault("reply of job", body["job"], digest(row.reply) if row and row.reply else None, body["reply"])
        elif "output" in body:
            said = _output_fault(session, body)
        else:
            continue
        session.expunge_all()
        if said and not (said.endswith(GONE) and any(first <= seq <= last for first, last in lost)):
            return seq, said
    for release in session.scalars(select(ReleaseRow.id).order_by(ReleaseRow.created_at)):
        if release not in known:
            return 0, f"release {release} is stored, but no entry says that it was released"
    return _other_output(session) or _other_mark(session)


def _output_fault(session: Session, body: dict[str, str]) -> str:
    row = session.scalars(select(CodeOutputRow).where(CodeOutputRow.job_id == body["job"])).one_or_none()
    stored = None if row is None or not row.content else hashlib.sha256(row.content.encode()).hexdigest()
    return _fault("output of job", body["job"], stored, body["output"])


def _other_output(session: Session) -> Difference | None:
    """Return an output that is said to be released at an entry that does not release it."""
    released = {seq: body["job"] for seq, body in _committed(session) if "output" in body}
    for job, entry in session.execute(select(CodeOutputRow.job_id, CodeOutputRow.entry)):
        if entry is not None and released.get(entry) != job:
            return 0, f"the output of job {job} is said to be released, but no entry says so"
    return None


def _other_mark(session: Session) -> Difference | None:
    """Return a population whose card names another end of its promise than the chain does."""
    ended: dict[str, int] = {}
    for seq, body in _committed(session):
        if "output" in body:
            ended.setdefault(body["population"], seq)
    for population, entry in session.execute(select(PopulationRow.id, PopulationRow.promise_ended_entry)):
        if entry != ended.get(population):
            return ended.get(population) or 0, f"population {population} does not say where its promise ended"
    return None


GONE = "is no longer stored"
LEFT = ("spend.committed", unpriced.RELEASED)
"""Entries that something left the node."""


def _fault(what: str, name: str, stored: str | None, recorded: str) -> str:
    if stored is None:
        return f"{what} {name} {GONE}"
    return "" if stored == recorded else f"{what} {name} is not what was released: its digest is another"


def _committed(session: Session) -> Iterator[tuple[int, dict[str, str]]]:
    query = select(EntryRow.seq, EntryRow.body).where(EntryRow.kind.in_(LEFT)).order_by(EntryRow.seq)
    for seq, text in session.execute(query).all():
        yield seq, json.loads(text)


def _lost(session: Session) -> list[tuple[int, int]]:
    """Return the ranges of entries that were imported after a restore: what they released is lost with its database."""
    query = select(EntryRow.body).where(EntryRow.kind == book.IMPORTED)
    return [(body["first"], body["last"]) for body in map(json.loads, session.scalars(query))]
