"""Whom a dataset is shown to: everybody, or where it is hidden those with a grant and those who oversee the node.

To anybody else a hidden dataset is answered as one that there is not, by every route: that it exists can be a secret.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali_node.people.caller import Caller
from jali_node.store import catalog, clock
from jali_node.store.catalog import Registered
from jali_node.tables import GrantRow


def seen(session: Session, caller: Caller, dataset_id: str) -> Registered:
    """Return a dataset by its id, if the caller may know of it.

    Raises:
        UnknownDataset: there is none, or it is hidden from the caller.
    """
    found = catalog.registered(session, dataset_id)
    if not shown_to(session, caller, found):
        raise catalog.unknown()
    return found


def all_seen(session: Session, caller: Caller) -> list[Registered]:
    """Return every dataset that the caller may know of, by name."""
    return [found for found in catalog.all_registered(session) if shown_to(session, caller, found)]


def shown_to(session: Session, caller: Caller, found: Registered) -> bool:
    """Say whether the caller may know of a dataset. A grant counts until its end, for members of its project."""
    if not found.dataset.hidden or caller.oversees:
        return True
    held = select(GrantRow.id).where(
        GrantRow.person_id == caller.id,
        GrantRow.dataset_id == found.dataset.id,
        GrantRow.project_id.in_(caller.projects),
        GrantRow.expires_at > clock.now(session),
    )
    return session.scalars(held.limit(1)).first() is not None
