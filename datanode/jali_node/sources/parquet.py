"""Parquet files, read in place."""

from pathlib import Path

from duckdb import DuckDBPyConnection

from jali.wire.dataset import Column
from jali_node.sources import quoted, typed_columns


def attach(connection: DuckDBPyConnection, view: str, path: Path, columns: tuple[Column, ...]) -> None:
    """Make a file readable as a view of the declared columns and types."""
    raw = f"{view}_raw"
    connection.from_parquet(str(path)).create_view(raw)
    connection.execute(
        f"CREATE OR REPLACE VIEW {quoted(view)} AS SELECT {typed_columns(columns)} FROM {quoted(raw)}"  # noqa: S608
    )
