"""A tally as SQLAlchemy Core. Every expression is total: it has a value for every row that can exist.

Values are clamped before arithmetic, so no cast can overflow and no sum can leave the lattice, even where an engine
evaluates a branch that it does not need. The few functions used mean the same on DuckDB, PostgreSQL and Spark:
`floor(v + 0.5)` for rounding, explicit casts, no division of integers; NaN is above all other numbers.

What several codes of a column need is computed once, below them: engines share nothing between branches of a CASE.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from jali.wire import expression
from jali.wire.dataset import Column, ColumnType, Picture
from jali.wire.lattice import STEPS_MAX, Lattice
from jali.wire.selection import Selection
from jali_node.engine.expressions import Compiler
from jali_node.engine.place import place
from jali_node.engine.tally import (
    AllPresent,
    Asked,
    Categories,
    Distinct,
    Group,
    KeyCounts,
    Power,
    Presence,
    Product,
    Tally,
    Term,
)
from jali_node.engine.words import flushed, is_nan, whole_sum

Sql = ColumnElement[Any]
Values = Mapping[str, Sql]
HEIGHT, MISSING = "height of ", "missing in "
"""Before a column's name: how far it is above its lower bound, as a double, and whether it is missing."""
TINY_SHARE = 2.0**-60
"""A height below this share of the range has the first code and lies in the first bin, whatever these are."""
KEY_LENGTH_MAX = 200
"""Texts are told apart by so many characters, as public categories are."""


@dataclass(frozen=True)
class Scan:
    """The rows that a question is about: where they come from, and what each column, derived or not, is there."""

    source: sa.FromClause
    values: Mapping[str, Sql]


def statement(tally: Tally, scan: Scan) -> sa.Select[Any]:
    """Return the query: one row for each occupied combination of group codes, then count and sums."""
    groups = [_group(group, scan.values).label(f"g{i}") for i, group in enumerate(tally.groups)]
    summed = [column for term in tally.terms if not isinstance(term, Distinct) for column in term.columns]
    counted = [term.column for term in tally.terms if isinstance(term, Distinct)]
    codes = {column.name: code_of(column, scan.values).label(f"t{i}") for i, column in enumerate(dict.fromkeys(summed))}
    values = {column.name: _value(column, scan.values).label(f"v{i}") for i, column in enumerate(counted)}
    computed = (*groups, *codes.values(), *values.values(), sa.literal_column("1").label("one"))
    rows = sa.select(*computed).select_from(scan.source).subquery("rows")
    keys = [rows.c[f"g{i}"] for i in range(len(groups))]
    found = [{name: rows.c[label.name] for name, label in labels.items()} for labels in (codes, values)]
    sums = [_aggregate(term, *found) for term in tally.terms]
    shown = [_shown(key, group) for key, group in zip(keys, tally.groups, strict=True)]
    # Named outright: a bare count(*) refers to no column, and without rows to count it would always be 1.
    return sa.select(*shown, sa.func.count(), *sums).select_from(rows).group_by(*keys)


def keys(asked: KeyCounts, scan: Scan) -> sa.Select[Any]:
    """Return the query: one row for each value with more than `asked.above` rows, as text, and its count."""
    written = sa.func.substr(sa.cast(_value(asked.column, scan.values), sa.Text), 1, KEY_LENGTH_MAX)
    rows = sa.select(written.label("key")).select_from(scan.source).subquery("rows")
    counted = sa.select(rows.c.key, sa.func.count()).select_from(rows).where(rows.c.key.is_not(None))
    return counted.group_by(rows.c.key).having(sa.func.count() > asked.above)


