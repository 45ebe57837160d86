"""Figures of a standard deviation or a variance."""

from collections.abc import Mapping

from jali.estimates import moments
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.lattice import Lattice
from jali.wire.release import Noised
from jali.wire.statistics import Spread


def rows(ask: Spread, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return the figure that was asked, the mean, and the counts of present and missing values."""
    count, total, squares = (measurements[f"{part}:{ask.column}"] for part in ("count", "sum", "squares"))
    lattice = Lattice.of(columns[ask.column])
    figure = moments.std_row if ask.figure == "std" else moments.var_row
    mean = moments.mean_row((), lattice, count.values[0], count.noise_stddev, total.values[0], total.noise_stddev)
    return [figure((), lattice, count, total, squares), mean, *moments.count_rows((), count)]


def imagined(ask: Spread, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return a flat column's count, sum and squares."""
    return moments.imagined_moments(columns[ask.column], units)
