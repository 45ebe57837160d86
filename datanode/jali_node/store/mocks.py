"""Keeping made-up rows, and reading them back."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jali.wire.mock import LABELS, Cell, MockKind, MockRows
from jali_node.tables import MockRow, VersionRow


def keep(session: Session, version_id: str, kind: MockKind, columns: Mapping[str, Sequence[Cell]]) -> None:
    """Store a version's made-up rows of one kind, in place of those before."""
    row = MockRow(
        version_id=version_id,
        kind=kind.value,
        label=LABELS[kind],
        columns=json.dumps({name: list(cells) for name, cells in columns.items()}),
        registered_at=datetime.now(UTC),
    )
    session.merge(row)


def forget_owners(session: Session, dataset_id: str) -> None:
    """Delete the owner's own rows for the versions of a dataset: people who withdraw may be named in them."""
    versions = select(VersionRow.id).where(VersionRow.dataset_id == dataset_id)
    session.execute(delete(MockRow).where(MockRow.version_id.in_(versions), MockRow.kind == MockKind.OWNER.value))


def kept(session: Session, version_id: str, kind: MockKind) -> MockRows | None:
    """Return a version's made-up rows of one kind; None where there are none."""
    row = session.get(MockRow, (version_id, kind.value))
    if row is None:
        return None
    columns = {name: tuple(cells) for name, cells in json.loads(row.columns).items()}
    return MockRows(kind=kind, version=version_id, label=row.label, columns=columns, registered_at=row.registered_at)
