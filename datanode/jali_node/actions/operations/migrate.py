"""The database's schema, brought to what this release needs."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from jali_node.errors import NodeUnavailable
from jali_node.store.database import Database


def migrate(database: Database) -> str:
    """Apply all migrations that ship with this release, and return the revision reached."""
    config = _config()
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    return _head(config)


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
