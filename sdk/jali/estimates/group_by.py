"""Figures of a group-by."""

import itertools
from collections.abc import Mapping

from jali.estimates import moments, noise
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.lattice import Lattice
from jali.wire.release import Noised
from jali.wire.statistics import GroupBy, Mean


def groups(ask: GroupBy, columns: Mapping[str, Column]) -> list[tuple[str, ...]]:
    """Return all combinations of the keys' public categories, the last key running fastest."""
    return list(itertools.product(*(columns[key].categories for key in ask.keys)))


def by(ask: GroupBy) -> str:
    """Return the end of a measurement's name that says over which groups."""
    return f" by {', '.join(ask.keys)}"


def counted(ask: GroupBy) -> str:
    """Return the name of the groups' counts: of all rows, or of those where the averaged column is present."""
    return f"count:{ask.of.column}{by(ask)}" if isinstance(ask.of, Mean) else f"rows{by(ask)}"


def rows(ask: GroupBy, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return each group's mean where one was asked, and its count."""
    keys, count = groups(ask, columns), measurements[counted(ask)]
    counts = [
        Row(key, "count", *noise.counted(value, count.noise_stddev))
        for key, value in zip(keys, count.values, strict=True)
    ]
    if not isinstance(ask.of, Mean):
        return counts
    lattice, total = Lattice.of(columns[ask.of.column]), measurements[f"sum:{ask.of.column}{by(ask)}"]
    means = [
        moments.mean_row(key, lattice, n, count.noise_stddev, codes, total.noise_stddev)
        for key, n, codes in zip(keys, count.values, total.values, strict=True)
    ]
    return [row for pair in zip(means, counts, strict=True) for row in pair]


def imagined(ask: GroupBy, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return equally large groups of flat columns."""
    number = len(groups(ask, columns))
    parts = {counted(ask): [units // number] * number}
    return parts | {f"sum:{ask.of.column}{by(ask)}": [0] * number} if isinstance(ask.of, Mean) else parts
