"""Bounds of expressions by interval arithmetic (Moore 1966), and the public facts of derived columns.

From the card alone: both sides compute the same, and refuse the same.
"""

import math
from itertools import product

from jali.wire.dataset import INTEGER_MAX, SPAN_MIN, Column, ColumnType
from jali.wire.expression import (
    MAGNITUDE_MAX,
    TINY,
    AnyNode,
    Arithmetic,
    Both,
    Clip,
    Columns,
    ColumnValue,
    Compare,
    Constant,
    Cut,
    ExpressionRefused,
    Function,
    Interval,
    IsIn,
    IsMissing,
    Not,
    Power,
    Truth,
    numbers_read,
    text,
)  # fmt: skip
from jali.wire.problem import Code

_POWER_MAX = 1e60
"""Beyond this every power leaves the magnitudes that are allowed."""


def check(node: AnyNode, columns: Columns) -> None:
    """Raise ExpressionRefused if an expression does not fit the card."""
    match node:
        case IsIn():
            _check_categories(node, _column(node.column, columns))
        case IsMissing():
            _column(node.column, columns)
        case Both() | Compare():
            for side in (node.left, node.right):
                check(side, columns)
        case Not() | Cut():
            check(node.of, columns)
        case _:
            bounds(node, columns)


def bounds(node: AnyNode, columns: Columns) -> Interval:
    """Return between which numbers an expression lies, whatever a row holds.

    Raises:
        ExpressionRefused: a column is unknown or of categories, a divisor may be 0, a root or logarithm may be taken of
            something without one, or a result may leave +-1e100.
    """
    match node:
        case Constant():
            return node.value, node.value
        case ColumnValue():
            return _of_column(_column(node.name, columns))
        case Clip():
            low, high = bounds(node.of, columns)
            return min(max(low, node.lower), node.upper), max(min(high, node.upper), node.lower)
        case Truth():
            check(node.of, columns)
            return 0.0, 1.0
        case Arithmetic():
            found = _arithmetic(node, bounds(node.left, columns), bounds(node.right, columns))
        case Power():
            found = _power(bounds(node.of, columns), node.exponent)
        case Function():
            found = _function(node, bounds(node.of, columns))
        case _:
            raise ExpressionRefused(f"expected a number, got {text(node)}")
    if max(map(abs, found)) > MAGNITUDE_MAX:
        raise ExpressionRefused(f"{text(node)} may leave +-{MAGNITUDE_MAX:g}; clip() what it is made of")
    return found


def whole(node: AnyNode, columns: Columns) -> bool:
    """Say whether an expression gives whole numbers only."""
    match node:
        case Constant():
            return node.value.is_integer()
        case ColumnValue():
            return _column(node.name, columns).type is ColumnType.INTEGER
        case Truth():
            return True
        case Clip():
            return node.lower.is_integer() and node.upper.is_integer() and whole(node.of, columns)
        case Arithmetic():
            return node.op != "divide" and whole(node.left, columns) and whole(node.right, columns)
        case Function():
            return node.op in ("negate", "absolute") and whole(node.of, columns)
        case Power():
            return whole(node.of, columns)
        case _:
            return False


def derived_column(node: AnyNode, columns: Columns) -> Column:
    """Return a derived column's public facts. Its name is its text, so that it cannot be called what it is not.

    Raises:
        ExpressionRefused: it does not fit the card, or has no bounds.
    """
    if isinstance(node, Cut):
        check(node, columns)
        return Column(name=text(node), type=ColumnType.CATEGORY, categories=node.labels)
    low, high = bounds(node, columns)
    if max(abs(low), abs(high)) >= MAGNITUDE_MAX:
        raise ExpressionRefused(
            f"{text(node)} has no public bounds; give it some with clip(lower, upper)", Code.BOUNDS_UNKNOWN
        )
    if high - low < max(SPAN_MIN, 1e-9 * max(abs(low), abs(high))):
        raise ExpressionRefused(f"{text(node)} is always about {low:g}")
    integer = whole(node, columns) and max(abs(low), abs(high)) <= INTEGER_MAX
    return Column(
        name=text(node),
        type=ColumnType.INTEGER if integer else ColumnType.NUMBER,
        lower=low,
        upper=high,
        complete=all(columns[name].complete for name in numbers_read(node)),
    )


def _column(name: str, columns: Columns) -> Column:
    if name not in columns:
        raise ExpressionRefused(f"the dataset has no column {name}", Code.UNKNOWN_COLUMN)
    return columns[name]


def _of_column(column: Column) -> Interval:
    """Return a column's bounds; those of all numbers where it has none."""
    if column.type not in (ColumnType.INTEGER, ColumnType.NUMBER):
        raise ExpressionRefused(
            f"column {column.name} is of type {column.type}; a number is needed here. Compare it with isin()",
            Code.WRONG_COLUMN_TYPE,
        )
    if column.bounds is not None:
        low, high = column.bounds
        return _representable(low), _representable(high)
    limit = float(INTEGER_MAX) if column.type is ColumnType.INTEGER else MAGNITUDE_MAX
    return -limit, limit


def _representable(bound: float) -> float:
    return min(max(bound, -MAGNITUDE_MAX), MAGNITUDE_MAX)


def _check_categories(node: IsIn, column: Column) -> None:
    if column.type is ColumnType.TEXT:
        return
    if column.type is not ColumnType.CATEGORY:
        raise ExpressionRefused(
            f"column {column.name} is of type {column.type}; isin() needs a column of categories or text",
            Code.WRONG_COLUMN_TYPE,
        )
    for value in node.values:
        if value not in column.categories:
            shown = ", ".join(column.categories[:12]) + (", ..." if len(column.categories) > 12 else "")
            raise ExpressionRefused(f"column {column.name} has no category {value!r}; it has {shown}")


def _arithmetic(node: Arithmetic, left: Interval, right: Interval) -> Interval:
    match node.op:
        case "add":
            return left[0] + right[0], left[1] + right[1]
        case "subtract":
            return left[0] - right[1], left[1] - right[0]
        case "multiply":
            ends = [one * other for one, other in product(left, right)]
            return min(ends), max(ends)
        case "divide":
            if right[0] <= TINY and right[1] >= -TINY:
                raise ExpressionRefused(
                    f"{text(node.right)} lies between {right[0]:g} and {right[1]:g}, and dividing by 0 has no answer: "
                    "clip(lower, upper) it to one side of 0, or ask the owner for bounds that leave it out"
                )
            ends = [one / other for one, other in product(left, right)]
            return min(ends), max(ends)


def _power(of: Interval, exponent: int) -> Interval:
    ends = sorted(end**exponent if abs(end) < _POWER_MAX else _far(end, exponent) for end in of)
    return (0.0 if exponent % 2 == 0 and of[0] <= 0 <= of[1] else ends[0]), ends[1]


def _far(end: float, exponent: int) -> float:
    return math.inf if exponent % 2 == 0 else math.copysign(math.inf, end)


def _function(node: Function, of: Interval) -> Interval:
    low, high = of
    match node.op:
        case "negate":
            return -high, -low
        case "absolute":
            return (0.0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))
        case "square_root":
            if low < 0:
                raise ExpressionRefused(f"{text(node.of)} may be {low:g}, which has no root: clip(0, upper) it")
            return math.sqrt(low), math.sqrt(high)
        case "logarithm":
            if low <= TINY:
                raise ExpressionRefused(
                    f"{text(node.of)} may be {low:g}, which has no logarithm: clip() it to positive numbers, or add 1"
                )
            return math.log(low), math.log(high)
