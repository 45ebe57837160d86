"""A dataset is hidden, or shown again."""

from sqlalchemy.orm import Session

from jali.wire.dataset import Dataset
from jali_node import audit
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.store import catalog
from jali_node.store.catalog import Registered


def set_visibility(node: Node, caller: Caller, dataset_id: str, *, hidden: bool) -> Dataset:
    """Hide a dataset from whoever has neither a grant nor an overseeing role, or show it again.

    Raises:
        AccessDenied: the caller is no owner.
        UnknownDataset: there is none.
    """
    caller.must_own()
    with node.database.writing() as session:
        return _set(session, catalog.registered(session, dataset_id), hidden, caller.id)


def hide(node: Node, name: str, *, hidden: bool) -> Dataset:
    """Do the same for the owner at the machine, by the dataset's name.

    Raises:
        InvalidRequest: there is none.
    """
    with node.database.writing() as session:
        return _set(session, catalog.named(session, name), hidden, None)


def _set(session: Session, found: Registered, hidden: bool, by: str | None) -> Dataset:
    if found.dataset.hidden is not hidden:
        found.dataset.hidden = hidden
        session.flush()
        kind = audit.DATASET_HIDDEN if hidden else audit.DATASET_SHOWN
        audit.record(session, kind, dataset=found.dataset.id, by=by)
    return found.shown()
