"""A dataset's public facts, and every refusal that follows from them without asking the node."""

import difflib
import math
import numbers
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from jali import errors
from jali.wire.dataset import Column, ColumnType, Picture
from jali.wire.expression import ExpressionRefused
from jali.wire.money import EPSILON_MAX
from jali.wire.selection import Selection
from jali.wire.statistics import (
    Count,
    Covariance,
    Crosstab,
    Describe,
    Distinct,
    GroupBy,
    Histogram,
    Mean,
    Missing,
    Profile,
    Quantiles,
    Spread,
    Statistic,
    Sum,
    Top,
    ValueCounts,
)  # fmt: skip
from jali.wire.statistics.group_by import GROUPS_MAX

M = TypeVar("M", bound=BaseModel)
ERROR_MAX = 1e300


@dataclass(frozen=True)
class Facts:
    """What is known of a dataset before any budget is spent, and what its node can do."""

    dataset: str
    columns: tuple[Column, ...]
    node: str
    capabilities: frozenset[str]
    pictures: tuple[Picture, ...] = ()

    @property
    def names(self) -> list[str]:
        """The columns' names, in the card's order."""
        return [column.name for column in self.columns]

    @property
    def bounded_names(self) -> list[str]:
        """The names of the columns with public bounds."""
        return [column.name for column in self.columns if column.bounds is not None]

    def column(self, name: str) -> Column:
        """Return a column's facts.

        Raises:
            UnknownColumn: there is none of this name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        for picture in self.pictures:
            if picture.name == name:
                raise errors.WrongColumnType(
                    f"{name} holds {picture.describe()}: no statistic is asked of them; train a model on them with "
                    f"features=[{name!r}]",
                    field="column",
                )
        message = f"{self.dataset} has no column {name!r}{did_you_mean(name, self.names)}"
        raise errors.UnknownColumn(message, field="column")

    def feature(self, name: str) -> Column | Picture:
        """Return the facts of a column that a model may be shown, pictures among them.

        Raises:
            UnknownColumn: there is none of this name.
        """
        return next((picture for picture in self.pictures if picture.name == name), None) or self.column(name)

    def bounded(self, name: str, asked: str) -> Column:
        """Return the facts of a column whose values have public bounds.

        Raises:
            UnknownColumn: there is none of this name.
            WrongColumnType: it holds categories.
            BoundsUnknown: the owner declared no bounds.
        """
        column = self.column(name)
        if column.type is ColumnType.CATEGORY:
            raise errors.WrongColumnType(
                f"{asked} needs a column of numbers, {name} holds categories; use value_counts()",
                field="column",
            )
        if column.type is ColumnType.TEXT:
            raise errors.WrongColumnType(
                f"{asked} needs a column of numbers, {name} holds text; use distinct() or missing()", field="column"
            )
        if column.bounds is None:
            raise errors.BoundsUnknown(
                f"{asked} needs public bounds, {name} has none; ask the owner to declare them", field="column"
            )
        return column

    def categorical(self, name: str, asked: str) -> Column:
        """Return the facts of a category column.

        Raises:
            UnknownColumn: there is none of this name.
            WrongColumnType: it holds numbers.
        """
        column = self.column(name)
        if column.type is not ColumnType.CATEGORY:
            raise errors.WrongColumnType(
                f"{asked} needs a category column, {name} is of type {column.type.value}; use hist()",
                field="column",
            )
        return column

    def named(self, name: str, asked: str) -> Column:
        """Return the facts of a column whose values can be told by name: text, categories, whole numbers.

        Raises:
            UnknownColumn: there is none of this name.
            WrongColumnType: it holds numbers.
        """
        column = self.column(name)
        if column.type is ColumnType.NUMBER:
            raise errors.WrongColumnType(
                f"{asked} needs text, categories or integers, {name} is of type number; use hist()", field="column"
            )
        return column

    def selected(self, selection: Selection) -> "Facts":
        """Return the facts with the selection's derived columns.

        Raises:
            UnknownColumn, WrongColumnType, BoundsUnknown, InvalidRequest: an expression does not fit the card.
        """
        try:
            return replace(self, columns=selection.columns(self.columns))
        except ExpressionRefused as refused:
            raise errors.error_class(refused.code)(refused.detail, field=refused.field) from None

    def check(self, statistic: Statistic) -> None:
        """Raise what the node would refuse, as far as public facts tell."""
        self._check_columns(statistic, statistic.describe())
        if f"statistic:{statistic.kind}" not in self.capabilities:
            raise errors.NotOffered(f"{self.node} does not offer the statistic {statistic.kind}", field="statistic")

    def _check_columns(self, statistic: Statistic, asked: str) -> None:
        match statistic:
            case Count():
                return
            case Missing():
                self.column(statistic.column)
            case Distinct():
                if self.column(statistic.column).type is ColumnType.NUMBER:
                    self.bounded(statistic.column, asked)
            case Top():
                self.named(statistic.column, asked)
            case Mean() | Histogram() | Quantiles() | Spread() | Sum():
                self.bounded(statistic.column, asked)
            case Profile():
                for name in statistic.columns:
                    self.column(name)
            case Covariance() | Describe():
                for name in statistic.columns:
                    self.bounded(name, asked)
            case ValueCounts():
                self.categorical(statistic.column, asked)
            case Crosstab():
                cells = math.prod(len(self.categorical(key, asked).categories) + 1 for key in statistic.keys)
                if cells > GROUPS_MAX:
                    raise errors.InvalidRequest(f"keys: expected at most {GROUPS_MAX} cells, got {cells}", field="keys")
            case GroupBy():
                groups = math.prod(len(self.categorical(key, asked).categories) for key in statistic.keys)
                if groups > statistic.groups_max:
                    raise errors.InvalidRequest(
                        f"keys: expected at most {statistic.groups_max} groups, got {groups}", field="keys"
                    )
                self._check_columns(statistic.of, asked)


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return the end of a sentence that offers the closest name, or all of a few.

    >>> did_you_mean("agee", ["age", "site"])
    "; did you mean 'age'?"
    """
    names = list(known)
    folded = {candidate.lower(): candidate for candidate in names}
    near = difflib.get_close_matches(str(name).lower(), folded, 1)
    if near:
        return f"; did you mean {folded[near[0]]!r}?"
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"; there are {shown}" if names else "; there are none"


