"""Figures of the most frequent values."""

from collections.abc import Mapping

from jali.estimates import noise
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.release import Noised
from jali.wire.statistics import Top

RAREST = "rarest value shown"
"""What stands for a value in a forecast: which values there are is private."""


def rows(ask: Top, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return the counts of the `k` values with the largest noised ones, the largest first.

    A value shows only if its noise did not push it below the threshold, so counts near that are too large on average;
    that a value shows with an interval that misses its count still has a probability of at most 5 %.
    """
    noised = measurements[ask.measurement]
    shown = zip(noised.keys or (), noised.values, strict=True)
    largest = sorted(shown, key=lambda pair: (-pair[1], pair[0]))[: ask.k]
    return [Row((key,), "count", *noise.counted(value, noised.noise_stddev)) for key, value in largest]


def imagined(ask: Top, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return no count: the plan knows the one that a value must have to show."""
    return {ask.measurement: []}
