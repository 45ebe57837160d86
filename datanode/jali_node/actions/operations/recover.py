"""What a killed process left behind is settled before the node serves again."""

import contextlib

from sqlalchemy import select

from jali_node.ledger import book
from jali_node.node import Node
from jali_node.tables import SpendRow


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
