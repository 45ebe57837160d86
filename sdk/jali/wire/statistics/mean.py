"""The average of a column."""

from typing import Literal

from jali.wire.statistics.ask import Ask, ColumnName


class Mean(Ask):
    """The mean of a bounded column over the rows where it is present, values clamped to the public bounds."""

    kind: Literal["mean"] = "mean"
    column: ColumnName

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def describe(self) -> str:
        """Say what is asked."""
        return f"mean of {self.column}"
