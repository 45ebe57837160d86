"""Figures of how much is missing."""

from collections.abc import Mapping

from jali.estimates import moments, noise
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.release import Noised
from jali.wire.statistics import Missing


def rows(ask: Missing, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return the share that is missing, and the counts that it comes from."""
    count = measurements[f"count:{ask.column}"]
    low, high = noise.share_interval(count.values[1], count.values[0], count.noise_stddev)
    share = count.values[1] / max(sum(count.values), 1)
    return [Row((), "missing share", min(max(share, low), high), low, high), *moments.count_rows((), count)]


def imagined(ask: Missing, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return that nothing is missing."""
    return {f"count:{ask.column}": [units, 0]}
