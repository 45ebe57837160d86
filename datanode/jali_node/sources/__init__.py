"""The only place that reads rows. Files become views with the card's columns and declared types.

A value that does not fit its declared type becomes missing (TRY_CAST): nothing about a row can raise.
"""

from jali.wire.dataset import Column, ColumnType

SQL_TYPES = {
    ColumnType.INTEGER: "BIGINT",
    ColumnType.NUMBER: "DOUBLE",
    ColumnType.CATEGORY: "VARCHAR",
    ColumnType.TEXT: "VARCHAR",
}


def typed_columns(columns: tuple[Column, ...]) -> str:
    """Return the select list that casts each declared column to its declared type."""
    return ", ".join(f"TRY_CAST({quoted(c.name)} AS {SQL_TYPES[c.type]}) AS {quoted(c.name)}" for c in columns)


def quoted(name: str) -> str:
    """Return an SQL identifier; names come from the owner's card, whose pattern leaves no quotes."""
    return '"' + name.replace('"', '""') + '"'
