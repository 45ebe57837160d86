"""Registering a table from which people have withdrawn brings them back: only where its owner says that they may be."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from jali_node.errors import InvalidRequest
from jali_node.node import Node
from jali_node.store import catalog
from jali_node.tables import DatasetRow, VersionRow


@dataclass(frozen=True)
class Earlier:
    """The version that was the same table, of which dataset, and when people withdrew from that."""

    dataset: str
    version: str
    withdrawn_at: datetime


def earlier(session: Session, population_id: str, source: str) -> Earlier | None:
    """Return the version of the same people that a withdrawal has replaced and that was this very table, if any.

    Args:
        source: the digest of the table as it is given: of its content, or of the address of one that stays elsewhere.
    """
    query = (
        select(DatasetRow.name, VersionRow.id, DatasetRow.withdrawn_at)
        .join(VersionRow, VersionRow.dataset_id == DatasetRow.id)
        .where(
            DatasetRow.population_id == population_id,
            VersionRow.registered_at < DatasetRow.withdrawn_at,
            VersionRow.id != DatasetRow.version_id,
            or_(VersionRow.source_sha256 == source, VersionRow.sha256 == source),
        )
        .order_by(VersionRow.registered_at.desc())
    )
    found = session.execute(query.limit(1)).one_or_none()
    return None if found is None or found[2] is None else Earlier(found[0], found[1], found[2])


def refuse(found: Earlier) -> InvalidRequest:
    """Return what is said to a table that would bring people back."""
    return InvalidRequest(
        f"this is the table that {found.dataset} had before people withdrew from it on {found.withdrawn_at:%Y-%m-%d}: "
        "registering it brings them back. Take them out of it first (docs/how-to/withdrawal.md); only if they may be "
        "in it again, say so with --bring-back",
        field="table",
    )


def reminder(node: Node, name: str) -> str:
    """Say that people have withdrawn from a table of the same people before, where they have."""
    with node.database.reading() as session:
        population = catalog.named(session, name).population.id
        query = select(DatasetRow.name, DatasetRow.withdrawn_at).where(
            DatasetRow.population_id == population, DatasetRow.withdrawn_at.is_not(None)
        )
        found = [f"{table} on {at:%Y-%m-%d}" for table, at in session.execute(query.order_by(DatasetRow.name)) if at]
    if not found:
        return ""
    return (
        f"People withdrew from {', '.join(found)}. The node keeps no list of them and cannot look: see to it that they "
        "are not in this table either."
    )
