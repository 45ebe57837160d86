"""Copies of versions that a withdrawal has replaced: they hold the rows of whoever withdrew."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.dataset import Dataset
from jali_node.actions.datasets.snapshots import link_of
from jali_node.node import Node
from jali_node.tables import DatasetRow, VersionRow


def delete_copies(node: Node, session: Session, dataset: Dataset) -> None:
    """Delete the node's own copies of a dataset's versions before the present one."""
    folder = node.settings.folder / "snapshots"
    before = select(VersionRow.id).where(VersionRow.dataset_id == dataset.id, VersionRow.id != dataset.version)
    for version in session.scalars(before):
        for copy in (folder / f"{version}.parquet", folder / f"{version}.bounded.parquet"):
            copy.unlink(missing_ok=True)


def copies_elsewhere(node: Node, name: str) -> list[str]:
    """Return the tables that were written into the scratch schemas of sources for a dataset's earlier versions."""
    query = select(VersionRow).join(DatasetRow, DatasetRow.id == VersionRow.dataset_id)
    with node.database.reading() as session:
        before = session.scalars(query.where(DatasetRow.name == name, VersionRow.id != DatasetRow.version_id)).all()
    found = [(row.id, link) for row in before if (link := link_of(row.path))]
    return [f"{link.table} in {link.source}" for version, link in found if link.table.endswith(f".{version}")]
