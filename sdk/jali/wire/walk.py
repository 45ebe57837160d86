"""Walking along a chain: the same steps for the node, for whoever reads its ledger, and for whoever may not."""

from collections.abc import Iterable, Mapping

from jali.wire.ledger import GENESIS, ChainReport, LedgerEntry, chained, record_digest


class Walk:
    """A walk along a chain, entry by entry, that has to pass through checkpoints.

    Args:
        checkpoints: hashes by position. An older copy of the chain gives one for each entry.

    Attributes:
        passed: the recomputed hash of each position.
    """

    def __init__(self, checkpoints: Mapping[int, str]) -> None:
        self._checkpoints = checkpoints
        self.passed: dict[int, str] = {0: GENESIS}
        self.count = 0
        self.fault = ""

    @property
    def head(self) -> str:
        """The hash that was reached."""
        return self.passed[self.count]

    def step(self, record: str) -> bool:
        """Go on by a record's digest; return whether a checkpoint still agrees."""
        seq = self.count + 1
        reached = chained(self.head, seq, record)
        if self._checkpoints.get(seq, reached) != reached:
            sure = max((place for place in self._checkpoints if place < seq), default=0)
            between = f"of entries {sure + 1} to {seq} one at least" if sure + 1 < seq else f"entry {seq}"
            self.fault = f"its hash is not the one of the checkpoint: {between} was changed, removed or put in"
            return False
        self.passed[seq], self.count = reached, seq
        return True

    def step_entry(self, entry: LedgerEntry) -> bool:
        """Go on by a whole entry; return whether it follows and says what was hashed."""
        if entry.seq != self.count + 1:
            self.fault = f"entry {self.count + 1} is missing, found {entry.seq}"
        elif entry.prev_hash != self.head:
            self.fault = "it does not name its predecessor's hash"
        else:
            try:
                record = record_digest(entry.kind, entry.v, entry.at, entry.body)
            except TypeError as failure:
                self.fault = f"its body cannot be hashed: {failure}"
                return False
            if chained(self.head, entry.seq, record) != entry.hash:
                self.fault = "its hash is not that of its content"
                return False
            return self.step(record)
        return False

    def report(self) -> ChainReport:
        """Return what was found; a chain that ends before a checkpoint has lost its end."""
        last = max(self._checkpoints, default=0)
        if not self.fault and last > self.count:
            self.fault = f"the chain ends at entry {self.count}, but a checkpoint knows entry {last}"
        if self.fault:
            return ChainReport(
                entries=self.count, head=self.head, valid=False, broken_at=self.count + 1, reason=self.fault
            )
        return ChainReport(entries=self.count, head=self.head, valid=True, proven=last)


def walked(entries: Iterable[LedgerEntry], checkpoints: Mapping[int, str]) -> ChainReport:
    """Walk along exported entries and return where the chain first departs, if it does."""
    walk = Walk(checkpoints)
    for entry in entries:
        if not walk.step_entry(entry):
            break
    return walk.report()
