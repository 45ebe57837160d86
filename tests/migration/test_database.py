"""How each database is opened: durable, one writer at a time, whole transactions, keys that hold."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from jali_node.actions.operations.migrate import migrate
from jali_node.errors import NodeUnavailable
from jali_node.store.database import WAIT_S, Database
from jali_node.tables import MemberRow, ProjectRow


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return a migrated database of each kind."""
    opened = Database(database_url)
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """Return a migrated SQLite database."""
    opened = Database(f"sqlite:///{tmp_path / 'node.db'}")
    migrate(opened)
    yield opened
    opened.close()


def a_project(name: str = "study") -> ProjectRow:
    return ProjectRow(id=f"prj_{name}", name=name, purpose="to test", created_at=datetime.now(UTC))


def test_sqlite_is_durable_and_checks_keys_on_every_connection(sqlite: Database) -> None:
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "busy_timeout": 1000 * WAIT_S,
    }
    with sqlite.engine.connect() as first, sqlite.engine.connect() as second:
        for connection in (first, second):
            found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in expected}
            assert found == expected


def test_a_sqlite_writer_holds_the_lock_from_its_first_read_and_readers_do_not_wait(sqlite: Database) -> None:
    with sqlite.writing() as session, sqlite.engine.connect() as other:
        session.execute(text("SELECT count(*) FROM project"))
        other.exec_driver_sql("SELECT count(*) FROM project")
        other.rollback()
        other.exec_driver_sql("PRAGMA busy_timeout=0")
        other.rollback()
        other.execution_options(jali_writes=True)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.begin()


def test_postgresql_readers_see_one_state_and_writers_the_newest(new_postgresql: Callable[[], str]) -> None:
    database = Database(new_postgresql())
    with database.reading() as session:
        assert session.execute(text("SHOW transaction_isolation")).scalar_one() == "repeatable read"
    with database.writing() as session:
        assert session.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
        assert session.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
    database.close()


def test_a_key_that_leads_nowhere_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(MemberRow(project_id="prj_none", person_id="per_none"))


def test_a_writing_block_is_kept_whole_or_not_at_all(database: Database) -> None:
    def failing() -> None:
        with database.writing() as session:
            session.add(a_project("lost"))
            session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        failing()
    with database.writing() as session:
        session.add(a_project("kept"))
    with database.reading() as session:
        assert [row.name for row in session.query(ProjectRow)] == ["kept"]


def test_a_reading_block_keeps_nothing(database: Database) -> None:
    with database.reading() as session:
        session.add(a_project())
        session.flush()
    with database.reading() as session:
        assert session.query(ProjectRow).count() == 0


def test_a_database_that_does_not_answer_is_named_as_such(tmp_path: Path) -> None:
    nowhere = Database(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")
    with pytest.raises(NodeUnavailable, match="what was begun stays spent"), nowhere.reading() as session:
        session.execute(text("SELECT 1"))
    deaf = Database(f"postgresql+psycopg://nobody:@/none?host={tmp_path}")
    with pytest.raises(NodeUnavailable, match="what was begun stays spent"), deaf.writing() as session:
        session.execute(text("SELECT 1"))
