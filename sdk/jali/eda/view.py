"""What may be asked of a dataset, whoever answers: a node, a federation, or a quote."""

from collections.abc import Iterator, Sequence
from typing import Any, Generic, NoReturn, TypeVar, overload

import pandas as pd

from jali import errors
from jali.eda import facts
from jali.eda.column import Column, public_range
from jali.eda.desk import Desk
from jali.eda.groupby import Groups
from jali.eda.predicate import Predicate, refuse_another_dataset
from jali.wire.expression import Both
from jali.wire.selection import Selection
from jali.wire.statistics import Count, Covariance, Crosstab, Describe, Profile

NO_JOINS = "there are no joins here: ask the owner for a view that holds both tables"

F = TypeVar("F")
T = TypeVar("T")


class View(Generic[F, T]):
    """A dataset's questions. Printing, completion and `len()` never spend budget."""

    def __init__(self, desk: Desk[F, T], names: tuple[str, ...] | None = None) -> None:
        self._desk = desk
        self._names = names

    @property
    def columns(self) -> list[str]:
        """The columns' names; free."""
        return self._desk.facts.names if self._names is None else list(self._names)

    @property
    def quote(self) -> "View[Any, Any]":
        """The same questions about the same rows, answered with their price and expected noise; free.

        Example::

            visits[visits["age"] > 50].quote["age"].mean(error=0.5)
        """
        return View(self._desk.quoting(), self._names)

    def count(self, *, epsilon: float | None = None, error: float | None = None) -> F:
        """Release the number of rows.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.

        Raises:
            JaliError: what the node refuses, such as GrantRequired or BudgetExhausted.
        """
        return self._desk.figure(Count(), epsilon, error)

    def describe(
        self, *, epsilon: float | None = None, error: float | None = None, columns: Sequence[str] | None = None
    ) -> T:
        """Release count, missing, mean, standard deviation and five quantiles of each column.

        Args:
            epsilon: the stand-alone price, divided over the columns; or
            error: how far the 95 % noise interval may reach to either side.
            columns: which; all with public bounds if not given.

        Raises:
            BoundsUnknown: no column has public bounds, or one of those named has none.
            WrongColumnType: one of those named is of categories.
            JaliError: what the node refuses, such as GrantRequired or BudgetExhausted.
        """
        bounded = [name for name in self._desk.facts.bounded_names if name in self.columns]
        chosen = bounded if columns is None else _names(columns)
        if not chosen:
            raise errors.BoundsUnknown(
                f"{self._desk.facts.dataset} has no column with public bounds to describe", field="columns"
            )
        return self._desk.table(facts.built(Describe, columns=tuple(dict.fromkeys(chosen))), epsilon, error)

    def top(
        self, column: str, k: int = 10, *, delta: float, epsilon: float | None = None, error: float | None = None
    ) -> T:
        """Release the most frequent values of a column; the same as `[column].top(...)`.

        Args:
            column: its name.
            k: how many values, 1 to 1000.
            delta: the probability, at most, that a value shows because of one privacy unit.
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        return self[column].top(k, delta=delta, epsilon=epsilon, error=error)

    def profile(
        self, *, epsilon: float | None = None, error: float | None = None, columns: Sequence[str] | None = None
    ) -> T:
        """Release the whole first look at one price: what `describe`, `value_counts` and `missing` tell of each column.

        Each of those questions is free afterwards, as long as it asks for no more than the profile has.

        Args:
            epsilon: the stand-alone price of all of it; or
            error: how far the 95 % noise interval may reach to either side.
            columns: which; all if not given.

        Example::

            first = visits.profile(epsilon=1.0)
            first.to_pandas()
            visits["age"].hist(bins=20, epsilon=0.01)  # free: the profile holds it
        """
        chosen = self.columns if columns is None else _names(columns)
        return self._desk.table(facts.built(Profile, columns=tuple(dict.fromkeys(chosen))), epsilon, error)

    def crosstab(
        self,
        index: "str | Column[F, T]",
        columns: "str | Column[F, T]",
        *,
        epsilon: float | None = None,
        error: float | None = None,
    ) -> T:
        """Release how often two columns' public categories occur together, missing or undeclared ones among them.

        Args:
            index: a column of categories, or classes made with `cut`, running downwards.
            columns: another one, running across.
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        desk, keys = self._named([index, columns])
        return desk.table(facts.built(Crosstab, keys=keys), epsilon, error)

    def cov(
        self,
        columns: "Sequence[str | Column[F, T]] | None" = None,
        *,
        epsilon: float | None = None,
        error: float | None = None,
    ) -> T:
        """Release the covariances of bounded columns, over the rows where all of them are present.

        Args:
            columns: 2 to 10 columns; all with public bounds if not given.
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        return self._moving("covariance", columns, epsilon, error)

    def corr(
        self,
        columns: "Sequence[str | Column[F, T]] | None" = None,
        *,
        epsilon: float | None = None,
        error: float | None = None,
    ) -> T:
        """Release the correlations of bounded columns; the same release as `cov`.

        Args:
            columns: 2 to 10 columns; all with public bounds if not given.
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        return self._moving("correlation", columns, epsilon, error)

    def _moving(
        self,
        figure: str,
        columns: "Sequence[str | Column[F, T]] | None",
        epsilon: float | None,
        error: float | None,
    ) -> T:
        bounded = [name for name in self._desk.facts.bounded_names if name in self.columns]
        desk, names = self._named(bounded if columns is None else columns)
        statistic = facts.built(Covariance, columns=tuple(dict.fromkeys(names)), figure=figure)
        return desk.table(statistic, epsilon, error)

    def _named(self, columns: "Sequence[str | Column[F, T]]") -> "tuple[Desk[F, T], tuple[str, ...]]":
        """Return a desk that knows these columns, derived ones too, and their names."""
        desk = self._desk.selecting(self._selecting([column for column in columns if isinstance(column, Column)]))
        return desk, tuple(column.name if isinstance(column, Column) else column for column in columns)

    def groupby(self, by: "str | Column[F, T] | Sequence[str | Column[F, T]]") -> Groups[F, T]:
        """Return the dataset by the public categories of one to four columns; free until figures are asked.

        Args:
            by: names of category columns, or classes made with `cut`.

        Raises:
            UnknownColumn: there is no such column.
            WrongColumnType: a column has no public categories.
        """
        given = [by] if isinstance(by, str | Column) else list(by)
        desk = self._desk.selecting(self._selecting([key for key in given if isinstance(key, Column)]))
        keys = tuple(dict.fromkeys(key.name if isinstance(key, Column) else key for key in given))
        for key in keys:
            desk.facts.categorical(key, "groupby")
        return Groups(desk, keys)

    def _selecting(self, columns: "Sequence[Column[F, T]]") -> Selection:
        """Return this view's selection, with what these columns derive."""
        derived = {node: None for column in columns for node in column.derived}
        return self._desk.selection.model_copy(update={"derived": (*self._desk.selection.derived, *derived)})

    @overload
    def __getitem__(self, key: str) -> Column[F, T]: ...
    @overload
    def __getitem__(self, key: "Predicate[F, T] | list[str]") -> "View[F, T]": ...
    def __getitem__(self, key: "str | Predicate[F, T] | list[str]") -> "Column[F, T] | View[F, T]":
        """Return a column by its name, the rows where a condition holds, or some of the columns; free."""
        if isinstance(key, Predicate):
            return View(self._desk.selecting(self._where(key)), self._names)
        if isinstance(key, list):
            return View(self._desk, tuple(self._desk.facts.column(name).name for name in key))
        return Column(self._desk, self._desk.facts.column(key))

    def _where(self, condition: "Predicate[F, T]") -> Selection:
        """Return this view's selection, narrowed."""
        refuse_another_dataset(self._desk, condition.desk)
        selection = self._desk.selection
        joined = (
            condition.node if selection.where is None else Both(op="and", left=selection.where, right=condition.node)
        )
        chosen = facts.built(Selection, where=joined, derived=selection.derived)
        self._desk.facts.selected(chosen)  # refuses what does not fit the card
        return chosen

    def merge(self, *others: object, **how: object) -> NoReturn:
        """Refuse: tables are not joined from outside."""
        raise errors.NotOffered(NO_JOINS)

    join = concat = merge

    @property
    def _typ(self) -> NoReturn:
        """Refuse what only `pandas.merge` and `pandas.concat` ask of their operands."""
        raise errors.NotOffered(NO_JOINS)

    def __getattr__(self, name: str) -> Column[F, T]:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except errors.UnknownColumn as failure:
            raise AttributeError(failure.detail) from None

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __len__(self) -> NoReturn:
        raise TypeError("the number of rows is private: use count(epsilon=...), or .card for the public figure")

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[NoReturn]:
        raise TypeError("rows stay with their owner: use .columns for names, mock() for rows of the same form")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in self.columns if name.isidentifier())})

    def _ipython_key_completions_(self) -> list[str]:
        return self.columns

    def __repr__(self) -> str:
        rows = self._desk.selection.describe()
        return f"questions about {self._desk.facts.dataset}{rows}: count, describe, groupby, [column]"

    def _schema(self) -> tuple[list[str], list[list[str]]]:
        """Return the card's columns as head and lines of text."""
        head = ["column", "type", "public range", "meaning"]
        facts = self._desk.facts
        shown = [[c.name, c.type.value, public_range(c), c.meaning] for c in facts.columns if c.name in self.columns]
        return head, [*shown, *([each.name, "picture", each.describe(), each.meaning] for each in facts.pictures)]

    def _schema_text(self) -> str:
        head, lines = self._schema()
        return pd.DataFrame(lines, columns=pd.Index(head)).to_string(index=False, justify="left", max_colwidth=60)


def _names(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
