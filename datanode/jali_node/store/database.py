"""One database, SQLite by default, PostgreSQL by its URL; transactions that read and transactions that write.

SQLite writers take the lock at once (BEGIN IMMEDIATE): a transaction that reads first and writes later would fail
against a concurrent one. PostgreSQL writers lock the rows they change (SELECT ... FOR UPDATE), and its readers see one
state throughout (REPEATABLE READ), as SQLite's do: a chain that grows while it is walked is not a broken one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from jali_node.errors import NodeUnavailable

BUSY_TIMEOUT_S = 30
_WRITES = "jali_writes"


class Database:
    """The node's own tables. Cheap to share between threads; a session is not."""

    def __init__(self, url: str) -> None:
        self.url: URL = make_url(url)
        self.engine: Engine = create_engine(self.url, **_options(self.url))
        if self.url.get_backend_name() == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
            self._still = self.engine
        else:
            self._still = self.engine.execution_options(isolation_level="REPEATABLE READ")

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that only reads, and sees one state of the database however long it reads."""
        with _node_unavailable_if_down(), Session(self._still, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session that commits, durably, when the block ends without an error; else nothing is written."""
        with _node_unavailable_if_down(), self.engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})
            with Session(connection, expire_on_commit=False) as session, session.begin():
                yield session
            connection.commit()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


@contextmanager
def _node_unavailable_if_down() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated or type(error).__name__ in ("OperationalError", "InterfaceError"):
            raise NodeUnavailable("the node's own database does not answer; what was begun stays spent") from error
        raise


def _options(url: URL) -> dict[str, Any]:
    quiet = {"hide_parameters": True}  # what is stored does not belong into the text of an error
    if url.get_backend_name() == "sqlite":
        return {**quiet, "connect_args": {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}}
    durable = {"options": "-c synchronous_commit=on"}  # `begin` must outlive the machine, whatever the server's default
    return {**quiet, "pool_pre_ping": True, "isolation_level": "READ COMMITTED", "connect_args": durable}


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",  # else INSERT OR REPLACE removes an entry without its trigger
        f"busy_timeout={BUSY_TIMEOUT_S * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
