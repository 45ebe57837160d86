"""A count, mean, sum or quantiles for every combination of public categories.

Sensitivity: one row lies in at most one group, so it moves the vector of counts by 1 and the vector of sums by at most
`steps` in the Euclidean norm, however many groups there are (Dwork, McSherry, Nissim, Smith 2006, histogram queries);
of the groups' trees of counts it moves one, by 2, as in `quantiles`.
The groups are public and all are answered, so the shape says nothing about rows.
"""

import math

import numpy as np

from jali.estimates import tree
from jali.estimates.group_by import by, counted
from jali.wire.statistics import Count, GroupBy, Quantiles
from jali_node.engine.tally import Bins, Categories, Power, Presence, Tally
from jali_node.errors import InvalidRequest
from jali_node.statistics.columns import Columns, bounded, categorical
from jali_node.statistics.measurement import Integers, Measurement

KIND = "group_by"
SPLIT = (
    "counts by group take all, and so do trees of quantiles; a mean or sum by group gives 1/3 to the counts and 2/3 to "
    "the sums"
)


def measurements(ask: GroupBy, columns: Columns) -> tuple[Measurement, ...]:
    """Return the groups' counts, with their sums where means or sums were asked; or their trees of counts."""
    if len(set(ask.keys)) != len(ask.keys):
        raise InvalidRequest("each key may be given once", field="statistic.keys")
    keys = [categorical(columns, name, f"statistic.keys.{i}") for i, name in enumerate(ask.keys)]
    number = math.prod(len(key.categories) for key in keys)
    if number > ask.groups_max:
        raise InvalidRequest(f"expected at most {ask.groups_max} groups, got {number}", field="statistic.keys")
    groups = tuple(Categories(key) for key in keys)
    if isinstance(ask.of, Count):
        return (Measurement(counted(ask), Tally(groups), declared_counts, 1, 1),)
    column = bounded(columns, ask.of.column, "statistic.of.column")
    if isinstance(ask.of, Quantiles):
        leaves = Tally((*groups, Bins(column, tree.LEAVES)))
        return (Measurement(f"tree:{column.name}{by(ask)}", leaves, declared_trees, tree.SENSITIVITY, 1),)
    tally = Tally((*groups, Presence(column)), (Power(column),))
    return (
        Measurement(counted(ask), tally, present_counts, 1, 1),
        Measurement(f"sum:{column.name}{by(ask)}", tally, present_sums, Power(column).largest, 2),
    )


def declared_counts(tally: Integers) -> Integers:
    """Return the counts of the groups whose keys are all declared."""
    return _declared(tally[0], tally.ndim - 1)


def present_counts(tally: Integers) -> Integers:
    """Return the same, of the rows where the grouped column is present."""
    return _declared(tally[0][..., 0], tally.ndim - 2)


def present_sums(tally: Integers) -> Integers:
    """Return the groups' sums over the rows where the grouped column is present."""
    return _declared(tally[1][..., 0], tally.ndim - 2)


def declared_trees(tally: Integers) -> Integers:
    """Return every node of each group's tree over the present values, one group after the other."""
    keys = tally.ndim - 2
    leaves = tally[0][(slice(None, -1),) * (keys + 1)].reshape(-1, tree.LEAVES)
    return np.concatenate([tree.nodes(group) for group in leaves])


def _declared(groups: Integers, keys: int) -> Integers:
    return np.asarray(groups[(slice(None, -1),) * keys]).reshape(-1)
