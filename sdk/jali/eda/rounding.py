"""Figures as text, to two digits of their noise."""

import math

from jali.estimates import Row


def text(row: Row) -> str:
    """Return a figure with its interval, to two digits of the noise.

    >>> text(Row((), "mean", 41.3271, 41.101, 41.55))
    '41.33 (41.10 to 41.55)'
    """
    decimals = digits(row)
    value, low, high = (f"{number + 0.0:,.{decimals}f}" for number in (row.value, row.low, row.high))
    return f"{value} ({low} to {high})"


def value(row: Row) -> str:
    """Return a figure alone, as exact as its noise lets it be.

    >>> value(Row((), "mean", 41.3271, 41.101, 41.55))
    '41.33'
    """
    return f"{row.value + 0.0:,.{digits(row)}f}"


def reach(row: Row) -> str:
    """Return how far a figure's noise reaches: to both sides alike, or from where to where.

    >>> reach(Row((), "count", 100.0, 34.0, 166.0)), reach(Row((), "count", 0.0, 0.0, 17.0))
    ('± 66', '0 to 17')
    """
    decimals, (below, above) = digits(row), (row.value - row.low, row.high - row.value)
    if abs(below - above) <= 0.02 * (below + above):
        return f"± {(below + above) / 2:,.{decimals}f}"
    return f"{row.low + 0.0:,.{decimals}f} to {row.high + 0.0:,.{decimals}f}"


def digits(row: Row) -> int:
    """Return how many decimals of a figure say something: two digits of half its interval; none for whole numbers."""
    half = (row.high - row.low) / 2
    if all(float(number).is_integer() for number in (row.value, row.low, row.high)):
        return 0
    return min(max(1 - math.floor(math.log10(half)), 0), 8) if half > 0 else 2
