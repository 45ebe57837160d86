"""How a column's values spread over equal bins."""

from typing import Literal

from pydantic import Field

from jali.wire.statistics.ask import Ask, ColumnName

BINS_MAX = 512


class Histogram(Ask):
    """Row counts in bins of equal width over the public bounds, and the count of missing values.

    Bins are closed on the left; the last one is closed on both sides. Values beyond the bounds count in the outer
    bins.
    """

    kind: Literal["histogram"] = "histogram"
    column: ColumnName
    bins: int = Field(default=10, ge=1, le=BINS_MAX, strict=True)

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def describe(self) -> str:
        """Say what is asked."""
        return f"histogram of {self.column} in {self.bins} bins"
