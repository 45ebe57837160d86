"""The catalog: public facts only."""

from sqlalchemy.orm import Session

from jali.wire.dataset import Dataset
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.people.sight import all_seen, seen
from jali_node.store import catalog
from jali_node.store.catalog import Registered
from jali_node.tables import AccountRow


def list_datasets(node: Node, caller: Caller) -> list[Dataset]:
    """Return the card of every dataset that the caller may know of."""
    with node.database.reading() as session:
        return [_shown(node, session, registered) for registered in all_seen(session, caller)]


def show_dataset(node: Node, caller: Caller, dataset_id: str) -> Dataset:
    """Return one dataset's card.

    Raises:
        UnknownDataset: there is none, or it is hidden from the caller.
    """
    with node.database.reading() as session:
        return _shown(node, session, seen(session, caller, dataset_id))


def _shown(node: Node, session: Session, registered: Registered) -> Dataset:
    late = catalog.late_answers(session, registered.dataset.id)
    shown = registered.shown()
    days = session.get_one(AccountRow, registered.population.account_id).window_days
    people = shown.population.model_copy(update={"refresh_days": days})
    return shown.model_copy(update={"timed_release": node.settings.timed_release, "late": late, "population": people})
