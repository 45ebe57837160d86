"""Figures of quantiles."""

from collections.abc import Mapping

import numpy as np

from jali.estimates import tree
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.lattice import Lattice
from jali.wire.release import Noised
from jali.wire.statistics import Quantiles


def rows(ask: Quantiles, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return one quantile a level."""
    noised, lattice = measurements[f"tree:{ask.column}"], Lattice.of(columns[ask.column])
    present = measurements.get(f"count:{ask.column}")  # there where a description answers
    count = (present.values[0], present.noise_stddev) if present else None
    return [
        Row((f"{level:g}",), "quantile", *tree.quantile(lattice, noised.values, noised.noise_stddev, level, count))
        for level in ask.levels
    ]


def imagined(ask: Quantiles, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return a flat column's tree."""
    return {f"tree:{ask.column}": flat_tree(units)}


def flat_tree(units: int) -> list[int]:
    """Return the tree of `units` values spread evenly."""
    ends = np.arange(tree.LEAVES + 1, dtype=np.int64) * units // tree.LEAVES
    return [int(count) for count in tree.nodes(np.diff(ends))]
