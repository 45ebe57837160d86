"""The witness: the newest checkpoint of the chain, in a file outside the database.

A database restored from a backup lacks what was spent since, and cannot know it. The witness does: it is written after
each commit, durably before a row is read, and nothing is appended to a chain that does not hold what it says.

The file has two slots of one line each. They are overwritten in turn, so that a torn write leaves the one before it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.ledger import Checkpoint
from jali_node import keys
from jali_node.errors import InvalidRequest, LedgerIncomplete, NodeUnavailable
from jali_node.tables import EntryRow

KEPT = "checkpoint.kept"
"""The entry that says: from here on a witness is kept, so a chain that has it and no witness was restored."""
SLOT = 640
HOW = "its owner has to run `jali node ledger import FILE` or `jali node ledger write-off`"


class Witness:
    """A node's newest checkpoint, beside its database. Safe between threads and processes.

    Args:
        path: the file; better not on the disk that the database is on.
        key: the node's own.
    """

    def __init__(self, path: Path, key: Ed25519PrivateKey) -> None:
        self.path = path
        self._key = key
        self._read = lru_cache(maxsize=4)(self._parsed)

    def signed(self, seq: int, head: str) -> Checkpoint:
        """Return a position of the chain, signed."""
        return keys.checkpoint(self._key, seq, head)

    def newest(self) -> Checkpoint | None:
        """Return what is kept, None where there is no file.

        Raises:
            LedgerIncomplete: the file holds no checkpoint of this node.
            NodeUnavailable: it cannot be read.
        """
        with _as_refusals():
            if not self.path.exists():
                return None
            with self.path.open("rb") as file:
                return self._newest_of(file.read(2 * SLOT))

    def read(self, path: Path) -> Checkpoint:
        """Return a checkpoint that somebody else kept.

        Raises:
            InvalidRequest: it is none that this node has signed.
        """
        found = [self._read(line) for line in path.read_bytes().splitlines() if line.strip()]
        signed = [checkpoint for checkpoint in found if checkpoint]
        if not signed or len(signed) < len(found):
            raise InvalidRequest(f"{path.name} holds no checkpoint that this node has signed", field="checkpoint")
        return max(signed, key=lambda checkpoint: checkpoint.seq)

    def refuse_unless_it_goes_on(self, session: Session, seq: int, head: str) -> None:
        """Hold a chain that is about to grow, its head locked, against what is kept.

        Raises:
            LedgerIncomplete: the chain lacks what the witness knows, or knows another; or there is no witness any more.
            NodeUnavailable: the file could not be written after the commit.
        """
        kept = self.newest()
        refuse_unless_it_holds(session, kept, seq, head)
        if kept is not None:
            with _as_refusals():
                os.close(os.open(self.path, os.O_RDWR))

    def note(self, seq: int, head: str, *, durable: bool) -> None:
        """Keep a position of the chain, unless a later one is kept.

        Args:
            durable: whether it must outlive the machine when this returns.

        Raises:
            NodeUnavailable: it cannot be written; what was committed stands.
        """
        with _as_refusals(), self._locked() as file:
            slots = os.pread(file, 2 * SLOT, 0)
            kept = self._newest_of(slots) if slots else None
            if kept is None or kept.seq < seq:
                os.pwrite(file, _line(self.signed(seq, head)), SLOT if kept and self._read(slots[:SLOT]) == kept else 0)
            if durable:
                os.fsync(file)

    def keep(self, found: Checkpoint) -> None:
        """Keep a checkpoint that somebody else held, where none is kept."""
        with _as_refusals(), self._locked() as file:
            if not os.pread(file, 1, 0):
                os.pwrite(file, _line(found), 0)
                os.fsync(file)

    def begin_anew(self, seq: int, head: str) -> None:
        """Forget what is kept, and keep this position. Only for an owner who has counted the lost entries as spent."""
        with _as_refusals(), self._locked() as file:
            line = _line(self.signed(seq, head))
            os.ftruncate(file, 0)
            os.pwrite(file, line, 0)
            os.fsync(file)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)

    def _newest_of(self, slots: bytes) -> Checkpoint:
        found = [kept for kept in (self._read(slots[:SLOT]), self._read(slots[SLOT:])) if kept]
        if not found:
            raise LedgerIncomplete(f"the file {self.path.name} holds no checkpoint of this node; {HOW}")
        return max(found, key=lambda kept: kept.seq)

    def _parsed(self, slot: bytes) -> Checkpoint | None:
        try:
            kept = Checkpoint.model_validate_json(slot)
        except ValidationError:
            return None
        return kept if keys.is_own(self._key, kept) else None


def refuse_unless_it_holds(session: Session, kept: Checkpoint | None, seq: int, head: str) -> None:
    """Hold a chain that ends at `seq` with `head` against what a witness keeps.

    Raises:
        LedgerIncomplete: it lacks entries that the checkpoint knows, or has another in its place; or it says that a
            checkpoint is kept, and there is none.
    """
    if kept is None:
        if session.scalars(select(EntryRow.seq).where(EntryRow.kind == KEPT).limit(1)).first():
            raise LedgerIncomplete(
                f"the checkpoint beside the database is gone, so nobody knows what the ledger lacks; {HOW}"
            )
        return
    if kept.seq > seq:
        raise LedgerIncomplete(
            f"the ledger lacks entries {seq + 1} to {kept.seq}: its database is older than its last checkpoint; {HOW}",
            entries=seq,
            checkpoint=kept.seq,
        )
    found = head if kept.seq == seq else session.scalar(select(EntryRow.hash).where(EntryRow.seq == kept.seq))
    if found != kept.hash:
        raise LedgerIncomplete(
            f"entry {kept.seq} of the ledger is not the one of its last checkpoint: the database was replaced; {HOW}",
            entries=seq,
            checkpoint=kept.seq,
        )


def _line(kept: Checkpoint) -> bytes:
    return kept.model_dump_json().encode().ljust(SLOT - 1) + b"\n"


@contextmanager
def _as_refusals() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NodeUnavailable(
            f"the checkpoint beside the database cannot be read or written ({type(error).__name__}); "
            "what was begun stays spent"
        ) from error
