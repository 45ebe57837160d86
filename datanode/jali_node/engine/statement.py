"""A tally as SQLAlchemy Core. Every expression is total: it has a value for every row that can exist.

Values are clamped before arithmetic, so no cast can overflow and no sum can leave the lattice, even where an engine
evaluates a branch that it does not need. The few functions used mean the same on DuckDB, PostgreSQL and Spark:
`floor(v + 0.5)` for rounding, explicit casts, no division of integers.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from jali.wire.dataset import Column, ColumnType
from jali.wire.lattice import STEPS_MAX, Lattice
from jali_node.engine.tally import Bins, Categories, Group, Power, Presence, Tally

Sql = ColumnElement[Any]


def statement(tally: Tally, table: sa.TableClause) -> sa.Select[Any]:
    """Return the query: one row for each occupied combination of group codes, then count and sums."""
    groups = [_group(group, table).label(f"g{i}") for i, group in enumerate(tally.groups)]
    codes = [_code(term.column, table).label(f"t{i}") for i, term in enumerate(tally.terms)]
    rows = sa.select(*groups, *codes, sa.literal_column("1").label("one")).select_from(table).subquery("rows")
    keys = [rows.c[f"g{i}"] for i in range(len(groups))]
    sums = [_sum(rows.c[f"t{i}"], term) for i, term in enumerate(tally.terms)]
    # Named outright: a bare count(*) refers to no column, and without rows to count it would always be 1.
    return sa.select(*keys, sa.func.count(), *sums).select_from(rows).group_by(*keys)


def table(view: str, tally: Tally) -> sa.TableClause:
    """Return the view, with the columns that a tally reads."""
    columns = {part.column.name for part in (*tally.groups, *tally.terms)}
    return sa.table(view, *(sa.column(name) for name in sorted(columns)))


def rows(view: str, columns: Sequence[Column]) -> sa.Select[Any]:
    """Return the query for rows themselves: doubles (NULL where missing), and categories' codes in card order."""
    table = sa.table(view, *(sa.column(column.name) for column in columns))
    return sa.select(*(_row_value(column, table).label(f"c{i}") for i, column in enumerate(columns)))


def _row_value(column: Column, table: sa.TableClause) -> Sql:
    if column.type is ColumnType.CATEGORY:
        return sa.cast(_group(Categories(column), table), sa.BigInteger)
    return sa.cast(table.c[column.name], sa.Double)


def _sum(code: Sql, term: Power) -> Sql:
    return sa.func.sum(code * code if term.exponent == 2 else code)


def _group(group: Group, table: sa.TableClause) -> Sql:
    if isinstance(group, Categories):
        codes = {name: code for code, name in enumerate(group.column.categories)}
        return sa.case(codes, value=table.c[group.column.name], else_=len(codes))
    missing = _missing(group.column, table)
    if isinstance(group, Presence):
        return sa.case((missing, 1), else_=0)
    return sa.case((missing, group.number), else_=_bin(group, table))


def _missing(column: Column, table: sa.TableClause) -> Sql:
    value = table.c[column.name]
    if column.type is ColumnType.NUMBER:
        return sa.or_(value.is_(None), sa.func.isnan(value))
    return value.is_(None)


def _clamped(column: Column, table: sa.TableClause) -> Sql:
    """Return the value within its bounds; NaN and infinities fall on a bound, and missing ones on the lower."""
    lattice, kind = Lattice.of(column), _sql_type(column)
    lower, upper = (sa.cast(_literal(bound, column), kind) for bound in (lattice.lower, lattice.upper))
    return sa.func.least(sa.func.greatest(sa.func.coalesce(table.c[column.name], lower), lower), upper)


def _bin(group: Bins, table: sa.TableClause) -> Sql:
    """Return floor((value - lower) * bins / range): exact for whole numbers in ranges below 2^42."""
    lattice = Lattice.of(group.column)
    above = _clamped(group.column, table) - _literal(lattice.lower, group.column)
    position = sa.cast(above, sa.Double) * float(group.number) / (lattice.upper - lattice.lower)
    return _within(sa.cast(sa.func.floor(position), sa.BigInteger), 0, group.number - 1)


def _code(column: Column, table: sa.TableClause) -> Sql:
    """Return the centred lattice code 2k - steps, 0 for missing values."""
    lattice = Lattice.of(column)
    above = _clamped(column, table) - _literal(lattice.lower, column)
    if lattice.whole and lattice.upper - lattice.lower <= STEPS_MAX:
        step = sa.cast(above, sa.BigInteger)
    else:
        scaled = sa.cast(above, sa.Double) * (lattice.steps / (lattice.upper - lattice.lower)) + 0.5
        step = sa.cast(sa.func.floor(scaled), sa.BigInteger)
    centred = 2 * _within(step, 0, lattice.steps) - lattice.steps
    return sa.case((_missing(column, table), sa.cast(0, sa.BigInteger)), else_=sa.cast(centred, sa.BigInteger))


def _within(value: Sql, lowest: int, highest: int) -> Sql:
    return sa.func.least(sa.func.greatest(value, lowest), highest)


def _literal(bound: float, column: Column) -> float | int:
    return int(bound) if column.type is ColumnType.INTEGER else bound


def _sql_type(column: Column) -> type[sa.BigInteger] | type[sa.Double[float]]:
    return sa.BigInteger if column.type is ColumnType.INTEGER else sa.Double
