"""What a killed process left behind is settled before the node serves again."""

import contextlib
from pathlib import Path

from sqlalchemy import select

from jali_node import audit
from jali_node.errors import LedgerIncomplete
from jali_node.ledger import book, chain
from jali_node.node import Node
from jali_node.tables import EntryRow, SpendRow


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


def recover(node: Node) -> tuple[int, int]:
    """Settle every question's spend that began and free every one that did not; return how many of each.

    Jobs are left alone: their workers are processes of their own, and find their rounds by their leases.

    A begun spend stands: its rows may have been read. Settling also fences it off: should its process still live,
    its answer can no longer be committed, and so never leaves.
    """
    with node.database.reading() as session:
        of_questions = select(SpendRow.id).where(SpendRow.job_id.is_(None))
        begun = session.scalars(of_questions.where(SpendRow.state == book.BEGUN)).all()
        held = session.scalars(of_questions.where(SpendRow.state == book.HELD)).all()
    for step, spends in ((book.settle, begun), (book.free, held)):
        for (
            spend_id
        ) in spends:  # a transaction each: together they would take locks in another order than spending does
            with node.database.writing() as session, contextlib.suppress(book.IllegalStep):
                step(session, spend_id)
    return len(begun), len(held)
