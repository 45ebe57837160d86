"""Row counts of every combination of two columns' public categories, missing or undeclared ones among them.

Sensitivity: one row lies in exactly one of them, so it moves the vector by 1 in the Euclidean norm (contingency tables:
Barak, Chaudhuri, Dwork, Kale, McSherry, Talwar 2007; as histogram queries: Dwork, McSherry, Nissim, Smith 2006). The
categories are public, so which combinations are shown says nothing.
"""

import math

from jali.estimates.crosstab import counted
from jali.wire.statistics import Crosstab
from jali.wire.statistics.group_by import GROUPS_MAX
from jali_node.engine.tally import Categories, Tally
from jali_node.errors import InvalidRequest
from jali_node.statistics.columns import Columns, categorical
from jali_node.statistics.measurement import Measurement, only_counts

KIND = "crosstab"
SPLIT = "all on the one table of counts"


def measurements(ask: Crosstab, columns: Columns) -> tuple[Measurement, ...]:
    """Return the table, the second column running fastest."""
    if len(set(ask.keys)) != len(ask.keys):
        raise InvalidRequest("a table needs two different columns", field="statistic.keys")
    groups = tuple(Categories(categorical(columns, name, f"statistic.keys.{i}")) for i, name in enumerate(ask.keys))
    cells = math.prod(group.size for group in groups)
    if cells > GROUPS_MAX:
        raise InvalidRequest(f"expected at most {GROUPS_MAX} cells, got {cells}", field="statistic.keys")
    return (Measurement(counted(ask), Tally(groups), only_counts, 1, 1),)
