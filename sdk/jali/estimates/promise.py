"""What `error=` can promise: how far the noise of an answer can reach, whatever the rows hold."""

from collections.abc import Mapping
from statistics import NormalDist

from jali.estimates import moments, noise
from jali.wire.dataset import Column
from jali.wire.lattice import Lattice
from jali.wire.statistics import Statistic

_Z = NormalDist().inv_cdf((1 + noise.CONFIDENCE) / 2)
COUNTS = frozenset({"count", "crosstab", "distinct", "histogram", "top", "value_counts"})
"""Kinds whose figures are counts: their noise is the same whatever is counted."""
OF_PRESENT = frozenset({"mean", "missing"})
"""Kinds whose noise is divided by a number of rows, so that a promise takes knowing at least how many there are."""


class NotPromisable(ValueError):
    """How exact this answer will be follows from the rows, and nothing that is public bounds it."""


def column_counted(statistic: Statistic) -> str | None:
    """Return the column whose present values have to be counted before anything is promised; None if none has.

    Raises:
        NotPromisable: no count would help.
    """
    reach_is_known(statistic)
    return str(getattr(statistic, "column", "")) if statistic.kind in OF_PRESENT else None


def reach_is_known(statistic: Statistic) -> None:
    """Raise NotPromisable for a statistic whose noise follows from more than a number of rows."""
    counts_of_groups = statistic.kind == "group_by" and statistic.of.kind == "count"
    if statistic.kind not in COUNTS | OF_PRESENT | {"sum"} and not counts_of_groups:
        raise NotPromisable(
            f"how exact the {statistic.describe()} will be depends on how the values are spread, so error= cannot be "
            "promised; give epsilon=, and look at the expected intervals with .quote"
        )


def reach(statistic: Statistic, columns: Mapping[str, Column], stddevs: Mapping[str, float], rows: int) -> float:
    """Return the largest half width that the figures' 95 % noise intervals can have.

    Args:
        statistic: what is asked.
        columns: the public facts of the columns that it reads.
        stddevs: each measurement's noise.
        rows: at least so many rows have a value; of no meaning to a count or a sum.

    Raises:
        NotPromisable: it follows from more than that.
    """
    reach_is_known(statistic)
    kind, name = str(statistic.kind), str(getattr(statistic, "column", ""))
    if kind == "mean":
        lattice = Lattice.of(columns[name])
        return noise.ratio_reach(stddevs[f"sum:{name}"], rows, stddevs[f"count:{name}"], lattice.steps) * (
            lattice.width_of_code
        )
    if kind == "missing":
        return noise.ratio_reach(stddevs[f"count:{name}"], rows, stddevs[f"count:{name}"], 1.0)
    if kind == "sum":
        return moments.sum_reach(Lattice.of(columns[name]), stddevs[f"count:{name}"], stddevs[f"sum:{name}"])
    return float(max(noise.half_width(stddev) for stddev in stddevs.values()))
