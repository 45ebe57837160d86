"""Figures of a first look."""

from collections.abc import Mapping

from jali.estimates import moments, tree
from jali.estimates.quantiles import flat_tree
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.lattice import Lattice
from jali.wire.release import Noised
from jali.wire.statistics import Describe
from jali.wire.statistics.describe import LEVELS

PARTS = ("count", "sum", "squares", "tree")


def rows(ask: Describe, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return count, missing, mean, std and five quantiles for each column."""
    return [row for name in ask.columns for row in column_rows(columns[name], measurements)]


def column_rows(column: Column, measurements: Mapping[str, Noised]) -> list[Row]:
    """Return one column's figures."""
    key, lattice = (column.name,), Lattice.of(column)
    count, total, squares, noised = (measurements[f"{part}:{column.name}"] for part in PARTS)
    mean = moments.mean_row(key, lattice, count.values[0], count.noise_stddev, total.values[0], total.noise_stddev)
    present = (count.values[0], count.noise_stddev)
    quantiles = [
        Row(key, f"{level:.0%}", *tree.quantile(lattice, noised.values, noised.noise_stddev, level, present))
        for level in LEVELS
    ]
    std = moments.std_row(key, lattice, count, total, squares)
    return [*moments.count_rows(key, count), mean, std, *quantiles]


def imagined(ask: Describe, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return flat columns' moments and trees."""
    parts: dict[str, list[int]] = {}
    for name in ask.columns:
        parts |= moments.imagined_moments(columns[name], units)
        parts[f"tree:{name}"] = flat_tree(units)
    return parts
