"""Intervals that hold together: with 95 % confidence all of a table's counts lie within theirs at once."""

import math
from collections.abc import Sequence

from jali import errors
from jali.estimates import Row, noise
from jali.wire.release import Release
from jali.wire.statistics import Statistic

COUNTS = frozenset({"count", "crosstab", "histogram", "value_counts"})
"""Not `top`: which of its values show depends on the noise, so counting those that do would promise too much."""


def widened(statistic: Statistic, rows: Sequence[Row], releases: Sequence[Release]) -> tuple[Row, ...]:
    """Return a table of counts with joint intervals (Bonferroni: each at 1 - 5 % / number of values).

    The number is that of all noised values, shown or not. Only their noise is wider; the counts are the same.

    Raises:
        NotOffered: the figures are not plain counts.
    """
    of_groups = statistic.kind == "group_by" and statistic.of.kind == "count"
    if statistic.kind not in COUNTS and not of_groups:
        raise errors.NotOffered(
            f"joint intervals are for tables of counts; those of the {statistic.describe()} hold one by one"
        )
    parts = [next(iter(release.measurements.values())) for release in releases]
    stddev, number = math.hypot(*(part.noise_stddev for part in parts)), max(len(part.values) for part in parts)
    together = 1 - (1 - noise.CONFIDENCE) / max(number, 1)
    further = noise.half_width(stddev, together) - noise.half_width(stddev)
    return tuple(Row(row.key, row.figure, row.value, max(0.0, row.low - further), row.high + further) for row in rows)
