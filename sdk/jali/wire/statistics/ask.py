"""What every statistic says about itself."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from jali.wire.base import Request

ColumnName = Annotated[str, Field(min_length=1, max_length=2000)]
"""A column of the card, or a derived one by its text."""


class Ask(Request):
    """One statistic as it may be asked. Subclasses add `kind` and their parameters."""

    adds_up: ClassVar[bool] = True
    """Whether the measurements of disjoint rows add up to those of all of them, so that nodes can be combined."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that the answer is computed from."""
        raise NotImplementedError

    def describe(self) -> str:
        """Say in a few words what is asked; owners read this, and so do ledgers."""
        raise NotImplementedError

    @property
    def measured(self) -> dict[str, Any]:
        """What is measured, without what is only computed from it afterwards: equal means the same release serves."""
        return self.model_dump(mode="json")
