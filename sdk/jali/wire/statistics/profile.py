"""The whole first look: every column, whatever its type, at one price."""

from typing import Literal

from pydantic import Field

from jali.wire.statistics.ask import Ask, ColumnName

COLUMNS_MAX = 100


class Profile(Ask):
    """A description of each bounded column, the counts of each category, and how much of every column is missing."""

    kind: Literal["profile"] = "profile"
    columns: tuple[ColumnName, ...] = Field(min_length=1, max_length=COLUMNS_MAX)

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    def describe(self) -> str:
        """Say what is asked."""
        return f"profile of {', '.join(self.columns)}"
