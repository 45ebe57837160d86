"""Statements that are run thousands of times: every spend runs eleven of them.

They are written as SQLAlchemy expressions like all others, and compiled once for each kind of database. What is left to
do at each call is what the driver does: its own cursor, on the connection of the session, in the session's transaction.
What goes wrong is raised as SQLAlchemy would raise it; its events of statements do not hear of these.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

Values = Mapping[str, Any]
Statement = Select[Any] | UpdateBase
Convert = Callable[[Any], Any]
CONNECTION = "connection"
"""Where a session that writes keeps its connection, once it has joined its transaction."""


def connection_of(session: Session) -> Connection:
    """Return the connection that a session's statements go through. What it has not flushed yet, that does not see."""
    connection: Connection | None = session.info.get(CONNECTION)
    return connection or session.connection()


class Ready:
    """A statement. Each of its parameters is one value, given by its name; its columns are values, not objects."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._forms: dict[str, _Form] = {}

    def run(self, session: Session, *each: Values) -> None:
        """Run it, once for each mapping of values."""
        connection = connection_of(session)
        form = self._form(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            if len(each) == 1:
                cursor.execute(form.text, form.given(each[0]))
            else:
                cursor.executemany(form.text, [form.given(values) for values in each])
        except form.errors as error:
            raise _failed(connection, form.text, error) from error

    def rows(self, session: Session, values: Values) -> list[Any]:
        """Run it and return all its rows, as named tuples."""
        connection = connection_of(session)
        form = self._form(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            found = cursor.execute(form.text, form.given(values)).fetchall()
        except form.errors as error:
            raise _failed(connection, form.text, error) from error
        return [form.row(row) for row in found]

    def row(self, session: Session, values: Values) -> Any:
        """Run it and return its first row, or None."""
        found = self.rows(session, values)
        return found[0] if found else None

    def _form(self, dialect: Dialect) -> "_Form":
        return self._forms.get(dialect.name) or self._forms.setdefault(dialect.name, _formed(self._statement, dialect))


@dataclass(frozen=True)
class _Form:
    """A statement as one kind of database takes it: its text, and what becomes of values on their ways to and fro."""

    text: str
    errors: type[Exception]
    is_positional: bool
    taken: tuple[tuple[str, Convert | None], ...]
    constants: Values
    names: Callable[[Any], Any]
    read: tuple[tuple[int, Convert], ...]

    def given(self, values: Values) -> Any:
        """Return values as the driver's parameters."""
        all_ = {**self.constants, **values} if self.constants else values
        if self.is_positional:
            return [all_[name] if convert is None else convert(all_[name]) for name, convert in self.taken]
        return {name: all_[name] if convert is None else convert(all_[name]) for name, convert in self.taken}

    def row(self, found: Sequence[Any]) -> Any:
        """Return one of the driver's rows."""
        if self.read:
            found = list(found)
            for at, convert in self.read:
                found[at] = convert(found[at])
        return self.names(found)


def _formed(statement: Statement, dialect: Dialect) -> _Form:
    compiled: Any = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - that is what statements become
    order = compiled.positiontup if compiled.positional else list(compiled.binds)
    binds = compiled.binds
    columns = list(statement.exported_columns)
    reading = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    row: Any = namedtuple("row", [column.key for column in columns])  # type: ignore[misc]
    return _Form(
        str(compiled),
        dialect.loaded_dbapi.Error,
        bool(compiled.positional),
        tuple((name, binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in order or ()),
        {name: bind.value for name, bind in binds.items() if not bind.required},
        row._make,
        tuple((at, convert) for at, convert in enumerate(reading) if convert),
    )


def _failed(connection: Connection, text: str, error: Any) -> BaseException:
    """Return what SQLAlchemy would raise; a connection that is lost is not used again."""
    dialect = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
    if lost:
        connection.invalidate(error)
    raised: BaseException = DBAPIError.instance(
        text,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )
    return raised
