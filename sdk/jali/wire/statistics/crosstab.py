"""How often the categories of two columns occur together."""

from typing import Literal

from pydantic import Field

from jali.wire.statistics.ask import Ask, ColumnName


class Crosstab(Ask):
    """Row counts of every combination of two columns' public categories, missing or undeclared values among them.

    All combinations are answered, occupied or not, so the answer's shape says nothing.
    """

    kind: Literal["crosstab"] = "crosstab"
    keys: tuple[ColumnName, ...] = Field(min_length=2, max_length=2)

    @property
    def reads(self) -> tuple[str, ...]:
        """The two columns."""
        return self.keys

    def describe(self) -> str:
        """Say what is asked."""
        return f"table of {' by '.join(self.keys)}"
