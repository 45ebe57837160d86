"""Runs migrations on the connection that `jali node migrate` hands over, or on a URL from the alembic command."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, engine_from_config

from jali_node.tables import Base, UtcTime


def plain_types(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """Write our own column types as the ones they store, so that old migrations never depend on today's code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcTime) else False


def run(connection: Connection) -> None:
    """Run the migrations; SQLite changes tables by copying them."""
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_as_batch=True, render_item=plain_types
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = engine_from_config(context.config.get_section("alembic") or {})
    with engine.connect() as made:
        run(made)
        made.commit()
