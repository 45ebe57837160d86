"""A version's twin: generated from its card and its public figures, kept beside the snapshots, never from rows."""

from jali_node.engine import twin
from jali_node.engine.bounded import Bound
from jali_node.engine.warehouse import Snapshot
from jali_node.node import Node
from jali_node.store.catalog import Registered


def twin_of(node: Node, registered: Registered) -> Snapshot:
    """Return a version's twin as the engine knows it, making it where there is none yet."""
    version, card = registered.version.id, registered.card
    if version not in node.twins:
        path = node.settings.folder / "twins" / f"{version}.parquet"
        if not path.exists():
            rows = twin.rows_for(registered.shown().size, len(card.columns))
            twin.write(path, card.columns, rows, max(1, rows // (card.max_rows or 1)))
        node.twins[version] = node.warehouse.register(f"twin_{version}", path, card.columns, _bound(registered))
    return node.twins[version]


def _bound(registered: Registered) -> Bound | None:
    card = registered.card
    if card.entity is None or card.max_rows is None:
        return None
    return Bound(card.entity, card.max_rows, bytes.fromhex(registered.population.ranking_key))
