"""The first look: for each column the counts of present and missing values, sum, sum of squares, and a tree of counts.

Sensitivity: as in `mean` and `quantiles`; a squared code is at most steps^2, so one row moves their sum by at most
that. The measurements of all columns are released together and compose (zero-concentrated: Bun and Steinke 2016,
Lemma 1.7).

The split within a column does not depend on its range: against any public range each figure's relative half width is in
proportion to 1 / sqrt(share). It lies within 7 % of the best geometric mean of those of all nine figures; minimising
the largest instead would more than double every mean's noise for quantiles a third narrower (its reference page).
"""

import numpy as np

from jali.estimates import tree
from jali.wire.dataset import Column
from jali.wire.statistics import Describe
from jali_node.engine.tally import Bins, Power, Tally
from jali_node.errors import InvalidRequest
from jali_node.statistics.columns import Columns, bounded
from jali_node.statistics.measurement import Integers, Measurement
from jali_node.statistics.quantiles import tree_nodes

KIND = "describe"
SPLIT = "equally over the columns; within each 1/8 on counts, 2/8 on the sum, 1/8 on the squares, 4/8 on the quantiles"


def measurements(ask: Describe, columns: Columns) -> tuple[Measurement, ...]:
    """Return four measurements a column, all read off one scan of it."""
    if len(set(ask.columns)) != len(ask.columns):
        raise InvalidRequest("each column may be described once in a question", field="statistic.columns")
    fields = [(name, f"statistic.columns.{i}") for i, name in enumerate(ask.columns)]
    return tuple(part for name, field in fields for part in of_column(bounded(columns, name, field)))


def of_column(column: Column) -> tuple[Measurement, ...]:
    """Return one column's four measurements."""
    tally = Tally((Bins(column, tree.LEAVES),), (Power(column), Power(column, 2)))
    largest = Power(column).largest
    return (
        Measurement(f"count:{column.name}", tally, present_and_missing, 1, 1),
        Measurement(f"sum:{column.name}", tally, sum_of_codes, largest, 2),
        Measurement(f"squares:{column.name}", tally, sum_of_squares, largest**2, 1),
        Measurement(f"tree:{column.name}", tally, tree_nodes, tree.SENSITIVITY, 4),
    )


def present_and_missing(tally: Integers) -> Integers:
    """Return the counts of present and of missing values."""
    return np.array([tally[0][:-1].sum(), tally[0][-1]])


def sum_of_codes(tally: Integers) -> Integers:
    """Return the sum of codes over all bins."""
    return np.array([tally[1].sum()])


def sum_of_squares(tally: Integers) -> Integers:
    """Return the sum of squared codes over all bins."""
    return np.array([tally[2].sum()])
