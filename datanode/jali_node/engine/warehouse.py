"""The embedded engine: DuckDB over the registered files."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from jali.wire.dataset import Column, Picture
from jali.wire.selection import ALL_ROWS, Selection
from jali_node.engine import bounded, counts, statement
from jali_node.engine.bounded import Bound
from jali_node.engine.dialect import DuckDB
from jali_node.engine.file import File, parts, suffix_of
from jali_node.engine.tally import Asked, Bins, Categories, KeyCounts, Presence, Tally
from jali_node.errors import InvalidRequest
from jali_node.sources import csv, parquet, quoted

_DIALECT = DuckDB(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Snapshot:
    """One dataset version as the engine knows it: a file, under a name of its own, with declared columns."""

    version: str
    file: File
    columns: tuple[Column, ...]
    pictures: tuple[Picture, ...] = ()

    @property
    def all_columns(self) -> tuple[Column | Picture, ...]:
        """Columns and pictures."""
        return (*self.columns, *self.pictures)

    def refuse_if_changed(self) -> None:
        """Raise DatasetChanged unless the file is the one that was registered."""
        self.file.refuse_if_changed()


class Warehouse:
    """Runs tallies over snapshots. Threads may share it: each tally has a cursor of its own."""

    def __init__(self, folder: Path, memory_limit: str, threads: int) -> None:
        self._folder = folder
        self._attached: set[str] = set()
        self._lock = threading.Lock()
        (folder / "scratch").mkdir(parents=True, exist_ok=True, mode=0o700)
        self._duckdb = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": memory_limit,
                "threads": threads,
                "temp_directory": str(folder / "scratch"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )

    def register(
        self,
        version: str,
        path: Path,
        columns: tuple[Column, ...],
        bound: Bound | None = None,
        pictures: tuple[Picture, ...] = (),
    ) -> Snapshot:
        """Take a CSV or Parquet file in, or a folder of them, and try that every row's declared columns can be read.

        Where a bound is given, the rows that it lets through are written down once, and are all that is ever read.

        Raises:
            InvalidRequest: it is missing, of another kind, lacks a column, or cannot be read.
        """
        path = path.resolve()
        suffix = suffix_of(path)
        try:
            _refuse_missing_columns(self._common_columns(path, suffix, (*columns, *pictures)), (*columns, *pictures))
            if suffix == ".csv":
                if pictures:
                    raise InvalidRequest(
                        f"a CSV file holds no pictures, and the card declares {len(pictures)}: register a Parquet file",
                        field="pictures",
                    )
                path = self._parsed(version, path, columns)
            snapshot = Snapshot(version, File.of(path), columns, pictures)
            if bound is not None:
                snapshot = self._bounded(snapshot, bound)
            for column in columns:  # each to its last row: what fails here must not fail after a charge
                self.tallies(snapshot, [Tally((Presence(column),))])
            for picture in pictures:
                with self._cursor() as cursor:
                    cursor.execute(
                        f"SELECT count({quoted(picture.name)}) FROM {quoted(snapshot.version)}"  # noqa: S608
                    )
        except (duckdb.Error, OSError, UnicodeDecodeError) as error:
            kind = type(error).__name__
            raise InvalidRequest(
                f"the file cannot be read with the declared columns ({kind})", field="table"
            ) from error
        return snapshot

    def without(
        self, version: str, snapshot: Snapshot, entity: str, ids: Sequence[str] | Sequence[int]
    ) -> tuple[Snapshot, int]:
        """Write down a snapshot's rows without those of some entities, as another version.

        Returns:
            the new snapshot, and of how many of these entities there were rows: for the owner's eyes alone.

        Raises:
            InvalidRequest: the rows cannot be read; no value is named.
        """
        self._attach(snapshot)
        target = self._folder / "snapshots" / f"{version}.bounded.parquet"
        target.parent.mkdir(exist_ok=True, mode=0o700)
        view, column = quoted(snapshot.version), quoted(entity)
        try:
            with self._cursor() as cursor:
                cursor.execute("CREATE TEMP TABLE gone AS SELECT DISTINCT unnest($1) AS id", [list(ids)])
                found = cursor.execute(
                    f"SELECT count(*) FROM gone WHERE id IN (SELECT {column} FROM {view})"  # noqa: S608 - quoted names
                ).fetchall()
                cursor.execute(
                    f"CREATE TEMP TABLE kept AS SELECT * FROM {view} "  # noqa: S608 - quoted names
                    f"WHERE {column} NOT IN (SELECT id FROM gone)"
                )
                cursor.table("kept").write_parquet(str(target))
                cursor.execute("DROP TABLE kept; DROP TABLE gone")
        except duckdb.Error as error:
            raise InvalidRequest(f"the rows cannot be read ({type(error).__name__})", field="table") from None
        return replace(snapshot, version=version, file=File.of(target)), int(found[0][0])

    def holding(self, snapshot: Snapshot, entity: str, ids: Sequence[str] | Sequence[int]) -> int:
        """Return of how many of some entities a snapshot has rows: for the owner's eyes alone.

        Raises:
            InvalidRequest: the rows cannot be read; no value is named.
        """
        self._attach(snapshot)
        view, column = quoted(snapshot.version), quoted(entity)
        try:
            with self._cursor() as cursor:
                found = cursor.execute(
                    f"SELECT count(DISTINCT {column}) FROM {view} WHERE {column} IN (SELECT unnest($1))",  # noqa: S608
                    [list(ids)],
                ).fetchall()
        except duckdb.Error as error:
            raise InvalidRequest(f"the rows cannot be read ({type(error).__name__})", field="table") from None
        return int(found[0][0])

    def tallies(
        self, snapshot: Snapshot, tallies: Sequence[Asked], selection: Selection = ALL_ROWS
    ) -> dict[Asked, Any]:
        """Return the selected rows' exact integers. They never leave without noise.

        Sums saturate at 2^62, which moves no two neighbouring tables further apart.

        Returns:
            for each tally an array of int64 of shape `tally.shape`; for counts of unknown keys the keys with theirs.
        """
        self._attach(snapshot)
        return {asked: self._asked(snapshot, asked, selection) for asked in tallies}

    def _asked(self, snapshot: Snapshot, asked: Asked, selection: Selection) -> Any:
        if isinstance(asked, KeyCounts):
            return self._keys(snapshot, asked, selection)
        return self._tally(snapshot, asked, selection)

    def _keys(self, snapshot: Snapshot, asked: KeyCounts, selection: Selection) -> dict[str, int]:
        scan = statement.scan(snapshot.version, snapshot.columns, selection, [asked])
        text, values = _compiled(statement.keys(asked, scan))
        with self._cursor() as cursor:
            return counts.keys_of(cursor.execute(text, values).fetchall())

    def _tally(self, snapshot: Snapshot, tally: Tally, selection: Selection) -> NDArray[np.int64]:
        scan = statement.scan(snapshot.version, snapshot.columns, selection, [tally])
        text, values = _compiled(statement.statement(tally, scan))
        with self._cursor() as cursor:
            return counts.array_of(tally, cursor.execute(text, values).fetchall())

    def rows(self, snapshot: Snapshot, columns: Sequence[Column | Picture]) -> dict[str, NDArray[Any]]:
        """Return the rows themselves, for what runs in the sandbox alone. They never leave the node.

        Returns:
            for each column an array over the rows: float64 with NaN where an integer or number is missing, or int64
            codes of a category in the card's order, one code more standing for missing or undeclared; a text column's
            are objects, None where missing, and so are pictures: bytes, or arrays of numbers.
        """
        found = self._found(snapshot, columns)
        return {column.name: _plain(found[f"c{i}"]) for i, column in enumerate(columns)}

    def rows_of_entities(
        self, snapshot: Snapshot, columns: Sequence[Column | Picture], entity: str
    ) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
        """Return the rows that the bound lets through, as `rows` does, and whose they are, as texts.

        Args:
            snapshot: of a table whose rows were bounded when it was registered.
            columns: what is read.
            entity: the column that identifies entities; rows without one are left out.
        """
        found = self._found(snapshot, columns, entity)
        return {column.name: _plain(found[f"c{i}"]) for i, column in enumerate(columns)}, _plain(found["whose"])

    def _found(
        self, snapshot: Snapshot, columns: Sequence[Column | Picture], entity: str | None = None
    ) -> dict[str, Any]:
        self._attach(snapshot)
        text, values = _compiled(statement.rows(snapshot.version, columns, entity))
        with self._cursor() as cursor:
            return dict(cursor.execute(text, values).fetchnumpy())

    def codes(self, snapshot: Snapshot, groups: Sequence[Bins | Categories]) -> dict[str, NDArray[np.int64]]:
        """Return every row's group codes by column, for a mechanism over rows. They never leave the node."""
        self._attach(snapshot)
        scan = statement.scan(snapshot.version, snapshot.columns, ALL_ROWS, [Tally(tuple(groups))])
        text, values = _compiled(statement.codes(groups, scan))
        with self._cursor() as cursor:
            found = cursor.execute(text, values).fetchnumpy()
        return {group.column.name: np.asarray(found[f"c{i}"], dtype=np.int64) for i, group in enumerate(groups)}

    def close(self) -> None:
        """Let go of the files."""
        self._duckdb.close()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of one's own: DuckDB refuses a second call on a busy one, and refusing is failing."""
        with self._lock:
            return self._duckdb.cursor()

    def _common_columns(self, path: Path, suffix: str, columns: tuple[Column | Picture, ...]) -> set[str]:
        """Return the names of the columns that every part has.

        Raises:
            InvalidRequest: parts of a Parquet folder have a declared column in different types: rows would be cast to
                the first part's, and one that does not fit would be an error.
        """
        if suffix == ".csv":
            return set.intersection(*(set(csv.header(part)) for part in parts(path)))
        with self._cursor() as cursor:
            found = [parquet.types(cursor, part) for part in parts(path)]
        for name in {column.name for column in columns}.intersection(*found):
            kinds = sorted({each[name] for each in found})
            if len(kinds) > 1:
                raise InvalidRequest(
                    f"expected one type of column {name} in all files of the folder, got {' and '.join(kinds)}",
                    field=f"columns.{name}",
                )
        return set.intersection(*(set(each) for each in found))

    def _attach(self, snapshot: Snapshot) -> None:
        with self._lock, self._duckdb.cursor() as cursor:
            if snapshot.version not in self._attached:
                parquet.attach(cursor, snapshot.version, snapshot.file.parts, snapshot.columns, snapshot.pictures)
                self._attached.add(snapshot.version)

    def _bounded(self, whole: Snapshot, bound: Bound) -> Snapshot:
        """Write down the rows that a bound lets through."""
        raw = replace(whole, version=f"{whole.version}_whole")
        self._attach(raw)
        text, values = _compiled(bounded.rows(raw.version, raw.columns, bound, [each.name for each in raw.pictures]))
        target = self._folder / "snapshots" / f"{whole.version}.bounded.parquet"
        target.parent.mkdir(exist_ok=True, mode=0o700)
        with self._cursor() as cursor:
            cursor.execute(f"CREATE TEMP TABLE chosen AS {text}", values)
            cursor.table("chosen").write_parquet(str(target))
            cursor.execute("DROP TABLE chosen")
        return replace(whole, file=File.of(target))

    def _parsed(self, version: str, path: Path, columns: tuple[Column, ...]) -> Path:
        folder = self._folder / "snapshots"
        folder.mkdir(exist_ok=True, mode=0o700)
        target = folder / f"{version}.parquet"
        with self._cursor() as cursor:
            csv.snapshot(cursor, parts(path), columns, target)
        return target


def _compiled(select: sa.Select[Any]) -> tuple[str, list[Any]]:
    """Return a query's text, and its parameters in their order."""
    query = select.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return str(query), [query.params[name] for name in query.positiontup or ()]


def _plain(values: Any) -> NDArray[Any]:
    """Return an array without a mask: what is masked becomes NaN. Codes of categories have nothing to mask."""
    if isinstance(values, np.ma.MaskedArray):
        if values.dtype.kind == "O":
            return values.filled(None)
        return values.filled(np.nan) if values.dtype.kind == "f" else values.data
    return np.asarray(values)


def _refuse_missing_columns(found: set[str], columns: tuple[Column | Picture, ...]) -> None:
    for column in columns:
        if column.name not in found:
            raise InvalidRequest(
                f"the card declares column {column.name}, which the file, or one in the folder, does not have",
                field=f"columns.{column.name}",
            )
