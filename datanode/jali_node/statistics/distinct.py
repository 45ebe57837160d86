"""How many different values a column has.

Sensitivity: one row brings at most one value that no other row has, so it moves the number by 1 (a count of distinct
elements: Dwork, McSherry, Nissim, Smith 2006). An entity brings at most as many as it has rows; of the column that
identifies entities it brings one, however many rows it has.
"""

import numpy as np

from jali.wire.dataset import ColumnType
from jali.wire.statistics import Distinct
from jali_node.engine import tally as engine
from jali_node.engine.tally import Tally
from jali_node.statistics.columns import Columns, bounded, named
from jali_node.statistics.measurement import Integers, Measurement

KIND = "distinct"
SPLIT = "all on the one number"


def measurements(ask: Distinct, columns: Columns) -> tuple[Measurement, ...]:
    """Return the number of distinct values."""
    column = named(columns, ask.column, "statistic.column")
    if column.type is ColumnType.NUMBER:
        bounded(columns, ask.column, "statistic.column")
    tally = Tally(terms=(engine.Distinct(column),))
    return (Measurement(f"distinct:{column.name}", tally, distinct_values, 1, 1, values_of=column.name),)


def distinct_values(tally: Integers) -> Integers:
    """Return the one number."""
    return np.asarray(tally[1]).reshape(-1)
