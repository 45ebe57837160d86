"""How much of a column is missing."""

from typing import Literal

from jali.wire.statistics.ask import Ask, ColumnName


class Missing(Ask):
    """The share of rows without a value of the column's declared type, and how many have one and have none.

    Any column will do; a category that the card does not declare counts as missing.
    """

    kind: Literal["missing"] = "missing"
    column: ColumnName

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def describe(self) -> str:
        """Say what is asked."""
        return f"share of missing values of {self.column}"
