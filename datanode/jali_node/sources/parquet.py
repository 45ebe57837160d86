"""Parquet files, read in place: one, or a folder's together."""

from collections.abc import Sequence
from pathlib import Path

from duckdb import DuckDBPyConnection

from jali.wire.dataset import Column, Picture
from jali_node.sources import quoted, typed_columns


def attach(connection: DuckDBPyConnection, view: str, parts: Sequence[Path], columns: tuple[Column, ...],
           pictures: tuple[Picture, ...] = ()) -> None:  # fmt: skip
    """Make files readable as one view of the declared columns and types; columns go by their names.

    Pictures are what they are where they are of the declared kind, and else missing.
    """
    raw = f"{view}_raw"
    files = [str(part) for part in parts]
    shown = ", ".join([typed_columns(columns), *map(_picture, pictures)])
    connection.from_parquet(files, union_by_name=len(files) > 1, hive_partitioning=False).create_view(raw)
    connection.execute(
        f"CREATE OR REPLACE VIEW {quoted(view)} AS SELECT {shown} FROM {quoted(raw)}"  # noqa: S608
    )


def _picture(picture: Picture) -> str:
    kind, name = "BLOB" if picture.encoded else "DOUBLE[]", quoted(picture.name)
    return f"TRY_CAST({name} AS {kind}) AS {name}"


def types(connection: DuckDBPyConnection, path: Path) -> dict[str, str]:
    """Return the physical types of a file's columns by name, from its schema alone."""
    found = connection.from_parquet(str(path), hive_partitioning=False)
    return dict(zip(found.columns, map(str, found.types), strict=True))
