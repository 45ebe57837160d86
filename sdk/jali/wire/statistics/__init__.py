"""What may be asked: one file per statistic, and the one list of them."""

from typing import Annotated

from pydantic import Field

from jali.wire.statistics.count import Count
from jali.wire.statistics.describe import Describe
from jali.wire.statistics.group_by import GroupBy
from jali.wire.statistics.histogram import Histogram
from jali.wire.statistics.mean import Mean
from jali.wire.statistics.quantiles import Quantiles
from jali.wire.statistics.value_counts import ValueCounts

Statistic = Annotated[
    Count | Describe | GroupBy | Histogram | Mean | Quantiles | ValueCounts, Field(discriminator="kind")
]
STATISTICS = (Count, Describe, GroupBy, Histogram, Mean, Quantiles, ValueCounts)

__all__ = [
    "STATISTICS", "Count", "Describe", "GroupBy", "Histogram", "Mean", "Quantiles", "Statistic", "ValueCounts",
]  # fmt: skip
