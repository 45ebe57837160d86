"""Figures of a number of distinct values."""

from collections.abc import Mapping

from jali.estimates import noise
from jali.estimates.row import Row
from jali.wire.dataset import Column, ColumnType
from jali.wire.lattice import Lattice
from jali.wire.release import Noised
from jali.wire.statistics import Distinct


def possible(column: Column) -> float:
    """Return how many different values the public facts allow."""
    if column.type is ColumnType.CATEGORY:
        return float(len(column.categories))
    if column.bounds is None:
        return float("inf")
    return (
        column.bounds[1] - column.bounds[0] + 1 if column.type is ColumnType.INTEGER else Lattice.of(column).steps + 1
    )


def rows(ask: Distinct, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return the one number, no larger than public facts allow."""
    noised, most = measurements[f"distinct:{ask.column}"], possible(columns[ask.column])
    value, low, high = noise.counted(noised.values[0], noised.noise_stddev)
    return [Row((), "distinct", min(value, most), min(low, most), min(high, most))]


def imagined(ask: Distinct, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return as many values as there can be: every possible one, or one a unit."""
    return {f"distinct:{ask.column}": [int(min(float(units), possible(columns[ask.column])))]}
