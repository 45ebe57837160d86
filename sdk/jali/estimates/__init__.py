"""From noised integers to figures with intervals. Nothing here sees a row, so nothing here costs budget.

The SDK draws answers with it, a federation adds measurements and draws the same figures, and a node forecasts with
it: `imagined` measurements stand in for the ones not yet asked.
"""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from jali.estimates import (
    count,
    covariance,
    crosstab,
    derivation,
    describe,
    distinct,
    group_by,
    histogram,
    mean,
    missing,
    profile,
    quantiles,
    spread,
    top,
    value_counts,
)
from jali.estimates import (
    sum as sum_,
)
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.release import Noised
from jali.wire.statistics import Statistic

ESTIMATES: dict[str, ModuleType] = {
    "count": count,
    "covariance": covariance,
    "crosstab": crosstab,
    "describe": describe,
    "distinct": distinct,
    "group_by": group_by,
    "histogram": histogram,
    "mean": mean,
    "missing": missing,
    "profile": profile,
    "quantiles": quantiles,
    "spread": spread,
    "sum": sum_,
    "top": top,
    "value_counts": value_counts,
}


def rows(statistic: Statistic, columns: Sequence[Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return an answer's figures, each with its 95 % noise interval.

    Args:
        statistic: what was asked.
        columns: the public facts of the columns it reads.
        measurements: the release's noised integers by name.

    Returns:
        One row a figure. Computed after the noise, so it costs nothing (post-processing, Dwork and Roth 2014,
        Proposition 2.1).
    """
    result: list[Row] = ESTIMATES[statistic.kind].rows(
        statistic, {c.name: c for c in columns}, derivation.Known(measurements)
    )
    return result


def imagined(statistic: Statistic, columns: Sequence[Column], units: int) -> dict[str, list[int]]:
    """Return what the measurements might be before noise, planned from public facts alone.

    `units` rows (the owner's public figure), none missing, spread evenly over the public ranges.
    """
    by_name: dict[str, Any] = {c.name: c for c in columns}
    result: dict[str, list[int]] = ESTIMATES[statistic.kind].imagined(statistic, by_name, units)
    return result


__all__ = ["ESTIMATES", "Row", "imagined", "rows"]
