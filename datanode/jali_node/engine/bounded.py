"""The bounded view: at most `max_rows` rows of each entity, chosen by a rule that reads no other entity's rows.

Rows are ranked within their entity by HMAC-SHA-256 (RFC 2104, FIPS 180-4) of their content, under a key that is fixed
for the population and never leaves the node. The content is one text, the same on every engine: the declared columns in
the card's order, each as its length, a colon and the value (a whole number in decimal, a bounded number as its lattice
code, a text as it is), or a dash where it is missing. Rows of equal content are ordered by their numbers as they are;
rows that still tie are equal in everything that is ever computed from them. So the choice depends on the entity's own
rows alone, never on where a row lies in a table, and whoever is taken away leaves everyone else's rows as they were.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from jali.wire.dataset import Column, ColumnType
from jali_node.engine import statement

_BLOCK = 64
"""Bytes in a block of SHA-256."""


@dataclass(frozen=True)
class Bound:
    """At most `max_rows` rows of each entity are read, ranked by a keyed hash; rows without one are left out."""

    entity: str
    max_rows: int
    key: bytes


class hmac_sha256(FunctionElement[Any]):  # noqa: N801 - it reads as a function
    """The HMAC-SHA-256 of a text in UTF-8, in a form whose order is that of its bytes.

    Args:
        text: the message.
        key: at most a block of bytes.
    """

    name = "hmac_sha256"
    type = sa.Text()
    inherit_cache = False

    def __init__(self, text: ColumnElement[Any], key: bytes) -> None:
        if len(key) > _BLOCK:
            raise ValueError(f"expected a key of at most {_BLOCK} bytes, got {len(key)}")
        block = key.ljust(_BLOCK, b"\0")
        self.inner = bytes(byte ^ 0x36 for byte in block).hex()
        self.outer = bytes(byte ^ 0x5C for byte in block).hex()
        super().__init__(text)


def _hmac(form: str, element: hmac_sha256, compiler: SQLCompiler, options: Any) -> str:
    (text,) = element.clauses
    inner, outer = (compiler.process(sa.literal(pad, sa.Text), **options) for pad in (element.inner, element.outer))
    return form.format(text=compiler.process(text, **options), inner=inner, outer=outer)


@compiles(hmac_sha256, "duckdb")
def _on_duckdb(element: hmac_sha256, compiler: SQLCompiler, **options: Any) -> str:
    return _hmac(
        "sha256(unhex({outer}) || unhex(sha256(unhex({inner}) || encode({text}))))", element, compiler, options
    )


@compiles(hmac_sha256, "postgresql")
def _on_postgresql(element: hmac_sha256, compiler: SQLCompiler, **options: Any) -> str:
    form = "sha256(decode({outer}, 'hex') || sha256(decode({inner}, 'hex') || convert_to({text}, 'UTF8')))"
    return _hmac(form, element, compiler, options)


@compiles(hmac_sha256)
def _on_spark(element: hmac_sha256, compiler: SQLCompiler, **options: Any) -> str:
    form = "sha2(concat(unhex({outer}), unhex(sha2(concat(unhex({inner}), encode({text}, 'UTF-8')), 256))), 256)"
    return _hmac(form, element, compiler, options)


def rows(
    view: str | sa.FromClause, columns: Sequence[Column], bound: Bound, others: Sequence[str] = ()
) -> sa.Select[Any]:
    """Return the query for the rows that are read, with the card's columns.

    Args:
        view: the table's name in the engine, with the declared columns in their declared types.
        columns: the card's.
        bound: whose rows, and how many of each.
        others: columns that go along, pictures: they order rows that are equal in all else.
    """
    table = statement.table_of(view, columns, others)
    scan = statement.prepared(statement.Scan(table, dict(table.c.items())), columns)
    values = scan.values
    names = [*(column.name for column in columns), *others]
    numbers = [values[column.name] for column in columns if column.type is ColumnType.NUMBER]
    ties = [*numbers, *(values[name] for name in others)]
    order = [hmac_sha256(content(columns, values), bound.key), *(value.nulls_first() for value in ties)]
    place = sa.func.row_number().over(partition_by=values[bound.entity], order_by=order)
    shown = [values[name].label(f"c{i}") for i, name in enumerate(names)]
    ranked = sa.select(*shown, place.label("place")).where(values[bound.entity].is_not(None)).subquery("ranked")
    chosen = (ranked.c[f"c{i}"].label(name) for i, name in enumerate(names))
    return sa.select(*chosen).select_from(ranked).where(ranked.c.place <= bound.max_rows)


def content(columns: Sequence[Column], values: statement.Values) -> ColumnElement[Any]:
    """Return a row's content as one text."""
    fields = [_field(column, values) for column in columns]
    written: ColumnElement[Any] = fields[0]
    for field in fields[1:]:
        written = written.op("||")(field)
    return written


def _field(column: Column, values: statement.Values) -> ColumnElement[Any]:
    """Return a column's length, a colon and its value, or a dash; of an unbounded number only that it is there."""
    if column.type is ColumnType.NUMBER:
        written = sa.cast(statement.code_of(column, values), sa.Text) if column.bounds else sa.literal("", sa.Text)
    else:
        written = sa.cast(values[column.name], sa.Text)
    missing: ColumnElement[Any] = values[column.name].is_(None)
    if column.type is ColumnType.NUMBER:
        missing = statement.is_missing(column, values)
    length = sa.cast(sa.func.char_length(written), sa.Text)
    there = length.op("||")(sa.literal(":", sa.Text)).op("||")(written)
    return sa.case((missing, sa.literal("-", sa.Text)), else_=there)
