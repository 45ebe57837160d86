"""Spark: tallies over tables that outgrow one machine, in Spark's words; only aggregates come back."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import GenericTypeCompiler, IdentifierPreparer

from jali.wire.dataset import Column
from jali.wire.selection import ALL_ROWS, Selection
from jali_node.engine import bounded, counts, statement
from jali_node.engine.bounded import Bound
from jali_node.engine.linked import SPARK, Link, Linked, refuse_unfitting
from jali_node.engine.tally import Asked, KeyCounts, Presence, Tally
from jali_node.errors import ExtraMissing, InvalidRequest
from jali_node.sources import spark as source


class _Types(GenericTypeCompiler):
    def visit_TEXT(self, type_: Any, **options: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        return "STRING"

    def visit_DOUBLE(self, type_: Any, **options: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        return "DOUBLE"


class _Identifiers(IdentifierPreparer):
    def __init__(self, dialect: Any) -> None:
        super().__init__(dialect, initial_quote="`")


class SparkSql(DefaultDialect):
    """Spark's words."""

    name = "spark"
    type_compiler_cls = _Types
    preparer = _Identifiers  # type: ignore[assignment]
    supports_statement_cache = False
    supports_native_boolean = True


_DIALECT = SparkSql(paramstyle="named")


class Spark:
    """Runs tallies in one Spark session, which starts when it is first needed. Threads may share it.

    Args:
        master: where Spark runs, `local[2]` for two threads of this machine.
        folder: where chosen rows of entities are written down.
    """

    def __init__(self, master: str, folder: Path) -> None:
        self._master = master
        self._folder = folder
        self._attached: set[str] = set()
        self._lock = threading.Lock()
        self._started: Any = None

    def register(self, version: str, link: Link, columns: tuple[Column, ...], bound: Bound | None = None) -> Linked:
        """Take a Parquet file or folder in, and try that its declared columns can be read, every row of them.

        Raises:
            ExtraMissing: pyspark or Java is not installed.
            InvalidRequest: it cannot be read, lacks a column, or has one of a type that might not fit.
        """
        try:
            found = source.attach(self._session(), version, link.table)
            refuse_unfitting(found, columns, {str(kind): types for kind, types in source.FITTING.items()})
            if bound is not None:
                link = self._bounded(version, link, columns, bound)
            linked = Linked(version, link, columns)
            self._attached.discard(version)
            for column in columns:
                self.tallies(linked, [Tally((Presence(column),))])
        except (ExtraMissing, InvalidRequest):
            raise
        except Exception as error:
            kind = type(error).__name__
            raise InvalidRequest(
                f"the table cannot be read with the declared columns ({kind})", field="table"
            ) from error
        return linked

    def tallies(self, linked: Linked, tallies: Sequence[Asked], selection: Selection = ALL_ROWS) -> dict[Asked, Any]:
        """Return the selected rows' exact integers, as `Warehouse.tallies` does. They never leave without noise."""
        self._attach(linked)
        view = source.typed(linked.version, linked.columns)
        return {asked: self._asked(view, linked, asked, selection) for asked in tallies}

    def close(self) -> None:
        """End the session, if there is one."""
        if self._started is not None:
            self._started.stop()

    def _asked(self, view: sa.FromClause, linked: Linked, asked: Asked, selection: Selection) -> Any:
        scan = statement.scan(view, linked.columns, selection, [asked])
        if isinstance(asked, KeyCounts):
            return counts.keys_of(self._rows(statement.keys(asked, scan)))
        return counts.array_of(asked, self._rows(statement.statement(asked, scan)))

    def _rows(self, select: sa.Select[Any]) -> list[Any]:
        text, values = _compiled(select)
        rows: list[Any] = self._session().sql(text, args=values).collect()
        return rows

    def _attach(self, linked: Linked) -> None:
        with self._lock:
            if linked.version not in self._attached:
                source.attach(self._session(), linked.version, linked.link.table)
                self._attached.add(linked.version)

    def _bounded(self, version: str, link: Link, columns: tuple[Column, ...], bound: Bound) -> Link:
        """Write down the rows that a bound lets through."""
        text, values = _compiled(bounded.rows(source.typed(version, columns), columns, bound))
        target = self._folder / "snapshots" / f"{version}.bounded"
        self._session().sql(text, args=values).write.parquet(str(target))
        return Link(SPARK, link.source, str(target), link.snapshot)

    def _session(self) -> Any:
        if self._started is None:
            try:
                from pyspark.sql import SparkSession
            except ImportError as error:
                raise ExtraMissing("this table takes Spark: pip install 'jali[spark]', and Java 17") from error
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
            builder = SparkSession.builder.master(self._master).appName("jali")
            for name, value in _SETTINGS.items():
                builder = builder.config(name, value)
            self._started = builder.getOrCreate()
        return self._started


_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.session.timeZone": "UTC",
    "spark.log.level": "ERROR",
}


def _compiled(select: sa.Select[Any]) -> tuple[str, dict[str, Any]]:
    query = select.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return str(query), dict(query.params)
