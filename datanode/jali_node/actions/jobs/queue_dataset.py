"""An owner says whether training jobs run over a dataset one after the other, or side by side as workers are free."""

from sqlalchemy.orm import Session

from jali.wire.dataset import Dataset
from jali_node import audit
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.store import catalog
from jali_node.store.catalog import Registered


def set_one_job(node: Node, caller: Caller, dataset_id: str, *, one_at_a_time: bool) -> Dataset:
    """Let one training job run over a dataset at a time, or several; what runs already goes on.

    Raises:
        AccessDenied: the caller is no owner.
        UnknownDataset: there is none.
    """
    caller.must_own()
    with node.database.writing() as session:
        return _set(session, catalog.registered(session, dataset_id), one_at_a_time, caller.id)


def allow_one_job(node: Node, name: str, *, one_at_a_time: bool) -> Dataset:
    """Do the same for the owner at the machine, by the dataset's name.

    Raises:
        InvalidRequest: there is none.
    """
    with node.database.writing() as session:
        return _set(session, catalog.named(session, name), one_at_a_time, None)


def _set(session: Session, found: Registered, one_at_a_time: bool, by: str | None) -> Dataset:
    if found.dataset.one_job is not one_at_a_time:
        found.dataset.one_job = one_at_a_time
        session.flush()
        audit.record(session, audit.DATASET_QUEUED, dataset=found.dataset.id, one_at_a_time=one_at_a_time, by=by)
    return found.shown()
