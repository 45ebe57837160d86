"""PostgreSQL: tallies run where the table is, in transactions that can only read."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from jali.wire.dataset import Column
from jali.wire.selection import ALL_ROWS, Selection
from jali_node.engine import bounded, counts, statement
from jali_node.engine.bounded import Bound
from jali_node.engine.linked import POSTGRESQL, Link, Linked, refuse_unfitting
from jali_node.engine.tally import Asked, KeyCounts, Presence, Tally
from jali_node.errors import InvalidRequest
from jali_node.sources import postgresql

READ_ONLY = {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}


class PostgreSQL:
    """Runs tallies in the owner's databases. Threads may share it.

    Args:
        urls: by the owner's name for each source.
    """

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._engines = {
            name: sa.create_engine(url, hide_parameters=True, pool_pre_ping=True) for name, url in urls.items()
        }

    def register(
        self,
        version: str,
        link: Link,
        columns: tuple[Column, ...],
        bound: Bound | None = None,
        scratch: str | None = None,
    ) -> Linked:
        """Take a table or view in, and try that its declared columns can be read, every row of them.

        Args:
            version: the version's name.
            link: where it is.
            columns: the card's.
            bound: how many rows of whom are read; these are written into `scratch`, once.
            scratch: a schema that the source's user may create tables in; needed where there is a bound.

        Raises:
            InvalidRequest: no such source, table or column, a type that might not fit, or no scratch schema.
        """
        engine = self._engine(link)
        schema, table = _split(link.table)
        try:
            with engine.connect() as connection:
                found = postgresql.physical_types(connection, schema, table)
            refuse_unfitting(found, columns, {str(kind): types for kind, types in postgresql.FITTING.items()})
            if bound is not None:
                link = self._bounded(engine, version, link, columns, bound, scratch)
            linked = Linked(version, link, columns)
            for column in columns:
                self.tallies(linked, [Tally((Presence(column),))])
        except sa.exc.SQLAlchemyError as error:
            kind = type(error.orig if isinstance(error, sa.exc.DBAPIError) else error).__name__
            raise InvalidRequest(
                f"the table cannot be read with the declared columns ({kind})", field="table"
            ) from error
        return linked

    def tallies(self, linked: Linked, tallies: Sequence[Asked], selection: Selection = ALL_ROWS) -> dict[Asked, Any]:
        """Return the selected rows' exact integers, as `Warehouse.tallies` does. They never leave without noise."""
        view = postgresql.typed(*_split(linked.link.table), linked.columns)
        with self._engine(linked.link).connect().execution_options(**READ_ONLY) as connection, connection.begin():
            return {asked: _asked(connection, view, linked, asked, selection) for asked in tallies}

    def close(self) -> None:
        """Close all connections."""
        for engine in self._engines.values():
            engine.dispose()

    def _engine(self, link: Link) -> sa.Engine:
        if link.source not in self._engines:
            known = ", ".join(self._engines) or "none"
            raise InvalidRequest(f"the settings name no source {link.source} (known: {known})", field="source")
        return self._engines[link.source]

    def _bounded(
        self,
        engine: sa.Engine,
        version: str,
        link: Link,
        columns: tuple[Column, ...],
        bound: Bound,
        scratch: str | None,
    ) -> Link:
        """Write the rows that a bound lets through into the scratch schema."""
        if scratch is None:
            raise InvalidRequest(
                "rows of entities are chosen once and written down: name a scratch schema that the source's user may "
                "create tables in",
                field="scratch",
            )
        chosen = bounded.rows(postgresql.typed(*_split(link.table), columns), columns, bound)
        with engine.begin() as connection:
            connection.execute(sa.CreateTableAs(chosen, version, schema=scratch))
        return Link(POSTGRESQL, link.source, f"{scratch}.{version}", link.snapshot)


def _asked(connection: sa.Connection, view: sa.FromClause, linked: Linked, asked: Asked, selection: Selection) -> Any:
    scan = statement.scan(view, linked.columns, selection, [asked])
    if isinstance(asked, KeyCounts):
        return counts.keys_of(connection.execute(statement.keys(asked, scan)).all())
    return counts.array_of(asked, connection.execute(statement.statement(asked, scan)).all())


def _split(table: str) -> tuple[str, str]:
    schema, _, name = table.rpartition(".")
    return schema or "public", name
