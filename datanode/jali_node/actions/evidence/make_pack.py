"""One project's evidence as a file: a zip that the node's key vouches for, and that is verified without the node."""

import hashlib
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import IO

from pydantic import BaseModel
from sqlalchemy.orm import Session

from jali.wire import evidence
from jali.wire.evidence import FileFact, Manifest, WishFacts
from jali.wire.ledger import LedgerEntry
from jali_node import audit, keys
from jali_node.actions.evidence import extract, gather
from jali_node.actions.evidence.index_page import Shown, page
from jali_node.actions.wishes.subject import Subject
from jali_node.ledger import chain, witness
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.store import projects
from jali_node.tables import ProjectRow

CHUNK = 1 << 20
NAMED = ("request", "job", "subject")
"""Parts of an entry's body that name a wish."""


def make_pack(node: Node, caller: Caller | None, project: str) -> IO[bytes]:
    """Return a project's pack as a temporary file, which ends when it is closed. That it was taken is an entry too.

    Args:
        node: whose key signs it.
        caller: None for whoever sits at the node's own machine.
        project: its id or name.

    Raises:
        AccessDenied: the caller is neither owner nor auditor.
        UnknownResource: there is no such project.
        LedgerIncomplete: the chain lacks entries; a signature would vouch for a shorter one.
    """
    if caller is not None:
        caller.must_audit()
    with node.database.writing() as session:
        row = projects.found(session, project)
        audit.record(session, audit.EVIDENCE_TAKEN, project=row.id, by=caller and caller.id)
    kept = node.witness.newest()  # first: what is kept was committed before
    file = tempfile.TemporaryFile()  # noqa: SIM115 - its reader closes it
    try:
        with node.database.reading() as session:
            seq, head = chain.end(session)
            witness.refuse_unless_it_holds(session, kept, seq, head)
            _write(file, node, session, session.get_one(ProjectRow, row.id))
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Return a file in parts, and close it."""
    with file:
        while part := file.read(CHUNK):
            yield part


class _Pack:
    """A zip that notes what is written into it."""

    def __init__(self, file: IO[bytes], made_at: datetime) -> None:
        self._at = made_at
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self.files: dict[str, FileFact] = {}

    def add(self, name: str, parts: Iterable[bytes]) -> bytes:
        """Write a file and return its digest."""
        told, size = hashlib.sha256(), 0
        told_of = zipfile.ZipInfo(name, self._at.timetuple()[:6])
        told_of.compress_type = zipfile.ZIP_DEFLATED
        with self._zip.open(told_of, "w", force_zip64=True) as into:
            for part in parts:
                into.write(part)
                told.update(part)
                size += len(part)
        self.files[name] = FileFact(sha256=told.hexdigest(), bytes=size)
        return told.digest()

    def close(self) -> None:
        self._zip.close()


def _write(file: IO[bytes], node: Node, session: Session, row: ProjectRow) -> None:
    key, made_at = keys.load(node.settings.key_path), datetime.now(UTC)
    seq, head = chain.end(session)
    asked = gather.subjects(session, row.id)
    found = gather.tables(session, asked)
    known = extract.reach(
        session, row.id, {each.dataset.id: (each.population.id, each.population.account_id) for each in found}
    )
    with tempfile.TemporaryFile() as ledger:
        entries: list[LedgerEntry] = []
        for _, line in extract.lines(session, known):
            ledger.write(_line(line))
            if isinstance(line, LedgerEntry):
                entries.append(line)
        ledger.seek(0)
        wishes = [gather.wish(session, each, about) for each, about in _about(asked, entries)]
        releases, rounds = gather.releases(session, row.id), gather.rounds(session, row.id)
        outputs = gather.outputs(session, row.id)
        facts = gather.facts(session, row, found, _spoken_of(entries, wishes))
        pack = _Pack(file, made_at)
        shown = Shown(
            node_id=node.node_id,
            node_name=node.settings.name,
            made_at=made_at,
            seq=seq,
            head=head,
            facts=facts,
            wishes=wishes,
            releases=releases,
            rounds=rounds,
            outputs=outputs,
            entries=entries,
        )
        pack.add(evidence.INDEX, [page(shown).encode()])
        pack.add(evidence.PROJECT, [_line(facts)])
        pack.add(evidence.WISHES, map(_line, wishes))
        pack.add(evidence.RELEASES, map(_line, releases))
        pack.add(evidence.ROUNDS, map(_line, rounds))
        pack.add(evidence.OUTPUTS, map(_line, outputs))
        pack.add(evidence.LEDGER, iter(lambda: ledger.read(CHUNK), b""))
        pack.add(evidence.CHECKPOINT, [_line(node.witness.signed(seq, head))])
    manifest = Manifest(
        node_id=node.node_id,
        node_name=node.settings.name,
        public_key=keys.public(key).hex(),
        project=row.id,
        project_name=row.name,
        made_at=made_at,
        seq=seq,
        hash=head,
        files=dict(pack.files),
    )
    told = pack.add(evidence.MANIFEST, [manifest.model_dump_json(indent=2).encode() + b"\n"])
    pack.add(evidence.SIGNATURE, [keys.manifest(key, told.hex()).encode() + b"\n"])
    pack.close()


def _line(what: BaseModel) -> bytes:
    return what.model_dump_json().encode() + b"\n"


def _about(asked: Sequence[Subject], entries: Sequence[LedgerEntry]) -> Iterator[tuple[Subject, list[LedgerEntry]]]:
    by_wish: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        for name in {str(entry.body[key]) for key in NAMED if entry.body.get(key)}:
            by_wish[name].append(entry)
    return ((row, by_wish[row.id]) for row in asked)


def _spoken_of(entries: Sequence[LedgerEntry], wishes: Sequence[WishFacts]) -> set[str]:
    """Return the ids of persons and datasets in a pack, and others with them."""
    ids = {str(value) for entry in entries for value in entry.body.values() if isinstance(value, str)}
    return ids | {name for wish in wishes for name in (wish.person, wish.dataset)}
