"""Conditions on rows, built by comparing columns."""

from typing import Generic, NoReturn, TypeVar

from jali import errors
from jali.eda import facts
from jali.eda.desk import Desk
from jali.wire import expression
from jali.wire.expression import Both, Condition, Derived, Not, Truth
from jali.wire.selection import Selection
from jali.wire.statistics import Mean

F = TypeVar("F")
T = TypeVar("T")


class Predicate(Generic[F, T]):
    """A condition that holds for some rows; which ones stays with their owner.

    It selects rows (`visits[visits.age > 50]`), joins others with `&`, `|` and `~`, and its mean is the share of rows
    that it holds for. A comparison with a missing value is false, as in pandas.

    Example::

        old = (visits.age >= 65) & ~visits.site.isin(["north"])
        visits[old].count(epsilon=0.1)
        old.mean(epsilon=0.1)
    """

    def __init__(self, desk: Desk[F, T], node: Condition) -> None:
        self.desk = desk
        self.node = node

    def __and__(self, other: "Predicate[F, T]") -> "Predicate[F, T]":
        return self._joined("and", other)

    def __or__(self, other: "Predicate[F, T]") -> "Predicate[F, T]":
        return self._joined("or", other)

    def __invert__(self) -> "Predicate[F, T]":
        return Predicate(self.desk, facts.built(Not, of=self.node))

    def mean(self, *, epsilon: float | None = None, error: float | None = None) -> F:
        """Release the share of rows for which the condition holds.

        Args:
            epsilon: the stand-alone price; or
            error: how far the 95 % noise interval may reach to either side.
        """
        truth = facts.built(Truth, of=self.node)
        statistic = facts.built(Mean, column=expression.text(truth))
        return deriving(self.desk, truth).figure(statistic, epsilon, error)

    def _joined(self, op: str, other: object) -> "Predicate[F, T]":
        if not isinstance(other, Predicate):
            raise errors.InvalidRequest(
                f"expected a condition on both sides, got {type(other).__name__}; put brackets around comparisons",
                field="selection",
            )
        refuse_another_dataset(self.desk, other.desk)
        return Predicate(self.desk, facts.built(Both, op=op, left=self.node, right=other.node))

    def __bool__(self) -> NoReturn:
        raise TypeError("which rows a condition holds for is private: join conditions with & | ~, not and, or, not")

    def __repr__(self) -> str:
        return f"{self.desk.facts.dataset} where {expression.text(self.node)}"


def deriving(desk: Desk[F, T], node: Derived) -> Desk[F, T]:
    """Return a desk that knows one derived column more.

    Raises:
        UnknownColumn, WrongColumnType, BoundsUnknown, InvalidRequest: it does not fit the card.
    """
    selection = desk.selection
    known = tuple(known for known in selection.derived if known != node)
    return desk.selecting(facts.built(Selection, where=selection.where, derived=(*known, node)))


def refuse_another_dataset(one: Desk[F, T], other: Desk[F, T]) -> None:
    """Raise NotOffered where two datasets are mixed in one expression."""
    if one.facts.dataset != other.facts.dataset or one.facts.node != other.facts.node:
        raise errors.NotOffered(
            f"{one.facts.dataset} and {other.facts.dataset} are different tables. There are no joins here: ask the "
            "owner for a view that holds both",
            field="selection",
        )
