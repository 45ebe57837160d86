"""CSV files, read once when they are registered.

One stray quote can swallow the rows after it, so a row's presence could change how others parse. The text is parsed
when the owner registers it, into a Parquet snapshot of the node's own; privacy units are the rows of that snapshot.
"""

import csv
from pathlib import Path

from duckdb import DuckDBPyConnection

from jali.wire.dataset import Column
from jali_node.sources import typed_columns


def header(path: Path) -> list[str]:
    """Return the names in the first line, without a byte order mark."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return next(csv.reader(file), [])


def snapshot(connection: DuckDBPyConnection, path: Path, columns: tuple[Column, ...], target: Path) -> None:
    """Parse a comma-separated UTF-8 file with a header line into a Parquet file of the declared types.

    Types are declared, never guessed from values: every field is text first, and becomes missing where it does not
    fit. Raises duckdb.Error where a line has too many or too few fields; the owner, at the terminal, is told.
    """
    text = connection.read_csv(
        str(path),
        header=True,
        delimiter=",",
        quotechar='"',
        escapechar='"',
        auto_detect=False,
        columns=dict.fromkeys(header(path), "VARCHAR"),
    )
    # Two steps: in one, DuckDB 2.0 moves the casts into its CSV reader, where a value that does not fit is an error.
    text.create("text_rows")
    try:
        connection.table("text_rows").project(typed_columns(columns)).write_parquet(str(target))
    finally:
        connection.execute("DROP TABLE text_rows")
