"""A statistic for each combination of public categories."""

from typing import Annotated, Any, Literal

from pydantic import Field

from jali.wire.statistics.ask import Ask, ColumnName
from jali.wire.statistics.count import Count
from jali.wire.statistics.mean import Mean
from jali.wire.statistics.quantiles import Quantiles
from jali.wire.statistics.sum import Sum

GROUPS_MAX = 10_000
TREES_MAX = 100
"""Each group's quantiles take a tree of counts of its own."""


class GroupBy(Ask):
    """A count, mean, sum or quantiles for every combination of the keys' public categories.

    All combinations are answered, occupied or not, so the answer's shape says nothing. Rows with a missing or
    undeclared key are left out.
    """

    kind: Literal["group_by"] = "group_by"
    keys: tuple[ColumnName, ...] = Field(min_length=1, max_length=4)
    of: Annotated[Count | Mean | Quantiles | Sum, Field(discriminator="kind")]

    @property
    def reads(self) -> tuple[str, ...]:
        """The keys, then what is computed within them."""
        return (*self.keys, *self.of.reads)

    @property
    def groups_max(self) -> int:
        """How many groups may be asked for."""
        return TREES_MAX if isinstance(self.of, Quantiles) else GROUPS_MAX

    def describe(self) -> str:
        """Say what is asked."""
        return f"{self.of.describe()} by {' and '.join(self.keys)}"

    @property
    def measured(self) -> dict[str, Any]:
        """The groups, and what is measured within them."""
        return self.model_dump(mode="json") | {"of": self.of.measured}
