"""From every revision there ever was, with rows in every table, to the newest: nothing is lost, and the ledger holds.

`released/REVISION.json` holds the rows of a node that the code of that revision really ran: a table registered, access
granted, two questions answered. The tables that such a node leaves empty get made-up rows that fit their columns and
keys. A revision without a file of its own starts from the newest before it. (0001 was still changed when 0002 came, and
no node was ever released with it: its file holds rows of 0002's code, which has left the tables of 0002 empty. What an
entry's hash is over changed with 0012, before anything was released: entries of before are linked anew.)
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    Table,
    delete,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from tests.migration.test_schema import differences, schema

from jali.wire.ledger import GENESIS, chained, record_digest
from jali_node.actions.operations.migrate import migrate, upgrade
from jali_node.actions.operations.read_ledger import checked
from jali_node.store.database import Database
from jali_node.tables import Base

RELEASED = Path(__file__).parent / "released"
LINKED_AS_TODAY = "0012"
CLAIMS = {("code_output", "entry")}
"""What a made-up row may not say: the ledger has no such entry, and its verification would find that."""
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def config() -> Config:
    made = Config()
    made.set_main_option("script_location", "jali_migrations:")
    return made


REVISIONS = sorted(script.revision for script in ScriptDirectory.from_config(config()).walk_revisions())
FAST = REVISIONS[0]
CASES = [pytest.param(each, marks=() if each == FAST else pytest.mark.slow) for each in REVISIONS]


def tables(connection: Connection) -> list[Table]:
    """Return the tables as the database has them, those that others refer to first."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def filled(database: Database, revision: str) -> str:
    """Bring an empty database to a revision, with rows in every table; return whose rows they are."""
    kept = max(path.stem for path in RELEASED.glob("*.json") if path.stem <= revision)
    upgrade(database, kept)
    rows = json.loads((RELEASED / f"{kept}.json").read_text(encoding="utf-8"))
    if kept < LINKED_AS_TODAY:
        link_anew(rows)
    with database.engine.begin() as connection:
        for table in tables(connection):
            if table.name in rows:
                connection.execute(delete(table)) if table.name == "chain_head" else None
                connection.execute(insert(table), [typed(table, row) for row in rows[table.name]])
    upgrade(database, revision)
    with database.engine.begin() as connection:
        for table in tables(connection):
            if connection.execute(select(func.count()).select_from(table)).scalar_one() == 0:
                connection.execute(insert(table).values(made_up(connection, table)))
    return kept


def link_anew(rows: dict[str, list[dict[str, Any]]]) -> None:
    """Give entries the hashes that they have since `LINKED_AS_TODAY`."""
    before = GENESIS
    for entry in rows["entry"]:
        at = datetime.fromisoformat(entry["at"]).replace(tzinfo=UTC)
        record = record_digest(entry["kind"], entry["v"], at, json.loads(entry["body"]))
        entry["prev_hash"], entry["hash"] = before, chained(before, entry["seq"], record)
        before = entry["hash"]
    rows["chain_head"][0]["hash"] = before


def typed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    assert set(row) == set(table.columns.keys()), f"{table.name} is not what that revision's code had"
    return {name: value(table.c[name], found) for name, found in row.items()}


def value(column: Column[Any], found: Any) -> Any:
    if found is not None and isinstance(column.type, DateTime):
        return datetime.fromisoformat(found).replace(tzinfo=UTC)
    return bool(found) if found is not None and isinstance(column.type, Boolean) else found


def made_up(connection: Connection, table: Table) -> dict[str, Any]:
    """Return a row with something in every column, and keys that lead somewhere."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if (table.name, column.name) in CLAIMS:
            row[column.name] = None
        elif column.foreign_keys:
            referred = next(iter(column.foreign_keys)).column
            row[column.name] = connection.execute(select(referred).limit(1)).scalar_one()
        elif isinstance(column.type, DateTime):
            row[column.name] = MOMENT
        elif isinstance(column.type, Boolean):
            row[column.name] = True
        elif isinstance(column.type, Integer | BigInteger):
            row[column.name] = 7
        else:
            row[column.name] = "{}"
    return row


def contents(connection: Connection, of: dict[str, list[str]] | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row, of the columns that are asked for, in an order of its own."""
    found = {}
    for table in tables(connection):
        if of is None or table.name in of:
            names = of[table.name] if of else list(table.columns.keys())
            rows = connection.execute(select(*(table.c[name] for name in names))).all()
            found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


@pytest.fixture
def fresh(database_url: str, new_postgresql: Callable[[], str], tmp_path: Path) -> Iterator[Database]:
    """Return a database of the same kind with all migrations applied, and nothing in it."""
    other = new_postgresql() if database_url.startswith("postgresql") else f"sqlite:///{tmp_path / 'fresh.db'}"
    with closing(Database(other)) as database:
        migrate(database)
        yield database


@pytest.mark.parametrize("revision", CASES)
def test_a_database_of_a_released_revision_keeps_every_row_and_its_ledger_holds(
    database_url: str, fresh: Database, revision: str
) -> None:
    with closing(Database(database_url)) as database:
        filled(database, revision)
        with database.engine.connect() as connection:
            columns = {table.name: list(table.columns.keys()) for table in tables(connection)}
            before = contents(connection)
        assert all(before.values()), "every table holds something"
        migrate(database)
        with database.engine.connect() as connection:
            assert contents(connection, columns) == before
            assert differences(connection, Base.metadata) == []
            made = schema(connection)
            if connection.dialect.name == "sqlite":
                assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
                assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
        with fresh.engine.connect() as connection:
            assert without_order(made) == without_order(schema(connection)), "as if it had been made today"
        report = checked(database)
        assert report.valid, report.describe()
        assert report.entries >= 20
        still_read(database)
        still_refused(database)


def without_order(found: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without the order of columns, which grows with the revisions."""
    ordered = {name: [sorted(parts[0], key=lambda c: c["name"]), *parts[1:]] for name, parts in found["tables"].items()}
    return {**found, "tables": ordered}


def still_read(database: Database) -> None:
    """Read every row as today's code does."""
    with database.reading() as session:
        for mapper in Base.registry.mappers:
            session.scalars(select(mapper.class_)).all()


def still_refused(database: Database) -> None:
    """Keys lead somewhere, what is unique is there once, and entries stay as they are."""
    for statement in (
        "INSERT INTO member (project_id, person_id) VALUES ('prj_none', 'per_none')",
        "UPDATE token SET sha256 = 'the same'",
        "UPDATE entry SET kind = 'other'",
        "DELETE FROM entry",
    ):
        with pytest.raises(DBAPIError), database.writing() as session:
            session.execute(text(statement))


def test_each_kept_database_is_of_a_revision_that_there_is() -> None:
    kept = {path.stem for path in RELEASED.glob("*.json")}
    assert kept <= set(REVISIONS)
    assert {REVISIONS[0], "0015"} <= kept
