"""The first look at several columns at once."""

from typing import Literal

from pydantic import Field

from jali.wire.statistics.ask import Ask, ColumnName

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


class Describe(Ask):
    """Count, missing count, mean, standard deviation and five quantiles of each given bounded column."""

    kind: Literal["describe"] = "describe"
    columns: tuple[ColumnName, ...] = Field(min_length=1, max_length=50)

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    def describe(self) -> str:
        """Say what is asked."""
        return f"description of {', '.join(self.columns)}"
