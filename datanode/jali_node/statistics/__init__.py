"""How each statistic is measured: its integer aggregates, their sensitivity, and how the price is divided.

Each file argues its sensitivity; `jali.estimates` has the file of the same name that turns noised integers into
figures. STATISTICS is the explicit list.
"""

from jali_node.statistics import (
    count,
    covariance,
    crosstab,
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
from jali_node.statistics import (
    sum as sum_,
)

STATISTICS = (
    count,
    covariance,
    crosstab,
    describe,
    distinct,
    group_by,
    histogram,
    mean,
    missing,
    profile,
    quantiles,
    spread,
    sum_,
    top,
    value_counts,
)

BY_KIND = {module.KIND: module for module in STATISTICS}
