"""How many rows there are.

Sensitivity: one row adds or removes 1 (Dwork, McSherry, Nissim, Smith 2006, counting queries).
"""

from jali.wire.statistics import Count
from jali_node.engine.tally import Tally
from jali_node.statistics.columns import Columns
from jali_node.statistics.measurement import Measurement, only_counts

KIND = "count"
SPLIT = "all on the one count"


def measurements(ask: Count, columns: Columns) -> tuple[Measurement, ...]:
    """Return the row count."""
    return (Measurement("rows", Tally(), only_counts, 1, 1),)
