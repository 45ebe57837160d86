"""How often each public category occurs."""

from typing import Literal

from jali.wire.statistics.ask import Ask, ColumnName


class ValueCounts(Ask):
    """Row counts of a category column's public categories, and the count of missing or undeclared values."""

    kind: Literal["value_counts"] = "value_counts"
    column: ColumnName

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def describe(self) -> str:
        """Say what is asked."""
        return f"value counts of {self.column}"
