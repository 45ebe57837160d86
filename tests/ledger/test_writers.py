"""Writers of one process share a commit: what each wrote is durable before it goes on, or it is told that it is not."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Integer, column, event, insert, text
from sqlalchemy import table as sql_table

from jali_node.errors import NodeUnavailable
from jali_node.store import writers
from jali_node.store.database import Database
from jali_node.store.ready import Ready

EIGHT = 8


class Table:
    """A database with one table of numbers, and a count of its commits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = Database(f"sqlite:///{path}", wait_s=30.0)
        self.commits = 0
        with self.database.writing() as session:
            session.execute(text("CREATE TABLE number (value INTEGER)"))
        event.listen(self.database.engine, "commit", self._counted)

    def _counted(self, _: Any) -> None:
        self.commits += 1

    def write(self, value: int, then: Callable[[], object] = lambda: None) -> None:
        with self.database.writing() as session:
            session.execute(text("INSERT INTO number VALUES (:value)"), {"value": value})
            then()

    def seen_from_outside(self) -> set[int]:
        """Return the numbers that another process would find."""
        other = sqlite3.connect(self.path)
        try:
            return {value for (value,) in other.execute("SELECT value FROM number")}
        finally:
            other.close()

    def behind_each_other(self, acts: list[Callable[[], object]]) -> list[BaseException | None]:
        """Let writers come while another one holds the turn, so that they wait in line; return what each raised."""
        begun, line = threading.Event(), threading.Event()

        def first() -> None:
            self.write(0, lambda: (begun.set(), line.wait(30)))

        with ThreadPoolExecutor(len(acts) + 1) as pool:
            opening = pool.submit(first)
            begun.wait(30)
            queue = self.database._writers
            assert queue
            given = []
            for number, act in enumerate(acts, 1):
                given.append(pool.submit(act))
                while queue._waiting < number:
                    time.sleep(0.001)
            line.set()
            return [opening.exception(30), *(each.exception(30) for each in given)]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    monkeypatch.setattr(writers, "OPEN_MAX_S", 30.0)  # a slow machine must not part those who wait for each other
    made = Table(tmp_path / "numbers.db")
    yield made
    made.database.close()


def test_writers_that_wait_for_each_other_share_commits_and_lose_nothing(table: Table) -> None:
    raised = table.behind_each_other([lambda value=value: table.write(value) for value in range(1, EIGHT)])
    assert raised == [None] * EIGHT
    assert table.seen_from_outside() == set(range(EIGHT))
    assert table.commits < EIGHT


def test_nobody_goes_on_before_what_it_wrote_is_seen_from_outside(table: Table) -> None:
    missed: list[int] = []

    def write_and_look(value: int) -> None:
        table.write(value)
        if value not in table.seen_from_outside():
            missed.append(value)

    with ThreadPoolExecutor(EIGHT) as pool:
        list(pool.map(write_and_look, range(200)))
    assert not missed
    assert table.seen_from_outside() == set(range(200))


def test_a_writer_alone_commits_at_once(table: Table) -> None:
    for value in range(5):
        table.write(value)
    assert table.commits == 5


def test_a_writer_that_fails_takes_nothing_of_the_others_with_it(table: Table) -> None:
    def fail() -> None:
        raise KeyError("of its own")

    acts = [lambda: table.write(1), lambda: table.write(2, fail), lambda: table.write(3)]
    first, one, two, three = table.behind_each_other(acts)
    assert (first, one, three) == (None, None, None)
    assert isinstance(two, KeyError)
    assert table.seen_from_outside() == {0, 1, 3}


def test_what_passes_the_session_by_is_undone_with_its_writer_too(table: Table) -> None:
    insert_ready = Ready(insert(sql_table("number", column("value", Integer))))

    def write_ready(value: int, then: Callable[[], object] = lambda: None) -> None:
        with table.database.writing() as session:
            insert_ready.run(session, {"value": value})
            then()

    acts = [lambda: write_ready(1), lambda: write_ready(2, lambda: 1 / 0), lambda: write_ready(3)]
    first, one, two, three = table.behind_each_other(acts)
    assert (first, one, three) == (None, None, None)
    assert isinstance(two, ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        write_ready(4, lambda: 1 / 0)
    assert table.seen_from_outside() == {0, 1, 3}


def test_one_that_fails_alone_leaves_nothing_and_the_next_begins_anew(table: Table) -> None:
    with pytest.raises(ZeroDivisionError):
        table.write(1, lambda: 1 / 0)
    table.write(2)
    assert table.seen_from_outside() == {2}


def test_where_the_commit_fails_it_fails_for_everyone_who_shared_it(table: Table) -> None:
    broken = [True]

    def fail(_: Any) -> None:
        if broken[0]:
            raise sqlite3.OperationalError("database or disk is full")

    event.listen(table.database.engine, "commit", fail)
    raised = table.behind_each_other([lambda value=value: table.write(value) for value in range(1, 4)])
    assert [type(error) for error in raised] == [NodeUnavailable] * 4
    assert table.seen_from_outside() == set()
    broken[0] = False
    table.write(7)
    assert table.seen_from_outside() == {7}


def test_where_the_database_rolled_back_by_itself_nobody_is_told_that_it_was_written(table: Table) -> None:
    """A full disk makes SQLite undo the whole transaction in the middle of one writer's statements."""

    def roll_back() -> None:
        with table.database.writing() as session, suppress(sqlite3.OperationalError):
            session.execute(text("INSERT INTO number VALUES (2)"))
            driver: Any = session.connection().connection.driver_connection
            driver.execute("ROLLBACK")

    acts = [lambda: table.write(1), roll_back, lambda: table.write(3)]
    first, one, two, three = table.behind_each_other(acts)
    assert {type(first), type(one)} == {NodeUnavailable}
    assert two is not None
    told = {value for value, error in ((0, first), (1, one), (2, two), (3, three)) if error is None}
    assert told == table.seen_from_outside()


def test_who_waits_in_line_and_leaves_it_leaves_nobody_without_a_commit(table: Table) -> None:
    queue = table.database._writers
    assert queue
    queue._waiting += 1  # somebody who came, and whom nobody will hear of again
    table.write(1)
    queue._waiting -= 1
    assert table.seen_from_outside() == {1}
