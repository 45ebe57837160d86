"""One database, SQLite by default, PostgreSQL by its URL; transactions that read and transactions that write.

SQLite writers take the lock at once (BEGIN IMMEDIATE): a transaction that reads first and writes later would fail
against a concurrent one. PostgreSQL writers lock the rows they change (SELECT ... FOR UPDATE), and its readers see one
state throughout (REPEATABLE READ), as SQLite's do: a chain that grows while it is walked is not a broken one.

Nobody waits for a lock, or for a connection, longer than `wait_s`. A SQLite file that was removed or replaced under a
node is not written to any more: what is written to a file without a name is lost when the last process closes it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, TimeoutError
from sqlalchemy.orm import Session

from jali_node.errors import NodeUnavailable
from jali_node.store.ready import CONNECTION
from jali_node.store.writers import Writers

WAIT_S = 10.0
_WRITES = "jali_writes"


class Keeper(Protocol):
    """Who is told of a chain's last entry once it is committed."""

    def note(self, seq: int, head: str, *, durable: bool) -> None:
        """Keep a position of the chain."""


class Database:
    """The node's own tables. Cheap to share between threads; a session is not.

    Args:
        url: SQLAlchemy's.
        wait_s: for a lock or a connection.
        keeper: is found by whoever appends to the chain at `session.info["keeper"]`, and told what was committed.
    """

    def __init__(self, url: str, wait_s: float = WAIT_S, keeper: Keeper | None = None) -> None:
        self.keeper = keeper
        self._writers: Writers | None = None
        self.url: URL = make_url(url)
        self.engine: Engine = create_engine(self.url, pool_timeout=wait_s, **_options(self.url, wait_s))
        if self.url.get_backend_name() == "sqlite":
            assert self.url.database is not None  # noqa: S101 - a file, not :memory:
            same = _SameFile(Path(self.url.database))
            event.listen(self.engine, "do_connect", same.refuse_unless_here)
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "connect", same.remember)
            event.listen(self.engine, "begin", same.refuse_unless_here)
            event.listen(self.engine, "begin", _begin_sqlite)
            self._still = self.engine
            self._writers = Writers(self.engine, {_WRITES: True}, wait_s, self._kept)
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
        info = {"keeper": self.keeper}
        if self._writers:
            with _node_unavailable_if_down(), self._writers.writing(info) as session:
                yield session
            return
        with _node_unavailable_if_down(), Session(self.engine, expire_on_commit=False, info=info) as session:
            with session.begin():
                session.info[CONNECTION] = session.connection()
                yield session
            self._kept(session.info)

    def _kept(self, info: dict[str, Any]) -> None:
        """Tell the keeper what was committed."""
        if self.keeper and (appended := info.get("appended")):
            self.keeper.note(*appended, durable=info.get("begun", False))

    def close(self) -> None:
        """Close all connections."""
        if self._writers:
            self._writers.close()
        self.engine.dispose()


@contextmanager
def _node_unavailable_if_down() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, sqlite3.OperationalError, TimeoutError) as error:
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        if lost or type(error).__name__ in ("OperationalError", "InterfaceError", "DatabaseError", "TimeoutError"):
            raise NodeUnavailable("the node's own database does not answer; what was begun stays spent") from error
        raise


class _SameFile:
    """Holds connections to the file that was opened first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: int | None = None

    def remember(self, *_: Any) -> None:
        """Note which file it is."""
        self._known = self._known or self._here()

    def refuse_unless_here(self, *_: Any) -> None:
        """Raise what SQLite raises when it cannot go on."""
        if self._known is not None and self._here() != self._known:
            raise sqlite3.OperationalError("the database's file was removed or replaced while the node was running")

    def _here(self) -> int | None:
        try:
            return self._path.stat().st_ino
        except OSError:
            return None


def _options(url: URL, wait_s: float) -> dict[str, Any]:
    quiet = {"hide_parameters": True}  # what is stored does not belong into the text of an error
    if url.get_backend_name() == "sqlite":
        return {**quiet, "connect_args": {"timeout": wait_s, "check_same_thread": False}}
    durable = "-c synchronous_commit=on"  # `begin` must outlive the machine, whatever the server's default
    given = {"options": f"{durable} -c lock_timeout={int(wait_s * 1000)}", "connect_timeout": max(2, round(wait_s))}
    return {**quiet, "pool_pre_ping": True, "isolation_level": "READ COMMITTED", "connect_args": given}


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",  # else INSERT OR REPLACE removes an entry without its trigger
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN").close()
