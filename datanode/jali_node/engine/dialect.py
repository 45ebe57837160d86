"""How DuckDB is spoken to: PostgreSQL's words, and its own where they spare it work."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from jali_node.engine.place import place


class DuckDB(PGDialect):
    """PostgreSQL's dialect under DuckDB's name."""

    name = "duckdb"
    supports_statement_cache = False


@compiles(place, "duckdb")
def _by_dictionary(element: place, compiler: SQLCompiler, **options: Any) -> str:
    """Say it as a function: DuckDB calls one once for each entry of a column's dictionary, a CASE once for each row."""
    (value,) = element.clauses
    names = ", ".join(compiler.process(sa.literal(name, sa.Text), **options) for name in element.among)
    return f"list_position([{names}], {compiler.process(value, **options)})"
