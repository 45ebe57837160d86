"""Figures of a sum."""

from collections.abc import Mapping

from jali.estimates import moments
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.lattice import Lattice
from jali.wire.release import Noised
from jali.wire.statistics import Sum


def rows(ask: Sum, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return the sum, and the counts of present and missing values that came with it."""
    count, total = measurements[f"count:{ask.column}"], measurements[f"sum:{ask.column}"]
    lattice = Lattice.of(columns[ask.column])
    found = moments.sum_row((), lattice, count.values[0], count.noise_stddev, total.values[0], total.noise_stddev)
    return [found, *moments.count_rows((), count)]


def imagined(ask: Sum, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return a flat column's count and sum."""
    flat = moments.imagined_moments(columns[ask.column], units)
    return {name: values for name, values in flat.items() if not name.startswith("squares:")}
