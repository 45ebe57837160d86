"""What a killed process left behind is settled before the node serves again."""

import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from jali_node import audit
from jali_node.errors import LedgerIncomplete
from jali_node.ledger import book, chain
from jali_node.node import Node
from jali_node.tables import EntryRow, SpendRow

log = logging.getLogger(__name__)


def refuse_if_incomplete(node: Node) -> None:
    """Hold the chain against the checkpoint beside its database; from a release without one, begin to keep it.

    Raises:
        LedgerIncomplete: entries are missing, or others are in their place.
    """
    with node.database.writing() as session:
        seq, head = chain.locked_head(session)
        node.witness.refuse_unless_it_goes_on(session, seq, head)
        if not session.scalars(select(EntryRow.seq).where(EntryRow.kind == audit.CHECKPOINT_KEPT).limit(1)).first():
            audit.record(session, audit.CHECKPOINT_KEPT)


def standing_after(node: Node, checkpoint: Path | None) -> str:
    """Put the newest known checkpoint beside a restored database, and return what the ledger lacks, if anything.

    Raises:
        InvalidRequest: the file holds no checkpoint that this node has signed.
    """
    if checkpoint is not None:
        newest = node.witness.read(checkpoint)
        node.witness.keep(newest)
    try:
        refuse_if_incomplete(node)
    except LedgerIncomplete as refused:
        return refused.detail
    if checkpoint is not None:  # that nothing came after it is the owner's word, and auditors shall see that
        with node.database.writing() as session:
            audit.record(session, audit.CHECKPOINT_BROUGHT, seq=newest.seq)
    return ""


@dataclass(frozen=True)
class Leftovers:
    """Spends of questions that a killed process left behind, by their ids. Jobs' are found by their leases."""

    begun: tuple[str, ...]
    held: tuple[str, ...]


def leftovers(node: Node) -> Leftovers:
    """Return what is on its way while nobody serves."""
    with node.database.reading() as session:
        of_questions = select(SpendRow.id).where(SpendRow.job_id.is_(None))
        begun = session.scalars(of_questions.where(SpendRow.state == book.BEGUN)).all()
        held = session.scalars(of_questions.where(SpendRow.state == book.HELD)).all()
    return Leftovers(tuple(begun), tuple(held))


class Recovery:
    """One start's recovery, finished as soon as the ledger lets it: it knows what was there before anybody asked."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._left: Leftovers | None = leftovers(node)

    def finish(self) -> tuple[int, int]:
        """Settle and free what was left, once; return how many of each.

        Raises:
            NodeUnavailable: nothing can be appended now; the next call tries again.
        """
        left, done = self._left, (0, 0)
        if left is not None:
            done = recover(self._node, left)
            self._left = None
        if done != (0, 0):
            log.warning("after an unclean end: %d spends settled (they stand), %d holds freed", *done)
        return done


def recover(node: Node, left: Leftovers | None = None) -> tuple[int, int]:
    """Settle every question's spend that began and free every one that did not; return how many of each.

    A begun spend stands: its rows may have been read. Settling also fences it off: should its process still live,
    its answer can no longer be committed, and so never leaves.
    """
    left = leftovers(node) if left is None else left
    for step, spends in ((book.settle, left.begun), (book.free, left.held)):
        for (
            spend_id
        ) in spends:  # a transaction each: together they would take locks in another order than spending does
            with node.database.writing() as session, contextlib.suppress(book.IllegalStep):
                step(session, spend_id)
    return len(left.begun), len(left.held)
