"""What is stored beside the chain, held against the digests that it keeps: releases and the replies of rounds."""

import json
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.money import digest
from jali_node.ledger import book
from jali_node.tables import EntryRow, JobRoundRow, ReleaseRow

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
        else:
            continue
        session.expunge_all()
        if said and not (said.endswith(GONE) and any(first <= seq <= last for first, last in lost)):
            return seq, said
    for release in session.scalars(select(ReleaseRow.id).order_by(ReleaseRow.created_at)):
        if release not in known:
            return 0, f"release {release} is stored, but no entry says that it was released"
    return None


GONE = "is no longer stored"


def _fault(what: str, name: str, stored: str | None, recorded: str) -> str:
    if stored is None:
        return f"{what} {name} {GONE}"
    return "" if stored == recorded else f"{what} {name} is not what was released: its digest is another"


def _committed(session: Session) -> Iterator[tuple[int, dict[str, str]]]:
    query = select(EntryRow.seq, EntryRow.body).where(EntryRow.kind == "spend.committed").order_by(EntryRow.seq)
    for seq, text in session.execute(query).all():
        yield seq, json.loads(text)


def _lost(session: Session) -> list[tuple[int, int]]:
    """Return the ranges of entries that were imported after a restore: what they released is lost with its database."""
    query = select(EntryRow.body).where(EntryRow.kind == book.IMPORTED)
    return [(body["first"], body["last"]) for body in map(json.loads, session.scalars(query))]
