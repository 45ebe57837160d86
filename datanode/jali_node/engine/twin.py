"""A twin: made-up rows of a table's declared columns, as many as its public figure says. For timing, never an answer.

Values are spread evenly over bounds and categories and in no order: nothing can be skipped, and every group is met.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from jali.wire.dataset import Column, ColumnType

ROWS_MAX = 1_000_000
CELLS_MAX = 20_000_000
MISSING_SHARE = 0.05
UNBOUNDED = (0.0, 1e6)


def rows_for(size: int, columns: int) -> int:
    """Return how many rows a twin has; a larger table's times are scaled up from it."""
    return min(size, ROWS_MAX, CELLS_MAX // columns)


def write(path: Path, columns: Sequence[Column], rows: int, entities: int) -> None:
    """Write a twin's rows as Parquet, all at once: what is there is whole.

    Args:
        path: where to.
        columns: the card's.
        rows: how many.
        entities: how many different values a text column has.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_suffix(".unfinished")
    values = ", ".join(f'{_value(column, entities)} AS "{column.name}"' for column in columns)
    categories = [list(column.categories) for column in columns if column.categories]
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.sql(f"SELECT {values} FROM range({rows})", params=categories or None).write_parquet(str(unfinished))  # noqa: S608 - card names and numbers
    unfinished.replace(path)


def _value(column: Column, entities: int) -> str:
    low, high = column.bounds or UNBOUNDED
    match column.type:
        case ColumnType.CATEGORY:
            value = f"list_extract(?::VARCHAR[], 1 + CAST(floor(random() * {len(column.categories)}) AS BIGINT))"
        case ColumnType.INTEGER:
            value = f"CAST(floor({low!r}::DOUBLE + random() * {high - low!r}::DOUBLE) AS BIGINT)"
        case ColumnType.NUMBER:
            value = f"{low!r}::DOUBLE + random() * {high - low!r}::DOUBLE"
        case ColumnType.TEXT:
            return f"'unit ' || CAST(floor(random() * {entities}) AS BIGINT)"
    return value if column.complete else f"CASE WHEN random() >= {MISSING_SHARE} THEN {value} END"
