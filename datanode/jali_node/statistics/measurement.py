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
    `of_entity` says how far outright. `values_of` names a column where the vector depends on nothing but which of its
    values there are: an entity has one identifier, however many rows. `weight` is its share of the answer's
    zero-concentrated loss, relative to the other measurements.
    """

    name: str
    tally: Tally
    read: Callable[[Integers], Integers]
    sensitivity: int
    weight: int
    of_entity: int | None = None
    values_of: str | None = None

    def reach(self, max_rows: int | None, entity: str | None = None) -> int:
        """Return how far one privacy unit moves the vector.

        Args:
            max_rows: how many rows one entity may have; None where a row is the unit.
            entity: the column that identifies entities.
        """
        if max_rows is None or (entity is not None and self.values_of == entity):
            return self.sensitivity
        return self.sensitivity * max_rows if self.of_entity is None else self.of_entity


def only_counts(tally: Integers) -> Integers:
    """Return the row counts of a tally, flattened."""
    return np.asarray(tally[0]).reshape(-1)
