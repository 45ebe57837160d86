"""A statistic for each combination of public categories."""

from typing import Annotated, Literal

from pydantic import Field

from jali.wire.statistics.ask import Ask, ColumnName
from jali.wire.statistics.count import Count
from jali.wire.statistics.mean import Mean

GROUPS_MAX = 10_000


class GroupBy(Ask):
    """A count or a mean for every combination of the keys' public categories.

    All combinations are answered, occupied or not, so the answer's shape says nothing. Rows with a missing or
    undeclared key are left out.
    """

    kind: Literal["group_by"] = "group_by"
    keys: tuple[ColumnName, ...] = Field(min_length=1, max_length=4)
    of: Annotated[Count | Mean, Field(discriminator="kind")]

    @property
    def reads(self) -> tuple[str, ...]:
        """The keys, then what is computed within them."""
        return (*self.keys, *self.of.reads)

    def describe(self) -> str:
        """Say what is asked."""
        return f"{self.of.describe()} by {' and '.join(self.keys)}"
