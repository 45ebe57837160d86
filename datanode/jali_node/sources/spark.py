"""Parquet files and folders read by Spark where they are: nothing but aggregates leaves it.

Columns are only read whose physical type always fits the declared one, so that no cast can fail or round.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from jali.wire.dataset import Column, ColumnType

FITTING = {
    ColumnType.INTEGER: ("tinyint", "smallint", "int", "bigint"),
    ColumnType.NUMBER: ("tinyint", "smallint", "int", "bigint", "float", "double"),
    ColumnType.CATEGORY: ("string",),
    ColumnType.TEXT: ("string",),
}


def attach(session: Any, view: str, path: str) -> dict[str, str]:
    """Make a Parquet file or folder readable under a name; return its columns' physical types."""
    frame = session.read.parquet(path)
    frame.createOrReplaceTempView(view)
    return dict(frame.dtypes)


def typed(view: str, columns: Sequence[Column]) -> sa.FromClause:
    """Return a view's declared columns in their declared types."""
    raw = sa.table(view, *(sa.column(column.name) for column in columns))
    return sa.select(*(_cast(raw.c[column.name], column).label(column.name) for column in columns)).subquery("typed")


def _cast(value: sa.ColumnElement[Any], column: Column) -> sa.ColumnElement[Any]:
    kinds: dict[ColumnType, Any] = {ColumnType.INTEGER: sa.BigInteger, ColumnType.NUMBER: sa.Double}
    return sa.cast(value, kinds[column.type]) if column.type in kinds else value
