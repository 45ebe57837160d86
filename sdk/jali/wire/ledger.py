"""The node's one chain of records, and how to check it without trusting the node's word.

>>> record = record_digest("node.created", 1, datetime(2026, 1, 1, tzinfo=UTC), {})
>>> chained(GENESIS, 1, record) == chained(GENESIS, 1, record) != chained(GENESIS, 2, record)
True
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from jali.wire.base import Reply
from jali.wire.ids import PREFIX_NODE
from jali.wire.money import canonical

GENESIS = "0" * 64


class LedgerEntry(Reply):
    """One record. `body` holds pseudonymous ids, digests and whole numbers only: no name, no purpose, no value."""

    seq: int
    kind: str
    v: int
    at: datetime
    body: dict[str, Any]
    prev_hash: str
    hash: str


class LedgerPage(Reply):
    """Some entries in order; ask again with `after=next_after` until it is None."""

    entries: tuple[LedgerEntry, ...]
    next_after: int | None


class Links(Reply):
    """The digests of some entries' records, in order from position `after` + 1.

    Whoever may not read the entries can still work out from them that the chain goes on from a checkpoint.
    """

    after: int
    records: tuple[str, ...]
    next_after: int | None


class ChainReport(Reply):
    """The outcome of a walk along the chain: how many entries held, and where it first departs, if it does.

    `proven` is the last entry that a checkpoint vouches for; what lies behind it is unproven.
    """

    entries: int
    head: str
    valid: bool
    broken_at: int | None = None
    reason: str = ""
    proven: int = 0

    def describe(self) -> str:
        """Return the outcome as one sentence, and a second one where something is unproven."""
        if not self.valid:
            where = f" at entry {self.broken_at}" if self.broken_at else ""
            return f"the ledger departs{where}: {self.reason}"
        return f"{self.entries} entries follow from each other; {self.unproven()}"

    def unproven(self) -> str:
        """Say for which entries no checkpoint vouches."""
        if self.proven == 0:
            return "no checkpoint vouches for any of them: all of it could have been written anew"
        if self.proven < self.entries:
            return f"entries {self.proven + 1} to {self.entries} lie after the last checkpoint and are unproven"
        return f"a checkpoint vouches for all of them, up to entry {self.proven}"


class Checkpoint(Reply):
    """The chain's last entry at one time, signed with the node's Ed25519 key. Keep it outside the node.

    Two that contradict each other prove that the node has shown two chains: nobody else could have signed them.
    `node_id` is the fingerprint of `public_key`.
    """

    v: int = 1
    node_id: str
    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    seq: int = Field(ge=0)
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    at: datetime
    signature: str = Field(pattern=r"^[0-9a-f]{128}$")

    @property
    def signed(self) -> bytes:
        """The bytes that the signature is over."""
        return checkpoint_bytes(self.node_id, self.seq, self.hash, self.at)

    @property
    def is_of_its_node(self) -> bool:
        """Whether the key is the one that the node is known by."""
        return fingerprint(bytes.fromhex(self.public_key)) == self.node_id


def fingerprint(public_key: bytes) -> str:
    """Return the id of the node with this raw public key: the first 128 bits of its SHA-256."""
    return f"{PREFIX_NODE}_{hashlib.sha256(public_key).hexdigest()[:32]}"


def checkpoint_bytes(node_id: str, seq: int, head: str, at: datetime) -> bytes:
    """Return what is signed of a checkpoint; it can be mistaken for nothing else that the key signs."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    return canonical({"jali": "checkpoint", "v": 1, "node": node_id, "seq": seq, "hash": head, "at": moment})


def record_digest(kind: str, v: int, at: datetime, body: dict[str, Any]) -> str:
    """Return the SHA-256 of what an entry says, apart from its place. `at` is aware UTC, to the microsecond."""
    return written_digest(kind, v, at, canonical(body))


def written_digest(kind: str, v: int, at: datetime, written: bytes) -> str:
    """Return the same of a body that is written as canonical JSON already."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds").encode()
    record = b'{"at":"%b","body":%b,"kind":%b,"v":%d}' % (moment, written, canonical(kind), v)
    return hashlib.sha256(record).hexdigest()


def chained(prev_hash: str, seq: int, record: str) -> str:
    """Return the hash of an entry: SHA-256 over its predecessor's hash, its position and its record's digest.

    The digest alone goes in, so that the chain can be followed by whoever may not read what it records.
    """
    return hashlib.sha256(canonical({"prev": prev_hash, "seq": seq, "record": record})).hexdigest()