@dataclass(frozen=True)
class Price:
    """What an answer may cost: `epsilon`, or whatever keeps its 95 % noise interval within +-`error`."""

    epsilon: float | None = None
    error: float | None = None


def price(epsilon: object, error: object = None) -> Price:
    """Return the price in plain floats.

    Raises:
        InvalidRequest: neither or both are given, or one is not a finite number above 0.
    """
    if (epsilon is None) == (error is None):
        found = "neither" if epsilon is None else "both"
        raise errors.InvalidRequest(
            f"say what the answer may cost with epsilon=, or how exact it has to be with error=; got {found}",
            field="epsilon",
        )
    if error is not None:
        return Price(error=_positive("error", error, ERROR_MAX))
    return Price(epsilon=_positive("epsilon", epsilon, EPSILON_MAX))


def _positive(name: str, value: object, largest: float) -> float:
    expected = f"{name}: expected 0 < {name} <= {largest:g}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise errors.InvalidRequest(f"{expected}, got {type(value).__name__}", field=name)
    number = float(value)
    if not 0 < number <= largest:  # nan compares as False
        raise errors.InvalidRequest(f"{expected}, got {number:g}", field=name)
    return number


def built(model: type[M], **fields: Any) -> M:
    """Return a message of the wire.

    Raises:
        InvalidRequest: an input has the wrong form; names the first.
    """
    try:
        return model(**fields)
    except ValidationError as failure:
        first = failure.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or model.__name__
        message = f"{place}: {first['msg']}, got {str(first['input'])[:80]}"
        raise errors.InvalidRequest(message, field=place) from None
