"""An owner lets functions be submitted for a dataset, or no longer. It is off unless they did."""

from sqlalchemy.orm import Session

from jali.wire.dataset import Dataset
from jali_node import audit
from jali_node.actions.datasets.snapshots import snapshot
from jali_node.engine.engines import files_only
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.store import catalog
from jali_node.store.catalog import Registered


def set_code(node: Node, caller: Caller, dataset_id: str, *, allowed: bool) -> Dataset:
    """Let code jobs be submitted for a dataset, or no longer.

    Raises:
        AccessDenied: the caller is no owner.
        UnknownDataset: there is none.
        InvalidRequest: its rows stay in another engine.
    """
    caller.must_own()
    with node.database.writing() as session:
        return _set(session, catalog.registered(session, dataset_id), allowed, caller.id)


def allow_code(node: Node, name: str, *, allowed: bool) -> Dataset:
    """Do the same for the owner at the machine, by the dataset's name.

    Raises:
        InvalidRequest: there is none, or its rows stay in another engine.
    """
    with node.database.writing() as session:
        return _set(session, catalog.named(session, name), allowed, None)


def _set(session: Session, found: Registered, allowed: bool, by: str | None) -> Dataset:
    if allowed:
        files_only(snapshot(found), "a code job")
    if found.dataset.code_jobs is not allowed:
        found.dataset.code_jobs = allowed
        session.flush()
        kind = audit.CODE_ALLOWED if allowed else audit.CODE_FORBIDDEN
        audit.record(session, kind, dataset=found.dataset.id, by=by)
    return found.shown()
