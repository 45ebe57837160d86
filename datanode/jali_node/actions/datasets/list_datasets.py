"""The catalog: public facts only."""

from jali.wire.dataset import Dataset
from jali_node.node import Node
from jali_node.store import catalog


def list_datasets(node: Node) -> list[Dataset]:
    """Return every dataset's card."""
    with node.database.reading() as session:
        return [registered.shown() for registered in catalog.all_registered(session)]


def show_dataset(node: Node, dataset_id: str) -> Dataset:
    """Return one dataset's card.

    Raises:
        UnknownDataset: there is none.
    """
    with node.database.reading() as session:
        return catalog.registered(session, dataset_id).shown()
