"""What a killed process left behind is settled before the node serves again."""

from sqlalchemy import select

from jali_node.ledger import book
from jali_node.node import Node
from jali_node.tables import SpendRow


def recover(node: Node) -> tuple[int, int]:
    """Settle every spend that began and free every one that did not; return how many of each.

    A begun spend stands: its rows may have been read. Settling also fences it off: should its process still live,
    its answer can no longer be committed, and so never leaves.
    """
    with node.database.writing() as session:
        begun = session.scalars(select(SpendRow.id).where(SpendRow.state == book.BEGUN)).all()
        held = session.scalars(select(SpendRow.id).where(SpendRow.state == book.HELD)).all()
        for spend_id in begun:
            book.settle(session, spend_id)
        for spend_id in held:
            book.free(session, spend_id)
    return len(begun), len(held)
