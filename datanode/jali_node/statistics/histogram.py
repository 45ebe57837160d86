"""Row counts in equal bins over the public bounds, and of missing values.

Sensitivity: one row lies in exactly one of the bins, the missing one included, so it moves the vector by 1 in the
Euclidean norm (Dwork, McSherry, Nissim, Smith 2006, histogram queries).
"""

from jali.wire.statistics import Histogram
from jali_node.engine.tally import Bins, Tally
from jali_node.statistics.columns import Columns, bounded
from jali_node.statistics.measurement import Measurement, only_counts

KIND = "histogram"
SPLIT = "all on the one vector of counts"


def measurements(ask: Histogram, columns: Columns) -> tuple[Measurement, ...]:
    """Return the bins."""
    column = bounded(columns, ask.column, "statistic.column")
    return (Measurement(f"bins:{column.name}:{ask.bins}", Tally((Bins(column, ask.bins),)), only_counts, 1, 1),)
