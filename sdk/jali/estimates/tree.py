"""A tree of counts over a column's range: four levels, every node the sum of its four children.

One row lies in one node of each level, so it moves the whole tree by 2 in the Euclidean norm. Noised nodes disagree
with their children; the least-squares tree that agrees with itself (Hay et al. 2010, Theorem 3) is several times
closer to the truth than its leaves alone.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from jali.estimates import noise
from jali.wire.lattice import Lattice

LEVELS = (20, 80, 320, 1280)
"""Nodes at each level, from the root's children to the leaves."""
LEAVES = LEVELS[-1]
NODES = sum(LEVELS)
FANOUT = 4
SENSITIVITY = 2
"""The Euclidean norm of one row's path: the square root of four levels."""

Floats = NDArray[np.float64]


def nodes(leaves: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return all levels of the tree over exact leaf counts, shape (NODES,), the top level first."""
    return np.concatenate([leaves.reshape(width, LEAVES // width).sum(axis=1) for width in LEVELS])


def consistent_leaves(noised: Floats) -> Floats:
    """Return the leaves of the closest self-consistent tree.

    Args:
        noised: shape (NODES, ...), equal noise in every node; a linear map along the first axis. The nodes below one
            node of the top level, itself included, make such a tree too.
    """
    widths = [width * len(noised) // NODES for width in LEVELS]
    parts = np.split(noised, np.cumsum(widths)[:-1])
    rest = noised.shape[1:]
    upward, variance = [parts[-1]], 1.0
    for part in reversed(parts[:-1]):
        children = upward[0].reshape(len(part), FANOUT, *rest).sum(axis=1)
        weight = FANOUT * variance / (FANOUT * variance + 1)
        upward.insert(0, weight * part + (1 - weight) * children)
        variance = FANOUT * variance / (FANOUT * variance + 1)
    settled = upward[0]
    for part in upward[1:]:
        children = part.reshape(len(settled), FANOUT, *rest)
        share = (settled - children.sum(axis=1)) / FANOUT
        settled = (children + share[:, None]).reshape(part.shape)
    return settled


@lru_cache(maxsize=1)
def _prefix_variances() -> tuple[Floats, Floats]:
    """Return, for noise of variance 1 a node, each prefix sum's variance and its covariance with the total.

    Nothing ties the nodes of the top level to each other, so one of them stands for all.
    """
    tops = LEVELS[0]
    below = np.cumsum(consistent_leaves(np.eye(NODES // tops)), axis=0)
    before = np.arange(tops)[:, None] * (below[-1] @ below[-1])
    variance = np.concatenate([[0.0], (before + (below**2).sum(axis=1)).ravel()])
    return variance, np.concatenate([[0.0], (before + below @ below[-1]).ravel()])


def quantile(
    lattice: Lattice, values: Sequence[int], noise_stddev: float, level: float, count: tuple[int, float] | None = None
) -> tuple[float, float, float]:
    """Return the quantile at a level (share between 0 and 1) with its 95 % noise interval, in the column's unit.

    A leaf stays in the interval unless the noised counts below it, or up to its end, are further from `level` of the
    total than their own noise explains; the true leaf is wrongly left out with probability at most 5 %.

    Args:
        lattice: the column's.
        values: the noised nodes.
        noise_stddev: of each.
        level: between 0 and 1.
        count: another noised count of the same rows and its noise, where there is one. What the tree's total differs
            from it is shared out over the leaves, by least squares: where values crowd at one end, most of the tree's
            noise lies in the empty part, and this takes it away.
    """
    leaves = consistent_leaves(np.asarray(values, dtype=float))
    prefix = np.concatenate([[0.0], np.cumsum(leaves)])
    variance, covariance = _prefix_variances()
    stddev, share = _at_least_its_reach(noise_stddev), np.arange(LEAVES + 1) / LEAVES
    counted, count_stddev = count or (0, math.inf)
    relative = (_at_least_its_reach(count_stddev) / stddev) ** 2 if count and stddev else math.inf
    weight = variance[-1] / (variance[-1] + relative)
    prefix = prefix + weight * (counted - prefix[-1]) * share
    of_total = weight * share + level * (1 - weight)
    spread = variance - 2 * of_total * covariance + of_total**2 * variance[-1]
    if weight:
        spread = spread + (weight * (share - level)) ** 2 * relative
    reach = 1.959964 * stddev * np.sqrt(np.maximum(spread, 0.0))
    beyond = prefix - level * prefix[-1]
    kept = np.flatnonzero((beyond[:-1] <= reach[:-1] + 1e-9) & (beyond[1:] >= -reach[1:] - 1e-9))
    position = _position(prefix, level)
    first, last = (kept[0], kept[-1]) if len(kept) else (int(position), int(position))
    low, high = _edge(lattice, min(first, int(position))), _upper_edge(lattice, max(last, int(position)))
    value = _edge(lattice, int(position)) if lattice.whole else lattice.lower + _width(lattice) * position
    return min(max(value, low), high), low, high


def _at_least_its_reach(stddev: float) -> float:
    """Return the standard deviation, or more where it is small and whole numbers reach further than a normal law."""
    return stddev if math.isinf(stddev) else max(stddev, noise.half_width(stddev) / 1.96)


def _position(prefix: Floats, level: float) -> float:
    """Return where, in leaves from the left, the prefix sums pass the level.

    Exact ones never fall, so the closest ones that do not are read: on skewed columns with noise a third closer than
    their running maximum, which keeps every outlier.
    """
    hull = np.maximum(rising(prefix), 0.0)
    target = level * max(hull[-1], 1.0)
    leaf = int(np.clip(np.searchsorted(hull, target, side="left") - 1, 0, LEAVES - 1))
    rise = hull[leaf + 1] - hull[leaf]
    within = (target - hull[leaf]) / rise if rise > 0 else 0.5
    return leaf + float(np.clip(within, 0.0, 1.0 - 1e-9))


def rising(values: Floats) -> Floats:
    """Return the closest never falling sequence by least squares: neighbours out of order become their mean.

    Pooling adjacent violators: Ayer, Brunk, Ewing, Reid, Silverman 1955.
    """
    means: list[float] = []
    sizes: list[int] = []
    for value in values.tolist():
        mean, size = value, 1
        while means and means[-1] > mean:
            pooled = sizes.pop()
            mean = (mean * size + means.pop() * pooled) / (size + pooled)
            size += pooled
        means.append(mean)
        sizes.append(size)
    return np.repeat(means, sizes)


def _width(lattice: Lattice) -> float:
    return (lattice.upper - lattice.lower) / LEAVES


def _cut(lattice: Lattice, leaf: int) -> float:
    """Return where a leaf begins. Multiplied before divided, so that a cut at a whole number is exactly that."""
    return lattice.lower + (lattice.upper - lattice.lower) * leaf / LEAVES


def _edge(lattice: Lattice, leaf: int) -> float:
    """Return a leaf's left edge; for whole numbers the first whole number at or above it."""
    edge = _cut(lattice, leaf)
    return min(float(math.ceil(edge - 1e-9)), lattice.upper) if lattice.whole else edge


def _upper_edge(lattice: Lattice, leaf: int) -> float:
    """Return a leaf's right edge; for whole numbers the last one that falls into the leaf."""
    edge = _cut(lattice, leaf + 1)
    if leaf == LEAVES - 1:
        return lattice.upper
    return max(float(math.ceil(edge - 1e-9)) - 1, _edge(lattice, leaf)) if lattice.whole else edge
