"""The catalog: public facts only."""

from sqlalchemy.orm import Session

from jali.wire.dataset import Dataset
from jali_node.node import Node
from jali_node.store import catalog
from jali_node.store.catalog import Registered


def list_datasets(node: Node) -> list[Dataset]:
    """Return every dataset's card."""
    with node.database.reading() as session:
        return [_shown(node, session, registered) for registered in catalog.all_registered(session)]


def show_dataset(node: Node, dataset_id: str) -> Dataset:
    """Return one dataset's card.

    Raises:
        UnknownDataset: there is none.
    """
    with node.database.reading() as session:
        return _shown(node, session, catalog.registered(session, dataset_id))


def _shown(node: Node, session: Session, registered: Registered) -> Dataset:
    late = catalog.late_answers(session, registered.dataset.id)
    return registered.shown().model_copy(update={"timed_release": node.settings.timed_release, "late": late})
