"""Standard deviation and variance of a bounded column: its counts, its centred sum, and its sum of squared codes.

Sensitivity: as in `mean`; a squared code is at most steps^2, so one row moves their sum by at most that (clamped sums:
Dwork, McSherry, Nissim, Smith 2006; on integers: Casacuberta, Shoemate, Vadhan, Wagaman 2022).
"""

import numpy as np

from jali.wire.statistics import Spread
from jali_node.engine.tally import Power, Presence, Tally
from jali_node.statistics.columns import Columns, bounded
from jali_node.statistics.mean import present_sum
from jali_node.statistics.measurement import Integers, Measurement, only_counts

KIND = "spread"
SPLIT = "1/5 on the counts of present and missing values, 2/5 on the sum, 2/5 on the squares"


def measurements(ask: Spread, columns: Columns) -> tuple[Measurement, ...]:
    """Return the counts, the sum and the sum of squares."""
    column = bounded(columns, ask.column, "statistic.column")
    tally = Tally((Presence(column),), (Power(column), Power(column, 2)))
    largest = Power(column).largest
    return (
        Measurement(f"count:{column.name}", tally, only_counts, 1, 1),
        Measurement(f"sum:{column.name}", tally, present_sum, largest, 2),
        Measurement(f"squares:{column.name}", tally, present_squares, largest**2, 2),
    )


def present_squares(tally: Integers) -> Integers:
    """Return the sum of squares over the rows where the column is present."""
    return np.asarray(tally[2][:1])
