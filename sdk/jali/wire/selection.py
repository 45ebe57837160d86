"""Which rows a question is about, and the columns that it derives from theirs."""

from typing import Self

from pydantic import Field, model_validator

from jali.wire import expression, interval
from jali.wire.base import Request
from jali.wire.dataset import Column
from jali.wire.expression import Condition, Derived
from jali.wire.money import digest


class Selection(Request):
    """Rows where a condition holds, and derived columns, each known by its text.

    Neither reads anything but the row itself, so a selection changes no sensitivity (a stable transformation:
    McSherry 2009).
    """

    where: Condition | None = None
    derived: tuple[Derived, ...] = Field(default=(), max_length=50)

    @model_validator(mode="after")
    def _not_too_large(self) -> Self:
        for node in (*self.derived, *([self.where] if self.where else [])):
            expression.refuse_if_too_large(node)
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        """The card's columns that the condition reads."""
        return expression.reads(self.where) if self.where else ()

    @property
    def digest(self) -> str:
        """The same for the same rows. Derived columns need no part in it: statistics name them by their text."""
        return digest(expression.text(self.where) if self.where else None)

    def behind(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the card's columns that columns of these names, derived or not, and the condition read."""
        derived = {expression.text(node): expression.reads(node) for node in self.derived}
        found = [name for column in names for name in derived.get(column, (column,))]
        return tuple(dict.fromkeys([*found, *self.reads]))

    def columns(self, card: tuple[Column, ...]) -> tuple[Column, ...]:
        """Return the card's columns and the derived ones.

        Raises:
            ExpressionRefused: an expression does not fit the card.
        """
        known = {column.name: column for column in card}
        if self.where is not None:
            interval.check(self.where, known)
        return (*card, *(interval.derived_column(node, known) for node in self.derived))

    def describe(self) -> str:
        """Say which rows, in words; nothing where it is all of them."""
        if self.where is None:
            return ""
        written = expression.text(self.where)
        return f" where {written[1:-1] if written.startswith('(') and written.endswith(')') else written}"

    def reduced(self, names: tuple[str, ...]) -> "Selection":
        """Return the selection with those derived columns only that have one of these names."""
        return self.model_copy(update={"derived": tuple(n for n in self.derived if expression.text(n) in names)})


ALL_ROWS = Selection()
