"""The schema, on both databases: what the migrations make is what the tables declare."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, inspect, text

from jali_node.actions.operations.create_node import prepare_folder
from jali_node.actions.operations.migrate import migrate, refuse_unless_migrated
from jali_node.app import create_app
from jali_node.errors import NodeUnavailable
from jali_node.settings import Settings
from jali_node.store.database import Database
from jali_node.tables import Base

TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname",
}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return an empty database of each kind."""
    opened = Database(database_url)
    yield opened
    opened.close()


def differences(connection: Connection, declared: MetaData) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), declared))


def schema(connection: Connection) -> dict[str, Any]:
    """Return everything that the database itself says of its tables."""
    found = inspect(connection)
    triggers = connection.execute(text(TRIGGERS[connection.dialect.name])).all()
    tables = {
        name: [
            [{**column, "type": str(column["type"])} for column in found.get_columns(name)],
            found.get_pk_constraint(name),
            sorted(found.get_foreign_keys(name), key=lambda key: str(key["name"])),
            sorted(found.get_unique_constraints(name), key=lambda key: str(key["name"])),
            sorted(found.get_indexes(name), key=lambda index: str(index["name"])),
        ]
        for name in found.get_table_names()
    }
    return {"tables": tables, "triggers": [tuple(row) for row in triggers]}


def rows(connection: Connection) -> dict[str, list[Any]]:
    names = inspect(connection).get_table_names()
    return {name: [tuple(row) for row in connection.execute(text(f'SELECT * FROM "{name}"'))] for name in names}  # noqa: S608


def test_the_migrations_make_exactly_the_declared_tables(database: Database) -> None:
    migrate(database)
    with database.engine.connect() as connection:
        assert differences(connection, Base.metadata) == []
        made = set(inspect(connection).get_table_names())
    assert made == {*Base.metadata.tables, "alembic_version"}


def test_the_comparison_finds_a_column_an_index_and_a_table_too_many(database: Database) -> None:
    migrate(database)
    with database.engine.connect() as connection:
        connection.execute(text("ALTER TABLE person ADD COLUMN nickname VARCHAR(20)"))
        connection.execute(text("CREATE INDEX ix_person_role ON person (role)"))
        connection.execute(text("CREATE TABLE extra (id INTEGER PRIMARY KEY)"))
        kinds = {difference[0] for difference in differences(connection, Base.metadata)}
    assert kinds == {"remove_column", "remove_index", "remove_table"}


def test_the_databases_hold_the_same_constraints_by_the_same_names(database: Database) -> None:
    migrate(database)
    with database.engine.connect() as connection:
        found = inspect(connection)
        for name, table in Base.metadata.tables.items():
            keys = [found.get_pk_constraint(name), *found.get_foreign_keys(name), *found.get_unique_constraints(name)]
            assert {key["name"] for key in keys} == {str(constraint.name) for constraint in table.constraints}


def test_migrating_twice_changes_nothing(database: Database) -> None:
    reached = migrate(database)
    with database.engine.connect() as connection:
        once = schema(connection), rows(connection)
    assert once[1]["alembic_version"] == [(reached,)]
    assert once[1]["chain_head"] == [(1, 0, "0" * 64)]
    assert migrate(database) == reached
    with database.engine.connect() as connection:
        assert (schema(connection), rows(connection)) == once


def test_migrating_keeps_what_a_running_node_has_written(build_house: Callable[..., Any], database_url: str) -> None:
    house = build_house(database_url=database_url)
    house.grant()
    assert house.ask({"kind": "count"}, 0.2).status_code == 200
    with house.node.database.engine.connect() as connection:
        before = rows(connection)
    assert len(before["release"]) == 1
    migrate(house.node.database)
    with house.node.database.engine.connect() as connection:
        assert rows(connection) == before


def test_the_chain_is_protected_by_the_database_itself(database: Database) -> None:
    migrate(database)
    with database.engine.connect() as connection:
        names = [name for name, _ in schema(connection)["triggers"]]
    sqlite = database.url.get_backend_name() == "sqlite"
    assert names == (["entry_no_delete", "entry_no_update"] if sqlite else ["entry_append_only"])


def test_an_unmigrated_database_is_refused_with_the_command_to_run(tmp_path: Path, database_url: str) -> None:
    folder = tmp_path / "node"
    prepare_folder(folder, "test node")
    settings = Settings(folder=folder, name="test node", database_url=database_url)  # type: ignore[arg-type]
    with pytest.raises(NodeUnavailable, match=r"revision none.* run jali node migrate"):
        create_app(settings)


@pytest.mark.parametrize("revision", ["0000", "9999"])
def test_a_database_of_another_release_is_refused_with_the_command_to_run(database: Database, revision: str) -> None:
    reached = migrate(database)
    refuse_unless_migrated(database)
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    with pytest.raises(NodeUnavailable, match=f"revision {revision}, this release needs {reached}: run jali node mig"):
        refuse_unless_migrated(database)
