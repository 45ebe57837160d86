"""Statements that are run thousands of times: every spend runs eleven of them.

Those that return rows go past the session, to its connection; those that only write are compiled once for each kind of
database, and what is left to do at each call is what the driver does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

Values = Mapping[str, Any]
CONNECTION = "connection"
"""Where a session that writes keeps its connection, once it has joined its transaction."""


def connection_of(session: Session) -> Connection:
    """Return the connection that a session's statements go through. What it has not flushed yet, that does not see."""
    connection: Connection | None = session.info.get(CONNECTION)
    return connection or session.connection()


class Ready:
    """A statement that writes and returns nothing. Each of its parameters is one value, given by its name."""

    def __init__(self, statement: UpdateBase) -> None:
        self._statement = statement
        self._forms: dict[str, _Form] = {}

    def run(self, session: Session, values: Values | Sequence[Values]) -> None:
        """Run it, once for each mapping of values."""
        connection = connection_of(session)
        form = self._forms.get(connection.dialect.name) or self._formed(connection.dialect)
        given = form.one(values) if isinstance(values, Mapping) else [form.one(each) for each in values]
        connection.exec_driver_sql(form.text, given)

    def _formed(self, dialect: Dialect) -> "_Form":
        compiled: Any = self._statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - that is what statements become
        kinds = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
        form = _Form(
            str(compiled),
            tuple(compiled.positiontup or ()) if compiled.positional else None,
            {name: bind.value for name, bind in compiled.binds.items() if not bind.required},
            {name: convert for name, kind in kinds.items() if (convert := kind.bind_processor(dialect))},
        )
        return self._forms.setdefault(dialect.name, form)


@dataclass(frozen=True)
class _Form:
    """A statement as one kind of database takes it: its text, and how values become the driver's parameters."""

    text: str
    order: tuple[str, ...] | None
    constants: dict[str, Any]
    converts: dict[str, Callable[[Any], Any]]

    def one(self, values: Values) -> Any:
        if self.constants:
            values = {**self.constants, **values}
        if self.converts:
            values = {**values, **{name: convert(values[name]) for name, convert in self.converts.items()}}
        return values if self.order is None else tuple([values[name] for name in self.order])
