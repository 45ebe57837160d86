"""A count or a mean for every combination of public categories.

Sensitivity: one row lies in at most one group, so it moves the vector of counts by 1 and the vector of sums by at most
`steps` in the Euclidean norm, however many groups there are (Dwork, McSherry, Nissim, Smith 2006, histogram queries).
The groups are public and all are answered, so the shape says nothing about rows.
"""

import math

import numpy as np

from jali.estimates.group_by import by, counted
from jali.wire.statistics import GroupBy, Mean
from jali.wire.statistics.group_by import GROUPS_MAX
from jali_node.engine.tally import Categories, Power, Presence, Tally
from jali_node.errors import InvalidRequest
from jali_node.statistics.columns import Columns, bounded, categorical
from jali_node.statistics.measurement import Integers, Measurement

KIND = "group_by"
SPLIT = "a count by group takes all; a mean by group gives 1/3 to the counts and 2/3 to the sums"


def measurements(ask: GroupBy, columns: Columns) -> tuple[Measurement, ...]:
    """Return the groups' counts, and their sums where means were asked."""
    if len(set(ask.keys)) != len(ask.keys):
        raise InvalidRequest("each key may be given once", field="statistic.keys")
    keys = [categorical(columns, name, f"statistic.keys.{i}") for i, name in enumerate(ask.keys)]
    number = math.prod(len(key.categories) for key in keys)
    if number > GROUPS_MAX:
        raise InvalidRequest(f"expected at most {GROUPS_MAX} groups, got {number}", field="statistic.keys")
    groups = tuple(Categories(key) for key in keys)
    if not isinstance(ask.of, Mean):
        return (Measurement(counted(ask), Tally(groups), declared_counts, 1, 1),)
    column = bounded(columns, ask.of.column, "statistic.of.column")
    tally = Tally((*groups, Presence(column)), (Power(column),))
    return (
        Measurement(counted(ask), tally, present_counts, 1, 1),
        Measurement(f"sum:{column.name}{by(ask)}", tally, present_sums, Power(column).largest, 2),
    )


def declared_counts(tally: Integers) -> Integers:
    """Return the counts of the groups whose keys are all declared."""
    return _declared(tally[0], tally.ndim - 1)


def present_counts(tally: Integers) -> Integers:
    """Return the same, of the rows where the averaged column is present."""
    return _declared(tally[0][..., 0], tally.ndim - 2)


def present_sums(tally: Integers) -> Integers:
    """Return the groups' sums over the rows where the averaged column is present."""
    return _declared(tally[1][..., 0], tally.ndim - 2)


def _declared(groups: Integers, keys: int) -> Integers:
    return np.asarray(groups[(slice(None, -1),) * keys]).reshape(-1)
