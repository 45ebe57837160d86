"""One noised integer vector of an answer, before its noise."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jali_node.engine.tally import Tally

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Measurement:
    """A vector of public length, read off a tally.

    `sensitivity` is how far adding or removing one row can move it, in the Euclidean norm. `weight` is its share of
    the answer's zero-concentrated loss, relative to the other measurements.
    """

    name: str
    tally: Tally
    read: Callable[[Integers], Integers]
    sensitivity: int
    weight: int


def only_counts(tally: Integers) -> Integers:
    """Return the row counts of a tally, flattened."""
    return np.asarray(tally[0]).reshape(-1)
