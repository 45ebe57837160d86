"""Columns become what a model is shown: float32 features and a 0/1 target, each row's from that row and public facts.

Nothing here looks at more than one row at a time: no means, no deviations, no counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jali.wire.dataset import Column, ColumnType
from jali.wire.features import Threshold, feature_count

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """What training reads: features (rows, width), target (rows,) of 0 and 1, and which rows have a target."""

    features: Floats
    target: Floats
    present: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if not len(self.features) == len(self.target) == len(self.present):
            raise ValueError("expected as many features as targets")


@dataclass(frozen=True)
class Reading:
    """Which of a card's columns become features, in order, and which the target."""

    features: tuple[Column, ...]
    target: Column
    threshold: Threshold

    @property
    def columns(self) -> tuple[Column, ...]:
        """All that is read of a row."""
        return (*self.features, self.target)

    @property
    def width(self) -> int:
        """How many numbers a model is shown of a row."""
        return feature_count(self.features)

    def rows(self, values: Mapping[str, NDArray[Any]]) -> Rows:
        """Return a model's view of rows, as `Warehouse.rows` returns them."""
        aim = values[self.target.name]
        present = ~np.isnan(aim)
        target = (np.where(present, aim, -np.inf) >= self.threshold.at_least).astype(np.float32)
        blocks = [block(column, values[column.name]) for column in self.features]
        return Rows(np.concatenate(blocks, axis=1), target, present)

    def no_rows(self) -> Rows:
        """Return a model's view of an empty table."""
        return Rows(np.zeros((0, self.width), np.float32), np.zeros(0, np.float32), np.zeros(0, np.bool_))


def block(column: Column, values: NDArray[Any]) -> Floats:
    """Return a column's features, shape (rows, 1) or (rows, categories), each within -1 and 1."""
    if column.type is ColumnType.CATEGORY:
        codes = np.arange(len(column.categories))
        chosen: Floats = (values[:, None] == codes).astype(np.float32)
        return chosen
    if column.bounds is None:
        raise ValueError(f"column {column.name} has no bounds")
    lower, upper = column.bounds
    share = (np.clip(values, lower, upper) - lower) / (upper - lower)
    return np.where(np.isnan(share), 0.0, 2 * share - 1).astype(np.float32)[:, None]
