"""A table or view of an owner's PostgreSQL, read where it is: nothing but aggregates leaves it.

PostgreSQL raises where a value does not fit a cast, so that columns are only read whose physical type always fits.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from jali.wire.dataset import Column, ColumnType

FITTING = {
    ColumnType.INTEGER: ("smallint", "integer", "bigint"),
    ColumnType.NUMBER: ("smallint", "integer", "bigint", "real", "double precision"),
    ColumnType.CATEGORY: ("text", "character varying"),
    ColumnType.TEXT: ("text", "character varying"),
}


def physical_types(connection: sa.Connection, schema: str, table: str) -> dict[str, str]:
    """Return the types of a table's or view's columns by name."""
    columns = sa.table("columns", *map(sa.column, ("table_schema", "table_name", "column_name", "data_type")))
    columns.schema = "information_schema"
    asked = sa.select(columns.c.column_name, columns.c.data_type).where(
        columns.c.table_schema == schema, columns.c.table_name == table
    )
    return {str(name): str(kind) for name, kind in connection.execute(asked)}


def typed(schema: str, table: str, columns: Sequence[Column]) -> sa.FromClause:
    """Return a table's declared columns in their declared types; texts are compared byte by byte."""
    raw = sa.table(table, *(sa.column(column.name) for column in columns), schema=schema)
    return sa.select(*(_cast(raw.c[column.name], column).label(column.name) for column in columns)).subquery("typed")


def _cast(value: sa.ColumnElement[Any], column: Column) -> sa.ColumnElement[Any]:
    match column.type:
        case ColumnType.INTEGER:
            return sa.cast(value, sa.BigInteger)
        case ColumnType.NUMBER:
            return sa.cast(value, sa.Double)
        case _:
            return sa.collate(sa.cast(value, sa.Text), "C")
