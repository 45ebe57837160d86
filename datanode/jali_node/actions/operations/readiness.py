"""Whether a node can answer: asked by whatever sends requests to it, so it tells nothing about tables."""

from pathlib import Path

from sqlalchemy import select

from jali_node.actions.datasets.snapshots import link_of
from jali_node.actions.operations.migrate import refuse_unless_migrated
from jali_node.errors import NodeUnavailable
from jali_node.ledger import chain, witness
from jali_node.node import Node
from jali_node.store import clock
from jali_node.tables import DatasetRow, VersionRow


def refuse_unless_ready(node: Node) -> None:
    """Raise what keeps the node from answering, if anything does.

    Raises:
        NodeUnavailable: the database is not there, or of another release, or a table's file is gone.
        ClockBehind: the machine's clock stands before the newest entry; nothing may be spent.
        LedgerIncomplete: entries are missing that the checkpoint beside the database knows; nothing may be spent.
    """
    kept = node.witness.newest()  # first: what is kept was committed before
    with node.database.reading() as session:
        witness.refuse_unless_it_holds(session, kept, *chain.end(session))
        clock.refuse_if_behind(clock.newest(session))
        paths = session.scalars(select(VersionRow.path).join(DatasetRow, DatasetRow.version_id == VersionRow.id)).all()
    refuse_unless_migrated(node.database)
    if any(not link_of(path) and not Path(path).exists() for path in paths):
        raise NodeUnavailable("a table's file is not where it was registered; put it back, or register it again")
