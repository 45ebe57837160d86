"""Derived columns and filters as SQLAlchemy Core: bound parameters and allow-listed functions, never text.

Every expression is total on every engine. Columns are clamped to their bounds before use, missing values stand at their
lower bound until the end, results below 1e-100 are 0 (PostgreSQL refuses underflow), and what is divided by, rooted or
taken the logarithm of is clamped into its bounds, which leave out what has no answer.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from jali.wire import expression, interval
from jali.wire.dataset import Column, ColumnType
from jali.wire.expression import (
    TINY,
    AnyNode,
    Arithmetic,
    Both,
    Clip,
    ColumnValue,
    Compare,
    Constant,
    Cut,
    Derived,
    Function,
    IsIn,
    IsMissing,
    Not,
    Power,
    Truth,
)  # fmt: skip
from jali_node.engine.words import is_nan

Sql = ColumnElement[Any]
_COMPARISONS = {"lt": "__lt__", "le": "__le__", "gt": "__gt__", "ge": "__ge__", "eq": "__eq__"}


class Compiler:
    """Compiles expressions over one table.

    Args:
        columns: the card's, by name.
        table: has a column of each name.
    """

    def __init__(self, columns: Mapping[str, Column], table: sa.FromClause) -> None:
        self._columns = columns
        self._table = table

    def derived(self, node: Derived) -> Sql:
        """Return a derived column: double, bigint or text, NULL where it is missing."""
        missing = self._any_missing(node)
        if isinstance(node, Cut):
            return self._cut(node, missing)
        value = self.number(node)
        if interval.derived_column(node, self._columns).type is ColumnType.INTEGER:
            value = sa.cast(sa.func.floor(value + 0.5), sa.BigInteger)
        return sa.case((missing, sa.null()), else_=value)

    def condition(self, node: AnyNode) -> Sql:
        """Return a condition that is true or false for every row, never NULL."""
        match node:
            case Compare():
                compared = getattr(self.number(node.left), _COMPARISONS[node.op])(self.number(node.right))
                return sa.and_(sa.not_(self._any_missing(node)), compared)
            case IsIn():
                value = self._table.c[node.column]
                return sa.and_(value.is_not(None), value.in_(node.values))
            case IsMissing():
                return self.missing(self._columns[node.column])
            case Both():
                join = sa.and_ if node.op == "and" else sa.or_
                return join(self.condition(node.left), self.condition(node.right))
            case Not():
                return sa.not_(self.condition(node.of))
        raise TypeError(f"expected a condition, got {type(node).__name__}")

    def number(self, node: AnyNode) -> Sql:
        """Return a number as a double within its bounds; what it is where something is missing means nothing."""
        match node:
            case Constant():
                return sa.cast(0.0 if abs(node.value) < TINY else node.value, sa.Double)
            case ColumnValue():
                return self._value(self._columns[node.name])
            case Clip():
                return _snapped(_within(self.number(node.of), (node.lower, node.upper)))
            case Truth():
                return sa.case((self.condition(node.of), sa.cast(1.0, sa.Double)), else_=sa.cast(0.0, sa.Double))
            case Arithmetic():
                return self._arithmetic(node)
            case Power():
                value = self.number(node.of)
                result = value
                for _ in range(node.exponent - 1):
                    result = _snapped(result * value)
                return result
            case Function():
                return self._function(node)
        raise TypeError(f"expected a number, got {type(node).__name__}")

    def missing(self, column: Column) -> Sql:
        """Return whether a column has no value of its type, or none of its categories."""
        value = self._table.c[column.name]
        if column.type is ColumnType.NUMBER:
            return sa.or_(value.is_(None), is_nan(value))
        if column.type is ColumnType.CATEGORY:
            return sa.or_(value.is_(None), value.not_in(column.categories))
        return value.is_(None)

    def _any_missing(self, node: AnyNode) -> Sql:
        """Return whether a number that the node computes with is missing; conditions below it never are."""
        found = [self.missing(self._columns[name]) for name in expression.numbers_read(node)]
        return sa.or_(sa.false(), *found)

    def _value(self, column: Column) -> Sql:
        low, high = interval.bounds(ColumnValue(name=column.name), self._columns)
        kind = sa.BigInteger if column.type is ColumnType.INTEGER else sa.Double
        edges = [sa.cast(int(end) if column.type is ColumnType.INTEGER else end, kind) for end in (low, high)]
        value = sa.func.coalesce(self._table.c[column.name], edges[0])
        return _snapped(sa.cast(sa.func.least(sa.func.greatest(value, edges[0]), edges[1]), sa.Double))

    def _arithmetic(self, node: Arithmetic) -> Sql:
        left, right = self.number(node.left), self.number(node.right)
        match node.op:
            case "add":
                return _snapped(left + right)
            case "subtract":
                return _snapped(left - right)
            case "multiply":
                return _snapped(left * right)
            case "divide":
                return _snapped(left / _within(right, interval.bounds(node.right, self._columns)))

    def _function(self, node: Function) -> Sql:
        value, within = self.number(node.of), interval.bounds(node.of, self._columns)
        match node.op:
            case "negate":
                return -value
            case "absolute":
                return sa.func.abs(value)
            case "square_root":
                return sa.func.sqrt(_within(value, within))
            case "logarithm":
                return _snapped(sa.func.ln(_within(value, within)))

    def _cut(self, node: Cut, missing: Sql) -> Sql:
        value, edges = self.number(node.of), node.edges
        outside = sa.or_(missing, value < edges[0], value > edges[-1])
        steps = [(value < edge, label) for edge, label in zip(edges[1:-1], node.labels, strict=False)]
        return sa.case((outside, sa.null()), *steps, else_=node.labels[-1])


def _within(value: Sql, bounds: tuple[float, float]) -> Sql:
    low, high = (sa.cast(bound, sa.Double) for bound in bounds)
    # Typed, or else SQLAlchemy casts what is divided by to NUMERIC: a small divisor would be 0, a large one an error.
    return sa.func.least(sa.func.greatest(value, low, type_=sa.Double), high, type_=sa.Double)


def _snapped(value: Sql) -> Sql:
    return sa.case((sa.func.abs(value) < TINY, sa.cast(0.0, sa.Double)), else_=value)
