"""The mean of a bounded column: a count of present and missing values, and a centred sum of lattice codes.

Sensitivity: one row is either present or missing, so it moves the pair of counts by 1; its code lies within +-steps,
so it moves the sum by at most `steps` (clamped sums: Dwork, McSherry, Nissim, Smith 2006; on integers: Casacuberta,
Shoemate, Vadhan, Wagaman 2022).
"""

import numpy as np

from jali.wire.dataset import Column
from jali.wire.statistics import Mean
from jali_node.engine.tally import Power, Presence, Tally
from jali_node.statistics.columns import Columns, bounded
from jali_node.statistics.measurement import Integers, Measurement, only_counts

KIND = "mean"
SPLIT = "1/3 on the counts of present and missing values, 2/3 on the sum"


def measurements(ask: Mean, columns: Columns) -> tuple[Measurement, ...]:
    """Return the counts and the sum."""
    return of_column(bounded(columns, ask.column, "statistic.column"))


def of_column(column: Column) -> tuple[Measurement, ...]:
    """Return a column's counts and its centred sum."""
    tally = moments_tally(column)
    return (
        Measurement(f"count:{column.name}", tally, only_counts, 1, 1),
        Measurement(f"sum:{column.name}", tally, present_sum, Power(column).largest, 2),
    )


def moments_tally(column: Column) -> Tally:
    """Return the tally of a column's present and missing values, with its sum."""
    return Tally((Presence(column),), (Power(column),))


def present_sum(tally: Integers) -> Integers:
    """Return the sum over the rows where the column is present."""
    return np.asarray(tally[1][:1])
