"""Whom a dataset is shown to: everybody, or where it is hidden those with a grant and those who oversee the node.

To anybody else a hidden dataset is answered as one that there is not, by every route: that it exists can be a secret.
"""

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from jali_node.people.caller import Caller
from jali_node.store import catalog, clock
from jali_node.store.catalog import Registered
from jali_node.tables import DatasetRow, GrantRow


def seen(session: Session, caller: Caller, dataset_id: str) -> Registered:
    """Return a dataset by its id, if the caller may know of it.

    Whether it is hidden or not there, the same statements are sent: one that hidden ones took longer with would tell.

    Raises:
        UnknownDataset: there is none, or it is hidden from the caller.
    """
    return catalog.registered(session, dataset_id, *_shown_to(caller))


def all_seen(session: Session, caller: Caller) -> list[Registered]:
    """Return every dataset that the caller may know of, by name."""
    return catalog.all_registered(session, *_shown_to(caller))


def _shown_to(caller: Caller) -> tuple[ColumnElement[bool], ...]:
    """Return what a dataset must meet to be shown to a caller. A grant counts until its end, for project members."""
    if caller.oversees:
        return ()
    held = select(GrantRow.id).where(
        GrantRow.person_id == caller.id,
        GrantRow.dataset_id == DatasetRow.id,
        GrantRow.project_id.in_(sorted(caller.projects)),
        clock.not_over(GrantRow.expires_at),
    )
    return (or_(DatasetRow.hidden.is_(False), held.exists()),)
