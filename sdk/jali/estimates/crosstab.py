"""Figures of a table of two columns' categories."""

from collections.abc import Mapping
from itertools import product

from jali.estimates import noise
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.release import Noised
from jali.wire.statistics import Crosstab

MISSING = "missing"


def counted(ask: Crosstab) -> str:
    """Return the measurement's name."""
    return f"categories:{', '.join(ask.keys)}"


def rows(ask: Crosstab, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return one count a combination, missing or undeclared values last in each column."""
    noised = measurements[counted(ask)]
    labels = product(*([*columns[name].categories, MISSING] for name in ask.keys))
    return [
        Row(key, "count", *noise.counted(value, noised.noise_stddev))
        for key, value in zip(labels, noised.values, strict=True)
    ]


def imagined(ask: Crosstab, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return equally frequent combinations, nothing missing."""
    first, second = (len(columns[name].categories) for name in ask.keys)
    line = [*[units // (first * second)] * second, 0]
    return {counted(ask): [*line * first, *[0] * (second + 1)]}
