"""A remote column, or one derived from others row by row."""

import numbers
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, NoReturn, TypeVar, overload

from jali import errors
from jali.eda import facts, markup
from jali.eda.desk import Desk
from jali.eda.predicate import Predicate, deriving, refuse_another_dataset
from jali.wire import dataset, expression
from jali.wire.dataset import ColumnType
from jali.wire.expression import (
    Arithmetic,
    Clip,
    ColumnValue,
    Compare,
    Constant,
    Cut,
    Derived,
    Function,
    IsIn,
    IsMissing,
    Numeric,
    Power,
    Truth,
)  # fmt: skip
from jali.wire.statistics import Distinct, Histogram, Mean, Missing, Quantiles, Spread, Sum, Top, ValueCounts

F = TypeVar("F")
T = TypeVar("T")


class Column(Generic[F, T]):
    """A column that stays where it is. Its facts are free; its statistics cost `epsilon=`.

    Every answer is differentially private for the population's privacy unit: exact discrete Gaussian noise on
    integer aggregates of values clamped to the public bounds. The same question again is free within the
    project.

    Example::

        visits["age"].mean(epsilon=0.1)
        visits.quote["age"].hist(bins=20, epsilon=0.2)  # free: the price and the expected noise

    Raises, each of the methods below:
        BoundsUnknown, WrongColumnType, InvalidRequest, NotOffered: found here, before anything is sent.
        GrantRequired, ApprovalRequired, BudgetExhausted, EpsilonTooSmall: the node's word.
    """

    __array_ufunc__ = None
    """numpy leaves operators to this class, rather than looking for values in it."""

    def __init__(self, desk: Desk[F, T], card: dataset.Column, node: ColumnValue | Derived | None = None) -> None:
        self._desk = desk
        self.card = card
        self._node = ColumnValue(name=card.name) if node is None else node

    @property
    def name(self) -> str:
        """The column's name."""
        return self.card.name

    @property
    def derived(self) -> tuple[Derived, ...]:
        """The expression behind a derived column; nothing for a column of the card."""
        return () if isinstance(self._node, ColumnValue) else (self._node,)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The public bounds; values beyond them are clamped. None where the owner declared none."""
        return self.card.bounds

    @property
    def categories(self) -> tuple[str, ...]:
        """The public categories."""
        return self.card.categories

    @property
    def quote(self) -> "Column[Any, Any]":
        """The same questions, answered with their price and expected noise; free."""
        return Column(self._desk.quoting(), self.card, self._node)

    def mean(self, *, epsilon: float | None = None, error: float | None = None) -> F:
        """Release the mean of the present values, and with it how many are present and missing.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        return self._desk.figure(facts.built(Mean, column=self.name), epsilon, error)

    def sum(self, *, epsilon: float | None = None, error: float | None = None) -> F:
        """Release the sum of the present values, and with it how many are present and missing.

        At one price, mean and sum are the same release.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        return self._desk.figure(facts.built(Sum, column=self.name), epsilon, error)

    def std(self, *, epsilon: float | None = None, error: float | None = None) -> F:
        """Release the standard deviation of the present values (their number in the divisor), with mean and counts.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        return self._desk.figure(facts.built(Spread, column=self.name, figure="std"), epsilon, error)

    def var(self, *, epsilon: float | None = None, error: float | None = None) -> F:
        """Release the variance of the present values (their number in the divisor); the same release as `std`.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        return self._desk.figure(facts.built(Spread, column=self.name, figure="var"), epsilon, error)

    def missing(self, *, epsilon: float | None = None, error: float | None = None) -> F:
        """Release the share of rows without a value, and how many have one and have none; any column will do.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        return self._desk.figure(facts.built(Missing, column=self.name), epsilon, error)

    def distinct(self, *, epsilon: float | None = None, error: float | None = None) -> F:
        """Release the number of different values: declared categories, texts, whole numbers, or steps of the lattice.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        return self._desk.figure(facts.built(Distinct, column=self.name), epsilon, error)

    def hist(self, bins: int = 10, *, epsilon: float | None = None, error: float | None = None) -> T:
        """Release the counts in `bins` equal bins over the public bounds, and the count of missing values.

        Args:
            bins: 1 to 512.
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        return self._desk.table(facts.built(Histogram, column=self.name, bins=bins), epsilon, error)

    @overload
    def quantile(self, q: float = 0.5, *, epsilon: float | None = None, error: float | None = None) -> F: ...
    @overload
    def quantile(self, q: Sequence[float], *, epsilon: float | None = None, error: float | None = None) -> T: ...
    def quantile(
        self, q: float | Sequence[float] = 0.5, *, epsilon: float | None = None, error: float | None = None
    ) -> F | T:
        """Release one quantile or several, all from one noised tree of counts: more levels cost nothing more.

        Args:
            q: a share between 0 and 1, or several.
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        if isinstance(q, Iterable):
            levels = tuple(dict.fromkeys(q))
            return self._desk.table(facts.built(Quantiles, column=self.name, levels=levels), epsilon, error)
        return self._desk.figure(facts.built(Quantiles, column=self.name, levels=(q,)), epsilon, error)

    def median(self, *, epsilon: float | None = None, error: float | None = None) -> F:
        """Release the value below which half of the present values lie; the same release as `quantile`.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        return self.quantile(0.5, epsilon=epsilon, error=error)

    def value_counts(self, *, epsilon: float | None = None, error: float | None = None) -> T:
        """Release the count of each public category, and of missing or undeclared values.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        return self._desk.table(facts.built(ValueCounts, column=self.name), epsilon, error)

    def top(self, k: int = 10, *, delta: float, epsilon: float | None = None, error: float | None = None) -> T:
        """Release the most frequent values where no list of values is public, with their counts.

        For columns of text, categories or whole numbers. Values that too few rows have do not show, and how many of
        those there are is not told; what one privacy unit alone has never shows. Another `k` is free.

        Args:
            k: how many values, 1 to 1000.
            delta: the probability, at most, that a value shows because of one privacy unit. It is taken from what the
                owner has set aside for this: a hundredth of the population's delta is a fair start.
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.

        Example::

            visits["drug"].top(k=10, epsilon=0.5, delta=1e-8)
        """
        return self._desk.table(facts.built(Top, column=self.name, k=k, delta=delta), epsilon, error)

    def clip(self, lower: float, upper: float) -> "Column[F, T]":
        """Return the column with values moved into an interval; free. Gives bounds to a column that has none."""
        return self._derived(facts.built(Clip, of=self._number(), lower=lower, upper=upper))

    def cut(self, edges: Sequence[float]) -> "Column[F, T]":
        """Return classes between rising edges, closed on the left, as categories to group by; free."""
        return self._derived(facts.built(Cut, of=self._number(), edges=tuple(float(edge) for edge in edges)))

    def log(self) -> "Column[F, T]":
        """Return the natural logarithm; free. The column's lower bound must be positive."""
        return self._derived(facts.built(Function, op="logarithm", of=self._number()))

    def sqrt(self) -> "Column[F, T]":
        """Return the square root; free. The column's lower bound must not be negative."""
        return self._derived(facts.built(Function, op="square_root", of=self._number()))

    def isin(self, values: Iterable[str | float]) -> Predicate[F, T]:
        """Return whether the value is one of these; free."""
        found = list(values)
        if self._holds_words:
            return Predicate(self._desk, facts.built(IsIn, column=self.name, values=tuple(map(str, found))))
        conditions = [self == value for value in found]
        if not conditions:
            raise errors.InvalidRequest("values: expected at least 1, got 0", field="values")
        joined = conditions[0]
        for condition in conditions[1:]:
            joined = joined | condition
        return joined

    def between(self, lower: float, upper: float) -> Predicate[F, T]:
        """Return whether the value lies between the two, both included; free."""
        return (self >= lower) & (self <= upper)

    def isna(self) -> Predicate[F, T]:
        """Return whether the value is missing: none, of another type than declared, or of no public category; free."""
        if not isinstance(self._node, ColumnValue):
            raise errors.InvalidRequest("isna() is for the card's own columns", field="column")
        return Predicate(self._desk, IsMissing(column=self.name))

    def notna(self) -> Predicate[F, T]:
        """Return whether the value is there; free."""
        return ~self.isna()

    def __add__(self, other: object) -> "Column[F, T]":
        return self._arithmetic("add", self, other)

    def __radd__(self, other: object) -> "Column[F, T]":
        return self._arithmetic("add", other, self)

    def __sub__(self, other: object) -> "Column[F, T]":
        return self._arithmetic("subtract", self, other)

    def __rsub__(self, other: object) -> "Column[F, T]":
        return self._arithmetic("subtract", other, self)

    def __mul__(self, other: object) -> "Column[F, T]":
        return self._arithmetic("multiply", self, other)

    def __rmul__(self, other: object) -> "Column[F, T]":
        return self._arithmetic("multiply", other, self)

    def __truediv__(self, other: object) -> "Column[F, T]":
        return self._arithmetic("divide", self, other)

    def __rtruediv__(self, other: object) -> "Column[F, T]":
        return self._arithmetic("divide", other, self)

    def __pow__(self, exponent: int) -> "Column[F, T]":
        return self._derived(facts.built(Power, of=self._number(), exponent=exponent))

    def __neg__(self) -> "Column[F, T]":
        return self._derived(facts.built(Function, op="negate", of=self._number()))

    def __abs__(self) -> "Column[F, T]":
        return self._derived(facts.built(Function, op="absolute", of=self._number()))

    def abs(self) -> "Column[F, T]":
        """Return the size without its sign; free."""
        return abs(self)

    def __lt__(self, other: object) -> Predicate[F, T]:
        return self._compared("lt", other)

    def __le__(self, other: object) -> Predicate[F, T]:
        return self._compared("le", other)

    def __gt__(self, other: object) -> Predicate[F, T]:
        return self._compared("gt", other)

    def __ge__(self, other: object) -> Predicate[F, T]:
        return self._compared("ge", other)

    def __eq__(self, other: object) -> Predicate[F, T]:  # type: ignore[override]
        if isinstance(other, str):
            return self.isin([other])
        return self._compared("eq", other)

    def __ne__(self, other: object) -> Predicate[F, T]:  # type: ignore[override]
        return ~(self == other)

    __hash__ = object.__hash__

    @property
    def _holds_words(self) -> bool:
        return self.card.type in (ColumnType.CATEGORY, ColumnType.TEXT)

    def _number(self) -> Numeric:
        if self._holds_words or isinstance(self._node, Cut):
            raise errors.WrongColumnType(
                f"{self.name} is of type {self.card.type.value}; a number is needed here. Compare it with isin()",
                field="column",
            )
        return self._node

    def _operand(self, value: object) -> Numeric:
        """Return what stands on one side of an operator."""
        if isinstance(value, Column):
            refuse_another_dataset(self._desk, value._desk)
            return value._number()
        if isinstance(value, Predicate):
            return facts.built(Truth, of=value.node)
        if isinstance(value, numbers.Real):
            return facts.built(Constant, value=float(value))
        raise errors.InvalidRequest(
            f"expected a number or another column of {self._desk.facts.dataset}, got {type(value).__name__}",
            field="selection",
        )

    def _arithmetic(self, op: str, left: object, right: object) -> "Column[F, T]":
        return self._derived(facts.built(Arithmetic, op=op, left=self._operand(left), right=self._operand(right)))

    def _compared(self, op: str, other: object) -> Predicate[F, T]:
        node = facts.built(Compare, op=op, left=self._number(), right=self._operand(other))
        return Predicate(self._desk, node)

    def _derived(self, node: Derived) -> "Column[F, T]":
        return derived_column(self._desk, node)

    def __len__(self) -> NoReturn:
        raise TypeError("the number of rows is private: use count(epsilon=...) of the dataset")

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[NoReturn]:
        raise TypeError("values stay with their owner: use mock() of the dataset for rows of the same form")

    def __repr__(self) -> str:
        return f"{self._desk.facts.dataset}[{self.name!r}]: {self._words()}"

    def _repr_html_(self) -> str:
        title = f"{self._desk.facts.dataset} · {self.name}"
        return markup.card(title, notes=[self._words(), self.card.meaning])

    def _words(self) -> str:
        return ", ".join(part for part in (self.card.type.value, public_range(self.card)) if part)


def derived_column(desk: Desk[F, T], node: Derived) -> Column[F, T]:
    """Return a column computed from others row by row; its bounds follow from theirs.

    Raises:
        UnknownColumn, WrongColumnType, BoundsUnknown, InvalidRequest: it does not fit the card.
    """
    chosen = deriving(desk, node)
    return Column(chosen, chosen.facts.column(expression.text(node)), node)


def public_range(card: dataset.Column) -> str:
    """Return a column's bounds with their unit, or its first categories, in words."""
    if card.bounds is not None:
        return f"{card.bounds[0]:g} to {card.bounds[1]:g} {card.unit}".rstrip()
    shown = ", ".join(card.categories[:6])
    more = f" and {len(card.categories) - 6} more" if len(card.categories) > 6 else ""
    return shown + more or "no public bounds"
