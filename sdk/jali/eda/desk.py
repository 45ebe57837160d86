"""Where a question is handed in: a desk that asks the node, or one that only quotes."""

from abc import ABC, abstractmethod
from typing import Any, Generic, Self, TypeVar

from jali.eda import facts
from jali.eda.facts import Facts, Price
from jali.wire.selection import ALL_ROWS, Selection
from jali.wire.statistics import Statistic

F = TypeVar("F", covariant=True)
T = TypeVar("T", covariant=True)


class Desk(ABC, Generic[F, T]):
    """Takes questions about the selected rows of one dataset. One figure comes back as an `F`, several as a `T`."""

    def __init__(self, selection: Selection = ALL_ROWS) -> None:
        self.selection = selection

    @property
    @abstractmethod
    def facts(self) -> Facts:
        """The dataset's public facts, derived columns among them."""

    @abstractmethod
    def selecting(self, selection: Selection) -> Self:
        """Return a desk for other rows and derived columns of the same dataset."""

    @abstractmethod
    def quoting(self) -> "Desk[Any, Any]":
        """Return a desk for the same rows that only quotes."""

    def figure(self, statistic: Statistic, epsilon: float | None, error: float | None = None) -> F:
        """Check a question that has one figure as its answer, and hand it in."""
        self.check(statistic)
        return self._figure(statistic, facts.price(epsilon, error))

    def table(self, statistic: Statistic, epsilon: float | None, error: float | None = None) -> T:
        """Check a question that has several figures as its answer, and hand it in."""
        self.check(statistic)
        return self._table(statistic, facts.price(epsilon, error))

    def check(self, statistic: Statistic) -> None:
        """Raise what the node would refuse, before anything is sent."""
        self.facts.check(statistic)

    @abstractmethod
    def _figure(self, statistic: Statistic, price: Price) -> F: ...

    @abstractmethod
    def _table(self, statistic: Statistic, price: Price) -> T: ...
