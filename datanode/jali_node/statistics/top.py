"""Row counts of a column's values where no list of these is public.

Sensitivity: one row has one value, so it moves the counts by 1 in the Euclidean norm; an entity with at most m rows by
at most m (all on one value), and it can be what m values owe their presence to, each with a count of at most m. Which
values there are is private: see `jali_node.mechanisms.thresholded` for what that costs.
"""

from jali.wire.dataset import ColumnType
from jali.wire.money import DELTA_UNITS, to_fixed
from jali.wire.statistics import Top
from jali_node.engine.tally import KeyCounts
from jali_node.errors import WrongColumnType
from jali_node.statistics.columns import Columns, named
from jali_node.statistics.keys import Keys

KIND = "top"
SPLIT = "all on the counts of the values"


def measurements(ask: Top, columns: Columns) -> tuple[Keys, ...]:
    """Return the values above the threshold.

    Raises:
        UnknownColumn, WrongColumnType: the column will not do.
    """
    column = named(columns, ask.column, "statistic.column")
    if column.type is ColumnType.NUMBER:
        raise WrongColumnType(
            f"column {ask.column} is of type number; this needs text, categories or integers. Try histogram",
            field="statistic.column",
        )
    return (Keys(ask.measurement, KeyCounts(column), to_fixed(ask.delta, DELTA_UNITS)),)
