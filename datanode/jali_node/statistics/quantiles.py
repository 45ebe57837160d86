"""Quantiles of a bounded column, from a tree of counts over its public range.

Sensitivity: one row lies in one node of each of the tree's four levels, so it moves all its nodes together by
sqrt(4) = 2 in the Euclidean norm (hierarchical histograms: Hay, Rastogi, Miklau, Suciu 2010; in the Gaussian setting:
Cormode, Kulkarni, Srivastava 2019). Missing values are left out.
"""

from jali.estimates import tree
from jali.wire.dataset import Column
from jali.wire.statistics import Quantiles
from jali_node.engine.tally import Bins, Tally
from jali_node.statistics.columns import Columns, bounded
from jali_node.statistics.measurement import Integers, Measurement

KIND = "quantiles"
SPLIT = "all on one tree of counts, equally over its four levels; every level of quantile is read off it"


def measurements(ask: Quantiles, columns: Columns) -> tuple[Measurement, ...]:
    """Return the tree."""
    column = bounded(columns, ask.column, "statistic.column")
    return (Measurement(f"tree:{column.name}", leaves_tally(column), tree_nodes, tree.SENSITIVITY, 1),)


def leaves_tally(column: Column) -> Tally:
    """Return the tally of the tree's leaves, and of missing values."""
    return Tally((Bins(column, tree.LEAVES),))


def tree_nodes(tally: Integers) -> Integers:
    """Return every node of the tree over the present values."""
    return tree.nodes(tally[0][:-1])
