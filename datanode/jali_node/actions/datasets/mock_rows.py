"""Made-up rows: an owner's own file is taken in, and whatever there is is shown."""

import csv
import math
from collections.abc import Callable
from pathlib import Path

from jali.wire.dataset import Column, ColumnType
from jali.wire.mock import ROWS_MAX, Cell, MockKind, MockRows
from jali.wire.money import digest
from jali_node import audit
from jali_node.errors import InvalidRequest, UnknownResource
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.people.sight import seen
from jali_node.store import catalog, mocks


def add_mock(node: Node, name: str, path: Path) -> int:
    """Take in the owner's own made-up rows for a dataset's current version, and return how many there are.

    They are handed out freely and lie outside the promise, so they must not be made from the table's rows: nobody but
    the owner can know that. What they look like is held against the card; errors name line and value, since only the
    owner sees them.

    Raises:
        InvalidRequest: no dataset of that name, another header than the card's columns, or a value that does not fit.
    """
    with node.database.writing() as session:
        found = next((each for each in catalog.all_registered(session) if each.dataset.name == name), None)
        if found is None:
            raise InvalidRequest(f"there is no dataset {name}", field="name")
        columns = read_rows(path, found.card.columns)
        mocks.keep(session, found.version.id, MockKind.OWNER, columns)
        facts = {"dataset": found.dataset.id, "version": found.version.id, "rows": digest(repr(columns))}
        audit.record(session, audit.MOCK_ADDED, mock=MockKind.OWNER.value, **facts)
    return len(next(iter(columns.values())))


def show_mock(node: Node, caller: Caller, dataset_id: str, kind: MockKind) -> MockRows:
    """Return a dataset's made-up rows of one kind.

    Raises:
        UnknownDataset, UnknownResource: there is no such dataset, or it has none of this kind.
    """
    with node.database.reading() as session:
        found = seen(session, caller, dataset_id)
        rows = mocks.kept(session, found.version.id, kind)
    if rows is None:
        raise UnknownResource(
            f"{found.dataset.name} has no mock rows of kind {kind.value}; mock() makes some from the card",
            field="kind",
        )
    return rows


def read_rows(path: Path, columns: tuple[Column, ...]) -> dict[str, list[Cell]]:
    """Return a CSV file's rows by column, each value of its declared type; an empty field is a missing one.

    Raises:
        InvalidRequest: a header or value that does not fit the card; it names the line.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.DictReader(file, strict=True)
        names, expected = list(lines.fieldnames or ()), [column.name for column in columns]
        if sorted(names) != sorted(expected):
            raise InvalidRequest(f"expected the columns {', '.join(expected)}; got {', '.join(names)}", field="file")
        found: dict[str, list[Cell]] = {name: [] for name in expected}
        for line in lines:
            if None in line or None in line.values() or lines.line_num > ROWS_MAX + 1:
                raise InvalidRequest(
                    f"line {lines.line_num}: expected {len(expected)} fields, in at most {ROWS_MAX} lines", field="file"
                )
            for column in columns:
                found[column.name].append(_cell(column, line[column.name], lines.line_num))
    if not found[expected[0]]:
        raise InvalidRequest("expected at least 1 row, got 0", field="file")
    return found


def _cell(column: Column, text: str, line: int) -> Cell:
    if text == "":
        return None
    try:
        value = _READ[column.type](text)
    except ValueError:
        raise InvalidRequest(
            f"line {line}: {column.name} is of type {column.type.value}, got {text[:60]!r}", field=column.name
        ) from None
    if column.type is ColumnType.CATEGORY and value not in column.categories:
        known = ", ".join(column.categories[:12])
        raise InvalidRequest(f"line {line}: expected one of {known}; got {text[:60]!r}", field=column.name)
    if column.bounds is not None and not column.bounds[0] <= float(value or 0) <= column.bounds[1]:
        raise InvalidRequest(
            f"line {line}: expected {column.bounds[0]:g} to {column.bounds[1]:g}, got {text[:60]}", field=column.name
        )
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


_READ: dict[ColumnType, Callable[[str], str | int | float]] = {
    ColumnType.CATEGORY: str,
    ColumnType.INTEGER: int,
    ColumnType.NUMBER: _finite,
    ColumnType.TEXT: str,
}
