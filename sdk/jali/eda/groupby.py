"""Statistics for each combination of public categories."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, NoReturn, TypeVar

from jali.eda import facts
from jali.eda.column import Column
from jali.eda.desk import Desk
from jali.wire.statistics import Count, GroupBy, Mean, Quantiles, Sum

F = TypeVar("F")
T = TypeVar("T")


class Groups(Generic[F, T]):
    """A dataset by the public categories of one to four columns.

    All combinations are answered, occupied or not, so the answer's shape says nothing. Rows with a missing or
    undeclared key are left out. Each row is in one group, so a count costs what a single count costs.

    Example::

        visits.groupby("site").count(epsilon=0.1)
        visits.groupby(["site", "sex"])["age"].mean(epsilon=0.5)
    """

    def __init__(self, desk: Desk[F, T], keys: tuple[str, ...]) -> None:
        self._desk = desk
        self.keys = keys

    def count(self, *, epsilon: float | None = None, error: float | None = None) -> T:
        """Release each group's number of rows.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.

        Raises:
            WrongColumnType: a key has no public categories.
            InvalidRequest: more than 10,000 groups, or an input of the wrong form.
        """
        return self._desk.table(facts.built(GroupBy, keys=self.keys, of=Count()), epsilon, error)

    def __getitem__(self, column: "str | Column[F, T]") -> "GroupedColumn[F, T]":
        if isinstance(column, str):
            return GroupedColumn(self._desk, self.keys, self._desk.facts.column(column).name)
        derived = (*self._desk.selection.derived, *column.derived)
        desk = self._desk.selecting(self._desk.selection.model_copy(update={"derived": derived}))
        return GroupedColumn(desk, self.keys, column.name)

    def __iter__(self) -> Iterator[NoReturn]:
        raise TypeError("groups stay with their owner: use count(epsilon=...) or [column].mean(epsilon=...)")

    def _ipython_key_completions_(self) -> list[str]:
        return self._desk.facts.bounded_names

    def __repr__(self) -> str:
        return f"{self._desk.facts.dataset} by {' and '.join(self.keys)}"


class GroupedColumn(Generic[F, T]):
    """A column within groups."""

    def __init__(self, desk: Desk[F, T], keys: tuple[str, ...], name: str) -> None:
        self._desk = desk
        self.keys = keys
        self.name = name

    def mean(self, *, epsilon: float | None = None, error: float | None = None) -> T:
        """Release each group's mean and number of present values.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.

        Raises:
            BoundsUnknown: the column has no public bounds.
            WrongColumnType: a key has no public categories, or the column is one of categories.
            InvalidRequest: more than 10,000 groups, or an input of the wrong form.
        """
        statistic = facts.built(GroupBy, keys=self.keys, of=facts.built(Mean, column=self.name))
        return self._desk.table(statistic, epsilon, error)

    def sum(self, *, epsilon: float | None = None, error: float | None = None) -> T:
        """Release each group's sum and number of present values; at one price the same release as `mean`.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        statistic = facts.built(GroupBy, keys=self.keys, of=facts.built(Sum, column=self.name))
        return self._desk.table(statistic, epsilon, error)

    def quantile(
        self, q: float | Sequence[float] = 0.5, *, epsilon: float | None = None, error: float | None = None
    ) -> T:
        """Release quantiles of each group, of at most 100 groups; more levels cost nothing more.

        Args:
            q: a share between 0 and 1, or several.
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        levels = tuple(dict.fromkeys(q)) if isinstance(q, Iterable) else (q,)
        of = facts.built(Quantiles, column=self.name, levels=levels)
        return self._desk.table(facts.built(GroupBy, keys=self.keys, of=of), epsilon, error)

    def median(self, *, epsilon: float | None = None, error: float | None = None) -> T:
        """Release each group's median, of at most 100 groups; the same release as `quantile`.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        return self.quantile(0.5, epsilon=epsilon, error=error)

    def __repr__(self) -> str:
        return f"{self._desk.facts.dataset}[{self.name!r}] by {' and '.join(self.keys)}"
