"""Figures of a group-by."""

import itertools
from collections.abc import Mapping, Sequence

from jali.estimates import moments, noise, tree
from jali.estimates.quantiles import flat_tree
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.lattice import Lattice
from jali.wire.release import Noised
from jali.wire.statistics import Count, GroupBy, Mean, Quantiles

Key = tuple[str, ...]


def groups(ask: GroupBy, columns: Mapping[str, Column]) -> list[Key]:
    """Return all combinations of the keys' public categories, the last key running fastest."""
    return list(itertools.product(*(columns[key].categories for key in ask.keys)))


def by(ask: GroupBy) -> str:
    """Return the end of a measurement's name that says over which groups."""
    return f" by {', '.join(ask.keys)}"


def counted(ask: GroupBy) -> str:
    """Return the name of the groups' counts: of all rows, or of those where the grouped column is present."""
    return f"rows{by(ask)}" if isinstance(ask.of, Count) else f"count:{ask.of.column}{by(ask)}"


def rows(ask: GroupBy, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return each group's mean or sum and its count, its quantiles, or its count alone."""
    keys = groups(ask, columns)
    if isinstance(ask.of, Quantiles):
        return _quantiles(ask.of, columns[ask.of.column], keys, measurements[f"tree:{ask.of.column}{by(ask)}"])
    count = measurements[counted(ask)]
    counts = [
        Row(key, "count", *noise.counted(value, count.noise_stddev))
        for key, value in zip(keys, count.values, strict=True)
    ]
    if isinstance(ask.of, Count):
        return counts
    lattice, total = Lattice.of(columns[ask.of.column]), measurements[f"sum:{ask.of.column}{by(ask)}"]
    figure = moments.mean_row if isinstance(ask.of, Mean) else moments.sum_row
    figures = [
        figure(key, lattice, n, count.noise_stddev, codes, total.noise_stddev)
        for key, n, codes in zip(keys, count.values, total.values, strict=True)
    ]
    return [row for pair in zip(figures, counts, strict=True) for row in pair]


def _quantiles(ask: Quantiles, column: Column, keys: Sequence[Key], trees: Noised) -> list[Row]:
    """Return the quantiles of each group, each a figure of its own."""
    lattice = Lattice.of(column)
    each = [trees.values[i * tree.NODES : (i + 1) * tree.NODES] for i in range(len(keys))]
    return [
        Row(key, f"{100 * level:g}%", *tree.quantile(lattice, nodes, trees.noise_stddev, level))
        for key, nodes in zip(keys, each, strict=True)
        for level in ask.levels
    ]


def imagined(ask: GroupBy, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return equally large groups of flat columns."""
    number = len(groups(ask, columns))
    if isinstance(ask.of, Quantiles):
        return {f"tree:{ask.of.column}{by(ask)}": flat_tree(units // number) * number}
    parts = {counted(ask): [units // number] * number}
    return parts if isinstance(ask.of, Count) else parts | {f"sum:{ask.of.column}{by(ask)}": [0] * number}
