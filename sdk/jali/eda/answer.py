"""From a statistic's figures to the answer that shows them best."""

from collections.abc import Sequence

from jali.eda.matrix import NoisyMatrix
from jali.eda.noisy import SINGLE, NoisyFigure, NoisyTable, drawn
from jali.eda.profile import Profile
from jali.eda.receipt import Receipt
from jali.estimates import Row
from jali.wire import statistics
from jali.wire.release import Release
from jali.wire.statistics import Covariance, Crosstab, Quantiles, Statistic


def tabled(statistic: Statistic, dataset: str, rows: Sequence[Row], receipt: Receipt) -> NoisyTable:
    """Return several figures as a matrix, a profile, or a plain table."""
    match statistic:
        case Crosstab() | Covariance():
            kind: type[NoisyTable] = NoisyMatrix
        case statistics.Profile():
            kind = Profile
        case _:
            kind = NoisyTable
    return kind(statistic, dataset, tuple(rows), receipt)


def restored(release: Release, dataset: str, node: str) -> NoisyFigure | NoisyTable:
    """Return a stored release as the answer that it was; free."""
    statistic, receipt = release.statistic, Receipt((release,), (node,))
    rows = drawn(statistic, release.columns, release.measurements)
    if isinstance(statistic, SINGLE) or (isinstance(statistic, Quantiles) and len(statistic.levels) == 1):
        return NoisyFigure(statistic, dataset, rows, receipt)
    return tabled(statistic, dataset, rows, receipt)
