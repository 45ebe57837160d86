"""What a model learns to predict, and by which loss. Losses are the node's: a form names one by its target alone."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from jali.wire.base import Request
from jali.wire.dataset import Column, ColumnType
from jali.wire.statistics.ask import ColumnName


class Loss(StrEnum):
    """How far a prediction is off, for one row."""

    LOGISTIC = "logistic"
    """Cross-entropy of one logit."""
    CHOICE = "choice"
    """Cross-entropy of one logit for each class."""
    SQUARED = "squared"
    """Half the squared difference, on the scale of -1 to 1."""
    POISSON = "poisson"
    """Poisson deviance, up to a constant, of the logarithm of a rate."""


class Threshold(Request):
    """A target of two classes: 1 where a column is at or above a public number, 0 below it.

    A row without a value there teaches nothing; it is masked, never left out of a count. The model has one output, the
    logit.
    """

    kind: Literal["threshold"] = "threshold"
    column: ColumnName
    at_least: float = Field(strict=True)

    def describe(self) -> str:
        """Say what is predicted; owners read this, and so do ledgers."""
        return f"{self.column} >= {self.at_least:g}"


class Member(Request):
    """A target of two classes: 1 where a column has one category, 0 where it has another declared one. One output."""

    kind: Literal["member"] = "member"
    column: ColumnName
    category: str = Field(min_length=1, max_length=200)

    def describe(self) -> str:
        """Say what is predicted; owners read this, and so do ledgers."""
        return f"{self.column} = {self.category}"


class Choice(Request):
    """Which of a column's declared categories it is. The model has an output, a logit, for each of them, in order."""

    kind: Literal["choice"] = "choice"
    column: ColumnName

    def describe(self) -> str:
        """Say what is predicted; owners read this, and so do ledgers."""
        return f"which {self.column}"


class Amount(Request):
    """A number, on the scale of -1 to 1 between its bounds. The model has one output, on that scale."""

    kind: Literal["amount"] = "amount"
    column: ColumnName

    def describe(self) -> str:
        """Say what is predicted; owners read this, and so do ledgers."""
        return f"the amount of {self.column}"


class Count(Request):
    """How often something happens, clamped to its bounds. The model has one output, the logarithm of the rate."""

    kind: Literal["count"] = "count"
    column: ColumnName

    def describe(self) -> str:
        """Say what is predicted; owners read this, and so do ledgers."""
        return f"the count of {self.column}"


Aim = Threshold | Member | Choice | Amount | Count


def _tag(value: Any) -> str:
    return str(value.get("kind", "threshold") if isinstance(value, dict) else getattr(value, "kind", None))


Target = Annotated[
    Annotated[Threshold, Tag("threshold")]
    | Annotated[Member, Tag("member")]
    | Annotated[Choice, Tag("choice")]
    | Annotated[Amount, Tag("amount")]
    | Annotated[Count, Tag("count")],
    Discriminator(_tag),
]
LOSSES = {
    "threshold": Loss.LOGISTIC,
    "member": Loss.LOGISTIC,
    "choice": Loss.CHOICE,
    "amount": Loss.SQUARED,
    "count": Loss.POISSON,
}


def loss_of(target: Aim) -> Loss:
    """Return the loss that goes with a target."""
    return LOSSES[target.kind]


def outputs_of(target: Aim, column: Column) -> int:
    """Return how many outputs the model has."""
    return len(column.categories) if isinstance(target, Choice) else 1


def misfit(target: Aim, column: Column) -> str:
    """Say why a column cannot be a target of this kind, or nothing.

    >>> misfit(Choice(column="age"), Column(name="age", type="integer", lower=0, upper=110))
    'column age is of type integer; this target needs a category'
    """
    if isinstance(target, Member | Choice):
        if column.type is not ColumnType.CATEGORY:
            return f"column {column.name} is of type {column.type}; this target needs a category"
        if isinstance(target, Member) and target.category not in column.categories:
            return f"column {column.name} has no category {target.category!r}"
        return ""
    if column.type not in (ColumnType.INTEGER, ColumnType.NUMBER):
        return f"column {column.name} is of type {column.type}; this target needs an integer or a number"
    if column.bounds is None:
        return f"column {column.name} has no public bounds; ask its owner to declare them"
    if isinstance(target, Count) and column.bounds[0] < 0:
        return f"column {column.name} begins at {column.bounds[0]:g}; a count begins at 0 or above"
    return ""


def usual(column: Column, outputs: int) -> Aim:
    """Return what a column is as a target for a model of so many outputs, where only its name is said.

    A category of two and one output: whether it is the last; else which it is. An integer of two values: whether it is
    the upper one. Other integers and numbers: their amount.
    """
    if column.type is ColumnType.CATEGORY:
        if len(column.categories) == 2 and outputs == 1:
            return Member(column=column.name, category=column.categories[-1])
        return Choice(column=column.name)
    if column.type is ColumnType.INTEGER and column.bounds is not None and column.bounds[1] - column.bounds[0] == 1:
        return Threshold(column=column.name, at_least=column.bounds[1])
    return Amount(column=column.name)
