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

    `name` means the same wherever it stands: of one version and one selection of rows, measurements of one name differ
    in their noise alone. `sensitivity` is how far adding or removing one row can move it, in the Euclidean norm; an
    entity with at most m rows moves it by at most m times that (the triangle inequality over its rows), unless
    `of_entity` says how far outright. `weight` is its share of the answer's zero-concentrated loss, relative to the
    other measurements.
    """

    name: str
    tally: Tally
    read: Callable[[Integers], Integers]
    sensitivity: int
    weight: int
    of_entity: int | None = None

    def reach(self, max_rows: int | None) -> int:
        """Return how far one privacy unit moves the vector: a row, or an entity with at most `max_rows` rows."""
        if max_rows is None:
            return self.sensitivity
        return self.sensitivity * max_rows if self.of_entity is None else self.of_entity


def only_counts(tally: Integers) -> Integers:
    """Return the row counts of a tally, flattened."""
    return np.asarray(tally[0]).reshape(-1)
