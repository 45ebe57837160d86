"""The total of a column."""

from typing import Literal

from jali.wire.statistics.ask import Ask, ColumnName


class Sum(Ask):
    """The sum of a bounded column over the rows where it is present, values clamped to the public bounds."""

    kind: Literal["sum"] = "sum"
    column: ColumnName

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def describe(self) -> str:
        """Say what is asked."""
        return f"sum of {self.column}"
