"""Whether a node can answer: asked by whatever sends requests to it, so it tells nothing about tables."""

from pathlib import Path

from sqlalchemy import select

from jali_node.actions.datasets.snapshots import link_of
from jali_node.actions.operations.migrate import refuse_unless_migrated
from jali_node.errors import NodeUnavailable
from jali_node.node import Node
from jali_node.tables import DatasetRow, VersionRow


def refuse_unless_ready(node: Node) -> None:
    """Raise what keeps the node from answering, if anything does.

    Raises:
        NodeUnavailable: the database is not there, or of another release, or a table's file is gone.
    """
    with node.database.reading() as session:
        paths = session.scalars(select(VersionRow.path).join(DatasetRow, DatasetRow.version_id == VersionRow.id)).all()
    refuse_unless_migrated(node.database)
    gone = sum(1 for path in paths if not link_of(path) and not Path(path).exists())
    if gone:
        raise NodeUnavailable(
            f"{gone} of {len(paths)} tables are not where they were registered; put them back, or register them again"
        )
