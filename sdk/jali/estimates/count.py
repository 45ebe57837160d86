"""Figures of a count."""

from collections.abc import Mapping

from jali.estimates import noise
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.release import Noised
from jali.wire.statistics import Count


def rows(ask: Count, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return the one count."""
    noised = measurements["rows"]
    return [Row((), "count", *noise.counted(noised.values[0], noised.noise_stddev))]


def imagined(ask: Count, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return the public number of units."""
    return {"rows": [units]}