def scan(view: str | sa.FromClause, columns: Sequence[Column], selection: Selection, tallies: Sequence[Asked]) -> Scan:
    """Return a version's selected rows, with the columns that the tallies read.

    Args:
        view: the version's name in the engine, or what stands for it.
        columns: the card's.
        selection: which rows, and what is derived.
        tallies: what will be computed.
    """
    read = {column.name for tally in tallies for column in tally.columns}
    chosen = selection.reduced(tuple(read))
    behind = set(chosen.behind(tuple(read)))
    table = table_of(view, [column for column in columns if column.name in behind])
    counted = [column for column in chosen.columns(tuple(columns)) if column.name in read]
    if chosen.where is None and not chosen.derived:
        return prepared(Scan(table, dict(table.c.items())), counted)
    compiler = Compiler({column.name: column for column in columns}, table)
    plain = [column for column in table.c if column.name in read and column.name in behind]
    derived = {f"derived_{i}": node for i, node in enumerate(chosen.derived)}
    made = [compiler.derived(node).label(name) for name, node in derived.items()]
    query = sa.select(*plain, *made, sa.literal_column("1").label("of_row")).select_from(table)
    if chosen.where is not None:
        query = query.where(compiler.condition(chosen.where))
    source = query.subquery("selected")
    texts = {expression.text(node): source.c[name] for name, node in derived.items()}
    return prepared(Scan(source, {**{column.name: source.c[column.name] for column in plain}, **texts}), counted)


def table_of(view: str | sa.FromClause, columns: Sequence[Column], others: Sequence[str] = ()) -> sa.FromClause:
    """Return a view by its name, or what stands for it."""
    names = [*(column.name for column in columns), *others]
    return sa.table(view, *map(sa.column, names)) if isinstance(view, str) else view


def prepared(scan: Scan, columns: Sequence[Column]) -> Scan:
    """Return the same rows, with each number's height and whether it is missing."""
    numbers = [column for column in columns if column.type in (ColumnType.INTEGER, ColumnType.NUMBER)]
    if not numbers:
        return scan
    made = dict(scan.values)
    made |= {MISSING + column.name: is_missing(column, scan.values) for column in numbers}
    made |= {HEIGHT + column.name: _height(column, scan.values) for column in numbers if column.bounds}
    labels = {name: value.label(f"p{i}") for i, (name, value) in enumerate(made.items())}
    source = sa.select(*labels.values()).select_from(scan.source).subquery("prepared")
    return Scan(source, {name: source.c[label.name] for name, label in labels.items()})


def rows(view: str, columns: Sequence[Column | Picture], entity: str | None = None) -> sa.Select[Any]:
    """Return the query for rows themselves: doubles (NULL where missing), categories' codes, texts, pictures.

    Where a column names the entity, it is the last one, as text: as a double, large numbers would become one.
    """
    names = dict.fromkeys([*(column.name for column in columns), *([entity] if entity else [])])
    table = sa.table(view, *map(sa.column, names))
    shown = [_row_value(column, dict(table.c.items())).label(f"c{i}") for i, column in enumerate(columns)]
    if entity is None:
        return sa.select(*shown)
    whose = sa.cast(table.c[entity], sa.Text)
    return sa.select(*shown, whose.label("whose")).where(whose.is_not(None))


def codes(groups: Sequence[Group], scan: Scan) -> sa.Select[Any]:
    """Return the query for every row's group codes."""
    made: list[Sql] = [sa.cast(_shown(_group(group, scan.values), group), sa.BigInteger) for group in groups]
    return sa.select(*(code.label(f"c{i}") for i, code in enumerate(made))).select_from(scan.source)


def _row_value(column: Column | Picture, values: Values) -> Sql:
    if isinstance(column, Picture):
        return values[column.name]
    if column.type is ColumnType.CATEGORY:
        group = Categories(column)
        return sa.cast(_shown(_group(group, values), group), sa.BigInteger)
    return sa.cast(values[column.name], sa.Text if column.type is ColumnType.TEXT else sa.Double)


def _aggregate(term: Term, codes: Values, values: Values) -> Sql:
    match term:
        case Distinct():
            return sa.func.count(sa.distinct(values[term.column.name]))
        case Product():
            return whole_sum(codes[term.left.name] * codes[term.right.name])
        case Power():
            code = codes[term.column.name]
            return whole_sum(code * code if term.exponent == 2 else code)


