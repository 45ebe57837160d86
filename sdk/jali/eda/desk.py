"""Where a question is handed in: a desk that asks the node, or one that only quotes."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from jali.eda import facts
from jali.eda.facts import Facts
from jali.wire.statistics import Statistic

F = TypeVar("F", covariant=True)
T = TypeVar("T", covariant=True)


class Desk(ABC, Generic[F, T]):
    """Takes questions about one dataset. What comes back for one figure is an `F`, for several a `T`."""

    @property
    @abstractmethod
    def facts(self) -> Facts:
        """The dataset's public facts."""

    def figure(self, statistic: Statistic, epsilon: float) -> F:
        """Check a question that has one figure as its answer, and hand it in."""
        self.check(statistic)
        return self._figure(statistic, facts.price(epsilon))

    def table(self, statistic: Statistic, epsilon: float) -> T:
        """Check a question that has several figures as its answer, and hand it in."""
        self.check(statistic)
        return self._table(statistic, facts.price(epsilon))

    def check(self, statistic: Statistic) -> None:
        """Raise what the node would refuse, before anything is sent."""
        self.facts.check(statistic)

    @abstractmethod
    def _figure(self, statistic: Statistic, epsilon: float) -> F: ...

    @abstractmethod
    def _table(self, statistic: Statistic, epsilon: float) -> T: ...
