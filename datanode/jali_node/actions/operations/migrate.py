"""The database's schema, brought to what this release needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from jali_node.errors import NodeUnavailable
from jali_node.store.database import Database


def migrate(database: Database) -> str:
    """Apply all migrations that ship with this release, and return the revision reached."""
    return upgrade(database, "head")


def upgrade(database: Database, revision: str) -> str:
    """Apply the migrations up to a revision, all or none of them, and return the newest there is.

    Raises:
        NodeUnavailable: a key would lead nowhere afterwards; nothing was changed.
    """
    config = _config()
    with database.engine.connect() as connection, _tables_may_be_copied(connection):
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        _refuse_unless_keys_hold(connection)
        connection.commit()
    return _head(config)


@contextmanager
def _tables_may_be_copied(connection: Connection) -> Iterator[None]:
    """Let SQLite, which changes a table by copying it and removing the old one, do so where others refer to it.

    It does as its documentation says: keys are not enforced meanwhile, and are checked before the commit.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection  # outside of a transaction: within one it would do nothing
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        connection.rollback()
        driver.execute("PRAGMA foreign_keys=ON")


def _refuse_unless_keys_hold(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = {str(row[0]) for row in connection.exec_driver_sql("PRAGMA foreign_key_check")}
        if broken:
            raise NodeUnavailable(f"keys of table {', '.join(sorted(broken))} would lead nowhere; nothing was changed")


def refuse_unless_migrated(database: Database) -> None:
    """Refuse to serve from a schema of another release.

    Raises:
        NodeUnavailable: it says which command helps.
    """
    with database.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    wanted = _head(_config())
    if found != wanted:
        raise NodeUnavailable(
            f"the database is at revision {found or 'none'}, this release needs {wanted}: run jali node migrate"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "jali_migrations:")
    return config


def head() -> str:
    """Return the revision that this release's tables are of."""
    return _head(_config())


def _head(config: Config) -> str:
    return ScriptDirectory.from_config(config).get_current_head() or ""
