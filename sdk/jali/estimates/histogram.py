"""Figures of a histogram."""

from collections.abc import Mapping

from jali.estimates import noise
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.lattice import Lattice
from jali.wire.release import Noised
from jali.wire.statistics import Histogram

MISSING = "missing"


def edges(ask: Histogram, column: Column) -> list[float]:
    """Return the public edges of the bins, one more than there are bins."""
    lattice = Lattice.of(column)
    return [lattice.lower + (lattice.upper - lattice.lower) * i / ask.bins for i in range(ask.bins + 1)]


def rows(ask: Histogram, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return one count a bin, then the count of missing values."""
    noised = measurements[f"bins:{ask.column}:{ask.bins}"]
    cuts = edges(ask, columns[ask.column])
    last = ask.bins - 1
    labels = [f"[{cuts[i]:g}, {cuts[i + 1]:g}{']' if i == last else ')'}" for i in range(ask.bins)]
    return [
        Row((label,), "count", *noise.counted(value, noised.noise_stddev))
        for label, value in zip([*labels, MISSING], noised.values, strict=True)
    ]


def imagined(ask: Histogram, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return equally full bins."""
    return {f"bins:{ask.column}:{ask.bins}": [*[units // ask.bins] * ask.bins, 0]}
