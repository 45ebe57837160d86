"""How many values of a column are present, and how many are missing.

Sensitivity: one row is either present or missing, so it moves the pair by 1 in the Euclidean norm (Dwork, McSherry,
Nissim, Smith 2006, histogram queries).
"""

from jali.wire.statistics import Missing
from jali_node.engine.tally import Presence, Tally
from jali_node.statistics.columns import Columns, named
from jali_node.statistics.measurement import Measurement, only_counts

KIND = "missing"
SPLIT = "all on the two counts"


def measurements(ask: Missing, columns: Columns) -> tuple[Measurement, ...]:
    """Return the two counts."""
    column = named(columns, ask.column, "statistic.column")
    return (Measurement(f"count:{column.name}", Tally((Presence(column),)), only_counts, 1, 1),)
