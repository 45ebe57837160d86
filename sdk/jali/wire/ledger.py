"""The node's one chain of records, and how to check it without trusting the node's word.

>>> first = chained(GENESIS, 1, {"kind": "node.created"})
>>> first == chained(GENESIS, 1, {"kind": "node.created"})
True
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

from jali.wire.base import Reply
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


class ChainReport(Reply):
    """The outcome of a walk along the chain: how many entries held, and where it first departs, if it does."""

    entries: int
    head: str
    valid: bool
    broken_at: int | None = None
    reason: str = ""


def entry_record(kind: str, v: int, at: datetime, body: dict[str, Any]) -> dict[str, Any]:
    """Return what is hashed of an entry, besides its place in the chain. `at` is aware UTC, to the microsecond."""
    return {"kind": kind, "v": v, "at": at.astimezone(UTC).isoformat(timespec="microseconds"), "body": body}


def chained(prev_hash: str, seq: int, record: dict[str, Any]) -> str:
    """Return the hash of an entry: SHA-256 over its predecessor's hash, its position and its canonical record."""
    return hashlib.sha256(canonical({"prev": prev_hash, "seq": seq, "record": record})).hexdigest()
