"""A stored dataset version, as the engine knows it."""

from pathlib import Path

from jali_node.engine.warehouse import File, Snapshot
from jali_node.store.catalog import Registered


def snapshot(registered: Registered) -> Snapshot:
    """Return the version's file and declared columns."""
    version = registered.version
    file = File(Path(version.path), version.sha256, version.size, version.mtime_ns)
    return Snapshot(version.id, file, registered.card.columns)
