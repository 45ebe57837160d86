"""What a model is shown of a row: one number a feature, in an order and on a scale that follow from the card alone.

Integers and numbers are clamped to their bounds and laid onto -1 to 1; a missing one is 0, the middle of its range.
A category becomes one feature for each declared category, in the card's order: 1 where it is the row's, 0 elsewhere,
so a missing or undeclared one is all zeros.
"""

from collections.abc import Iterable

from pydantic import Field

from jali.wire.base import Request
from jali.wire.dataset import Column, ColumnType
from jali.wire.statistics.ask import ColumnName


class Threshold(Request):
    """A target of two classes: 1 where a column is at or above a public number, 0 below it.

    A row without a value there teaches nothing; it is masked, never left out of a count.
    """

    column: ColumnName
    at_least: float = Field(strict=True)

    def describe(self) -> str:
        """Say what is predicted; owners read this, and so do ledgers."""
        return f"{self.column} >= {self.at_least:g}"


def feature_names(columns: Iterable[Column]) -> tuple[str, ...]:
    """Return the features that columns become, in order.

    >>> feature_names([
    ...     Column(name="age", type="integer", lower=0, upper=110),
    ...     Column(name="site", type="category", categories=("north", "south")),
    ... ])
    ('age', 'site=north', 'site=south')

    Raises:
        ValueError: an integer or number column has no public bounds.
    """
    return tuple(name for column in columns for name in _names(column))


def feature_count(columns: Iterable[Column]) -> int:
    """Return how many numbers a model is shown of a row: its input's width.

    Raises:
        ValueError: an integer or number column has no public bounds.
    """
    return len(feature_names(columns))


def _names(column: Column) -> tuple[str, ...]:
    if column.type is ColumnType.CATEGORY:
        return tuple(f"{column.name}={category}" for category in column.categories)
    if column.bounds is None:
        raise ValueError(f"column {column.name} has no bounds")
    return (column.name,)
