"""Which engine answers for which version: DuckDB for files, PostgreSQL and Spark for tables that stay there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jali.wire.dataset import Column
from jali.wire.selection import ALL_ROWS, Selection
from jali_node.engine.bounded import Bound
from jali_node.engine.linked import POSTGRESQL, SPARK, Link, Linked
from jali_node.engine.postgresql import PostgreSQL
from jali_node.engine.spark import Spark
from jali_node.engine.tally import Asked
from jali_node.engine.warehouse import Snapshot, Warehouse
from jali_node.errors import InvalidRequest


@dataclass(frozen=True)
class Engines:
    """All engines of a node. `duckdb` reads files; the others start when they are first needed."""

    duckdb: Warehouse
    postgresql: PostgreSQL
    spark: Spark

    @classmethod
    def of(cls, duckdb: Warehouse, sources: Mapping[str, str], spark_master: str, folder: Path) -> "Engines":
        """Return a node's engines.

        Args:
            duckdb: for files.
            sources: addresses of the owner's databases, by the owner's names for them.
            spark_master: where Spark runs.
            folder: the node's own.
        """
        return cls(duckdb, PostgreSQL(sources), Spark(spark_master, folder))

    def tallies(
        self, version: Snapshot | Linked, tallies: Sequence[Asked], selection: Selection = ALL_ROWS
    ) -> dict[Asked, Any]:
        """Return the selected rows' exact integers from where they are. They never leave without noise."""
        if isinstance(version, Snapshot):
            return self.duckdb.tallies(version, tallies, selection)
        engine: PostgreSQL | Spark = self.postgresql if version.link.engine == POSTGRESQL else self.spark
        return engine.tallies(version, tallies, selection)

    def link(
        self, version: str, link: Link, columns: tuple[Column, ...], bound: Bound | None, scratch: str | None
    ) -> Linked:
        """Take a table of another engine in.

        Raises:
            ExtraMissing, InvalidRequest: it cannot be read there with the declared columns.
        """
        if link.engine == SPARK:
            return self.spark.register(version, link, columns, bound)
        return self.postgresql.register(version, link, columns, bound, scratch)

    def close(self) -> None:
        """Let go of files, connections and sessions."""
        for engine in (self.duckdb, self.postgresql, self.spark):
            engine.close()


def files_only(version: Snapshot | Linked, what: str) -> Snapshot:
    """Return a version that is a file.

    Raises:
        InvalidRequest: it stays in another engine, which gives nothing but aggregates.
    """
    if isinstance(version, Linked):
        raise InvalidRequest(
            f"{what} reads rows, and this table stays in {version.link.engine}, which gives aggregates alone; register "
            "a Parquet snapshot of it",
            field="dataset",
        )
    return version
