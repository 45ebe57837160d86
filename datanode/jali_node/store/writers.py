"""Writers of one process on SQLite, which has one at a time: those that wait share the commit of the one before them.

A commit waits for the disk, and a database that commits for each of eight writers waits eight times. Here a writer
that has finished while others wait leaves the transaction open for the next of them, and the last one commits for all.
Each writes behind a savepoint of its own, so that one that fails takes nothing of the others with it; nobody goes on
before what it wrote is durable; and where the commit fails, it has failed for everyone who shared it.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import TimeoutError
from sqlalchemy.orm import Session

from jali_node.store.ready import CONNECTION

SHARERS_MAX = 32
OPEN_MAX_S = 0.02
"""No transaction takes up another writer once it is this old: the first of its writers waits too."""
PATIENCE_S = 0.005
Committed = Callable[[dict[str, Any]], None]


class _Shared:
    """A transaction of some writers, and whether it is durable."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self.info: dict[str, Any] = {}
        self.sharers = 0
        self._begun = time.monotonic()

    @property
    def is_full(self) -> bool:
        """Whether the next writer has to begin another one."""
        return self.sharers >= SHARERS_MAX or time.monotonic() - self._begun > OPEN_MAX_S

    def is_alive(self) -> bool:
        """Whether SQLite still has it open: where a disk is full it may have rolled everything back."""
        return bool(self.driver.in_transaction)

    @property
    def driver(self) -> Any:
        """The driver's own connection."""
        return self.connection.connection.driver_connection

    @contextmanager
    def behind_savepoint(self) -> Iterator[None]:
        """Undo what is written in the block, and nothing else, where it ends with an error."""
        self.driver.execute("SAVEPOINT writer")
        try:
            yield
        except BaseException:
            if self.is_alive():
                self.driver.execute("ROLLBACK TO writer")
                self.driver.execute("RELEASE writer")
            raise
        self.driver.execute("RELEASE writer")


class Writers:
    """Lets one writer after another write, and as few commits as possible wait for the disk.

    Args:
        engine: its connections begin by taking the database's lock, under these execution options.
        wait_s: how long a writer waits for its turn.
        committed: is told what the writers of a transaction left in their sessions' `info`, once it is durable.
    """

    def __init__(self, engine: Engine, options: dict[str, Any], wait_s: float, committed: Committed) -> None:
        self._engine, self._options, self._wait_s, self._committed = engine, options, wait_s, committed
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._waiting = 0
        self._open: _Shared | None = None
        self._kept: Connection | None = None

    def close(self) -> None:
        """Give back the connection that is kept for the next writer."""
        kept, self._kept = self._kept, None
        if kept:
            kept.close()

    @contextmanager
    def writing(self, info: dict[str, Any]) -> Iterator[Session]:
        """Open a session whose changes are durable once the block has ended without an error."""
        self._take_turn()
        try:
            shared = self._joined() or self._begun()
            alone = shared.sharers == 0
            mode: Any = "rollback_only" if alone else "create_savepoint"
            session = Session(
                shared.connection,
                expire_on_commit=False,
                info={**info, CONNECTION: shared.connection},
                join_transaction_mode=mode,
            )
            try:
                with nullcontext() if alone else shared.behind_savepoint(), session:
                    yield session
                    if session.in_transaction():
                        session.commit()
            except BaseException:
                if alone:
                    self._forget(shared)
                raise
            shared.sharers += 1
            shared.info.update(session.info)
        finally:
            if self._open and (not self._waiting or self._open.is_full):
                self._end(self._open)
            self._turn.release()
        self._wait(shared)

    def _take_turn(self) -> None:
        with self._counting:
            self._waiting += 1
        try:
            if not self._turn.acquire(timeout=self._wait_s):
                raise TimeoutError("another writer of this process did not end")
        finally:
            with self._counting:
                self._waiting -= 1

    def _joined(self) -> _Shared | None:
        """Return the transaction that waits for another writer; one that SQLite has rolled back ends here."""
        if self._open and not self._open.is_alive():
            self._end(self._open)
        return self._open

    def _begun(self) -> _Shared:
        connection, self._kept = self._kept or self._engine.connect().execution_options(**self._options), None
        try:
            connection.begin()
        except BaseException:
            connection.close()
            raise
        self._open = _Shared(connection)
        return self._open

    def _forget(self, shared: _Shared) -> None:
        """Roll back what its only writer did."""
        self._open = None
        shared.connection.close()

    def _end(self, shared: _Shared) -> None:
        """Commit; whoever shares it learns how that went. The turn is held."""
        self._open = None
        try:
            self._commit(shared)
            self._committed(shared.info)
        except BaseException as error:
            shared.error = error
        shared.ended.set()

    def _commit(self, shared: _Shared) -> None:
        try:
            if not shared.is_alive():
                raise sqlite3.OperationalError("the database has rolled the transaction back")
            shared.connection.commit()
        except BaseException:
            shared.connection.invalidate()  # a transaction whose commit failed may still be open
            shared.connection.close()
            raise
        self._kept = shared.connection

    def _wait(self, shared: _Shared) -> None:
        """Wait until the transaction is durable; commit it, if nobody else is about to."""
        while not shared.ended.wait(PATIENCE_S):
            if self._turn.acquire(timeout=PATIENCE_S):
                try:
                    if self._open is shared:
                        self._end(shared)
                finally:
                    self._turn.release()
        if shared.error is not None:
            raise shared.error
