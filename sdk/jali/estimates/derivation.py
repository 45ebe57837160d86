"""Measurements that follow from others: what has been paid for serves more questions than the one it was paid for.

Everything here is computed after the noise, so it costs nothing (post-processing, Dwork and Roth 2014, Proposition
2.1). What follows, and with which noise:

| wanted | from | noise |
| --- | --- | --- |
| bins of a column | its tree of counts, where their number divides 1280, and its counts | that of the least exact bin |
| bins of a column | finer bins, m for each | sqrt(m) times theirs |
| present and missing values | counts of k categories | sqrt(k) times theirs |
| rows | present and missing values of any column | sqrt(2) times theirs |

The noise of a sum of independent discrete Gaussians has the sum of their variances; its intervals are taken as if it
were a discrete Gaussian of that variance, rounded to whole numbers as counts are.
"""

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np

from jali.estimates import tree
from jali.wire.release import Noised


class Known(Mapping[str, Noised]):
    """A release's measurements, and those that follow from them; only the former are listed."""

    def __init__(self, measurements: Mapping[str, Noised]) -> None:
        self._held = measurements

    def __getitem__(self, name: str) -> Noised:
        found = self._held[name] if name in self._held else derived(name, self._held)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


def derivable(name: str) -> bool:
    """Say whether a measurement of this name could follow from others at all.

    >>> derivable("bins:age:20"), derivable("sum:age")
    (True, False)
    """
    return name == "rows" or name.startswith(("bins:", "count:"))


def derived(name: str, held: Mapping[str, Noised]) -> Noised | None:
    """Return a measurement as it follows from those that are held, the most exact way; None where it does not.

    >>> derived("rows", {"count:age": Noised(values=(90, 10), noise_stddev=3.0)}).values
    (100,)
    """
    kind, _, rest = name.partition(":")
    if kind == "bins":
        column, _, number = rest.rpartition(":")
        found = [_bins_of_tree(column, int(number), held), *_bins_of_bins(column, int(number), held)]
    elif kind == "count":
        found = [_count_of_categories(rest, held)]
    elif name == "rows":
        found = [_total(noised) for other, noised in held.items() if other.startswith("count:") and " by " not in other]
    else:
        return None
    return min((noised for noised in found if noised), key=lambda noised: noised.noise_stddev, default=None)


def _bins_of_tree(column: str, number: int, held: Mapping[str, Noised]) -> Noised | None:
    noised, count = held.get(f"tree:{column}"), held.get(f"count:{column}")
    if noised is None or count is None or tree.LEAVES % number:
        return None
    leaves = tree.consistent_leaves(np.asarray(noised.values, dtype=float))
    bins = np.rint(leaves.reshape(number, -1).sum(axis=1))
    stddev = max(noised.noise_stddev * _noise_of_bins(number), count.noise_stddev)
    return Noised(values=(*map(int, bins), count.values[1]), noise_stddev=stddev)


@lru_cache(maxsize=32)
def _noise_of_bins(number: int) -> float:
    """Return, for noise of deviation 1 a node, that of the least exact of so many bins of the self-consistent tree."""
    leaves = tree.consistent_leaves(np.eye(tree.NODES))
    bins = leaves.reshape(number, tree.LEAVES // number, tree.NODES).sum(axis=1)
    return float(np.sqrt((bins**2).sum(axis=1).max()))


def _bins_of_bins(column: str, number: int, held: Mapping[str, Noised]) -> list[Noised]:
    found = []
    for other, noised in held.items():
        finer = len(noised.values) - 1
        if other == f"bins:{column}:{finer}" and finer > number and finer % number == 0:
            merged = np.asarray(noised.values[:-1]).reshape(number, -1).sum(axis=1)
            stddev = noised.noise_stddev * math.sqrt(finer // number)
            found.append(Noised(values=(*map(int, merged), noised.values[-1]), noise_stddev=stddev))
    return found


def _count_of_categories(column: str, held: Mapping[str, Noised]) -> Noised | None:
    noised = held.get(f"categories:{column}")
    if noised is None:
        return None
    *present, missing = noised.values
    return Noised(values=(sum(present), missing), noise_stddev=noised.noise_stddev * math.sqrt(len(present)))


def _total(count: Noised) -> Noised:
    return Noised(values=(sum(count.values),), noise_stddev=count.noise_stddev * math.sqrt(len(count.values)))
