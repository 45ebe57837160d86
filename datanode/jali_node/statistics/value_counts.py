"""Row counts of the public categories, and of missing or undeclared values.

Sensitivity: one row lies in exactly one of them, so it moves the vector by 1 in the Euclidean norm (Dwork, McSherry,
Nissim, Smith 2006, histogram queries). The categories are public, so which of them are shown says nothing.
"""

from jali.wire.statistics import ValueCounts
from jali_node.engine.tally import Categories, Tally
from jali_node.statistics.columns import Columns, categorical
from jali_node.statistics.measurement import Measurement, only_counts

KIND = "value_counts"
SPLIT = "all on the one vector of counts"


def measurements(ask: ValueCounts, columns: Columns) -> tuple[Measurement, ...]:
    """Return the categories."""
    column = categorical(columns, ask.column, "statistic.column")
    return (Measurement(f"categories:{column.name}", Tally((Categories(column),)), only_counts, 1, 1),)
