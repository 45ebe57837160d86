"""What may be asked of a dataset, whoever answers: a node, a federation, or a quote."""

from collections.abc import Iterator, Sequence
from typing import Generic, NoReturn, TypeVar

import pandas as pd

from jali import errors
from jali.eda import facts
from jali.eda.column import Column, public_range
from jali.eda.desk import Desk
from jali.eda.groupby import Groups
from jali.wire.statistics import Count, Describe

F = TypeVar("F")
T = TypeVar("T")


class View(Generic[F, T]):
    """A dataset's questions. Printing, completion and `len()` never spend budget."""

    def __init__(self, desk: Desk[F, T]) -> None:
        self._desk = desk

    @property
    def columns(self) -> list[str]:
        """The columns' names; free."""
        return self._desk.facts.names

    def count(self, *, epsilon: float) -> F:
        """Release the number of rows.

        Args:
            epsilon: the stand-alone price.

        Raises:
            JaliError: what the node refuses, such as GrantRequired or BudgetExhausted.
        """
        return self._desk.figure(Count(), epsilon)

    def describe(self, *, epsilon: float, columns: Sequence[str] | None = None) -> T:
        """Release count, missing, mean, standard deviation and five quantiles of each column.

        Args:
            epsilon: the stand-alone price, divided over the columns.
            columns: which; all with public bounds if not given.

        Raises:
            BoundsUnknown: no column has public bounds, or one of those named has none.
            WrongColumnType: one of those named is of categories.
            JaliError: what the node refuses, such as GrantRequired or BudgetExhausted.
        """
        chosen = self._desk.facts.bounded_names if columns is None else _names(columns)
        if not chosen:
            raise errors.BoundsUnknown(
                f"{self._desk.facts.dataset} has no column with public bounds to describe", field="columns"
            )
        return self._desk.table(facts.built(Describe, columns=tuple(dict.fromkeys(chosen))), epsilon)

    def groupby(self, by: str | Sequence[str]) -> Groups[F, T]:
        """Return the dataset by the public categories of one to four columns; free until figures are asked.

        Raises:
            UnknownColumn: there is no such column.
            WrongColumnType: a column has no public categories.
        """
        keys = tuple(dict.fromkeys(_names(by)))
        for key in keys:
            self._desk.facts.categorical(key, "groupby")
        return Groups(self._desk, keys)

    def __getitem__(self, name: str) -> Column[F, T]:
        return Column(self._desk, self._desk.facts.column(name))

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
        return f"questions about {self._desk.facts.dataset}: count, describe, groupby, [column]"

    def _schema(self) -> tuple[list[str], list[list[str]]]:
        """Return the card's columns as head and lines of text."""
        head = ["column", "type", "public range", "meaning"]
        return head, [[c.name, c.type.value, public_range(c), c.meaning] for c in self._desk.facts.columns]

    def _schema_text(self) -> str:
        head, lines = self._schema()
        return pd.DataFrame(lines, columns=pd.Index(head)).to_string(index=False, justify="left", max_colwidth=60)


def _names(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