def _group(group: Group, values: Values) -> Sql:
    """Return a group's code; a bin's is floor(height * bins / span), exact for whole numbers in ranges below 2^42."""
    if isinstance(group, Categories):
        return place(values[group.column.name], group.column.categories)
    if isinstance(group, AllPresent):
        return sa.case((sa.or_(sa.false(), *(is_missing(column, values) for column in group.columns)), 1), else_=0)
    missing = is_missing(group.column, values)
    if isinstance(group, Presence):
        return sa.case((missing, 1), else_=0)
    # A position just below the last bin's end may be rounded up to it, so that bin is told by where it starts.
    height, span, last = values[HEIGHT + group.column.name], _span(group.column), group.number - 1
    position = sa.func.floor(height * float(group.number) / span)
    return sa.case((missing, group.number), (height >= _start(last, group.number, span), last), else_=_whole(position))


def _start(number: int, bins: int, span: float) -> float:
    """Return the least height whose position, height * bins / span in doubles, is at or above the bin's number."""
    height = number * span / bins
    while height > 0 and math.nextafter(height, 0.0) * bins / span >= number:
        height = math.nextafter(height, 0.0)
    while height * bins / span < number:
        height = math.nextafter(height, math.inf)
    return height


def _span(column: Column) -> float:
    lattice = Lattice.of(column)
    return lattice.upper - lattice.lower


def _shown(key: Sql, group: Group) -> Sql:
    """Return a group's code: a category's place is counted from 0, what is none of them comes last."""
    if isinstance(group, Categories):
        return sa.func.coalesce(key - 1, len(group.column.categories))
    return key


def is_missing(column: Column, values: Values) -> Sql:
    """Return whether a column has no value of its declared type, or none of its public categories."""
    if MISSING + column.name in values:
        return values[MISSING + column.name]
    value = values[column.name]
    if column.type is ColumnType.NUMBER:
        return sa.or_(value.is_(None), is_nan(value))
    if column.type is ColumnType.CATEGORY:
        return sa.or_(value.is_(None), value.not_in(column.categories))
    return value.is_(None)


def _clamped(column: Column, values: Values) -> Sql:
    """Return the value within its bounds; NaN and infinities fall on a bound, and missing ones on the lower."""
    lattice, kind, value = Lattice.of(column), _sql_type(column), values[column.name]
    lower, upper = (sa.cast(_literal(bound, column), kind) for bound in (lattice.lower, lattice.upper))
    # Most values are within: they take one comparison, and only the others any more.
    return sa.case((value.between(lower, upper), value), (value > upper, upper), else_=lower)


def _height(column: Column, values: Values) -> Sql:
    above = _clamped(column, values) - _literal(Lattice.of(column).lower, column)
    return flushed(sa.cast(above, sa.Double), _span(column) * TINY_SHARE)


def code_of(column: Column, values: Values) -> Sql:
    """Return the centred lattice code 2k - steps, 0 for missing values.

    A height within 0 and the range cannot leave the lattice: times steps / range it exceeds `steps` by rounding alone.
    """
    lattice, height, span = Lattice.of(column), values[HEIGHT + column.name], _span(column)
    if lattice.whole and span <= STEPS_MAX:
        step = _whole(height)
    else:
        step = _whole(sa.func.floor(height * (lattice.steps / span) + 0.5))
    return sa.case((is_missing(column, values), sa.cast(0, sa.BigInteger)), else_=2 * step - lattice.steps)


def _whole(value: Sql) -> Sql:
    return sa.cast(value, sa.BigInteger)


def _value(column: Column, values: Values) -> Sql:
    """Return what is told apart: declared categories, texts, clamped integers, lattice codes; NULL where missing."""
    if column.type is ColumnType.NUMBER:
        value = code_of(column, values)
    elif column.bounds is not None:
        value = _clamped(column, values)
    else:
        value = values[column.name]
    return sa.case((is_missing(column, values), sa.null()), else_=value)


def _literal(bound: float, column: Column) -> float | int:
    return int(bound) if column.type is ColumnType.INTEGER else bound


def _sql_type(column: Column) -> type[sa.BigInteger] | type[sa.Double[float]]:
    return sa.BigInteger if column.type is ColumnType.INTEGER else sa.Double
