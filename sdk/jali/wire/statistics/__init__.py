"""What may be asked: one file per statistic, and the one list of them."""

from typing import Annotated

from pydantic import Field

from jali.wire.statistics.count import Count
from jali.wire.statistics.covariance import Covariance
from jali.wire.statistics.crosstab import Crosstab
from jali.wire.statistics.describe import Describe
from jali.wire.statistics.distinct import Distinct
from jali.wire.statistics.group_by import GroupBy
from jali.wire.statistics.histogram import Histogram
from jali.wire.statistics.mean import Mean
from jali.wire.statistics.missing import Missing
from jali.wire.statistics.profile import Profile
from jali.wire.statistics.quantiles import Quantiles
from jali.wire.statistics.spread import Spread
from jali.wire.statistics.sum import Sum
from jali.wire.statistics.top import Top
from jali.wire.statistics.value_counts import ValueCounts

Statistic = Annotated[
    Count
    | Covariance
    | Crosstab
    | Describe
    | Distinct
    | GroupBy
    | Histogram
    | Mean
    | Missing
    | Profile
    | Quantiles
    | Spread
    | Sum
    | Top
    | ValueCounts,
    Field(discriminator="kind"),
]
STATISTICS = (
    Count,
    Covariance,
    Crosstab,
    Describe,
    Distinct,
    GroupBy,
    Histogram,
    Mean,
    Missing,
    Profile,
    Quantiles,
    Spread,
    Sum,
    Top,
    ValueCounts,
)

__all__ = [
    "STATISTICS",
    "Count",
    "Covariance",
    "Crosstab",
    "Describe",
    "Distinct",
    "GroupBy",
    "Histogram",
    "Mean",
    "Missing",
    "Profile",
    "Quantiles",
    "Spread",
    "Statistic",
    "Sum",
    "Top",
    "ValueCounts",
]
