"""Figures of value counts."""

from collections.abc import Mapping

from jali.estimates import noise
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.release import Noised
from jali.wire.statistics import ValueCounts

MISSING = "missing"


def rows(ask: ValueCounts, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return one count a public category, then the count of missing or undeclared values."""
    noised = measurements[f"categories:{ask.column}"]
    labels = [*columns[ask.column].categories, MISSING]
    return [
        Row((label,), "count", *noise.counted(value, noised.noise_stddev))
        for label, value in zip(labels, noised.values, strict=True)
    ]


def imagined(ask: ValueCounts, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return equally frequent categories."""
    number = len(columns[ask.column].categories)
    return {f"categories:{ask.column}": [*[units // number] * number, 0]}
