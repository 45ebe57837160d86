"""Keeping made-up rows, and reading them back."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from jali.wire.mock import LABELS, Cell, MockKind, MockRows
from jali_node.tables import MockRow


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


def kept(session: Session, version_id: str, kind: MockKind) -> MockRows | None:
    """Return a version's made-up rows of one kind; None where there are none."""
    row = session.get(MockRow, (version_id, kind.value))
    if row is None:
        return None
    columns = {name: tuple(cells) for name, cells in json.loads(row.columns).items()}
    return MockRows(kind=kind, version=version_id, label=row.label, columns=columns, registered_at=row.registered_at)
