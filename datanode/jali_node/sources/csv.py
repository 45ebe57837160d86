"""CSV files, read once when they are registered.

One stray quote can swallow the rows after it, so a row's presence could change how others parse. The text is parsed
when the owner registers it, into a Parquet snapshot of the node's own; privacy units are the rows of that snapshot.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from jali.wire.dataset import Column
from jali_node.sources import quoted, typed_columns


def header(path: Path) -> list[str]:
    """Return the names in the first line, without a byte order mark."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return next(csv.reader(file), [])


def snapshot(connection: DuckDBPyConnection, parts: Sequence[Path], columns: tuple[Column, ...], target: Path) -> None:
    """Parse comma-separated UTF-8 files with a header line each into one Parquet file of the declared types.

    Types are declared, never guessed from values: every field is text first, and becomes missing where it does not
    fit. Raises duckdb.Error where a line has too many or too few fields; the owner, at the terminal, is told.
    """
    declared = ", ".join(quoted(column.name) for column in columns)
    # Two steps: in one, DuckDB 2.0 moves the casts into its CSV reader, where a value that does not fit is an error.
    connection.execute(f"CREATE TABLE text_rows ({', '.join(f'{quoted(c.name)} VARCHAR' for c in columns)})")
    try:
        for part in parts:
            _text(connection, part).project(declared).insert_into("text_rows")
        connection.table("text_rows").project(typed_columns(columns)).write_parquet(str(target))
    finally:
        connection.execute("DROP TABLE text_rows")


def _text(connection: DuckDBPyConnection, path: Path) -> DuckDBPyRelation:
    return connection.read_csv(
        str(path),
        header=True,
        delimiter=",",
        quotechar='"',
        escapechar='"',
        auto_detect=False,
        columns=dict.fromkeys(header(path), "VARCHAR"),
    )
