"""How columns move together."""

from typing import Any, Literal

from pydantic import Field

from jali.wire.statistics.ask import Ask, ColumnName

COLUMNS_MAX = 10


class Covariance(Ask):
    """Covariances or correlations of bounded columns, over the rows where all of them are present.

    Values are clamped to the public bounds; the number of rows stands in the divisor. Both matrices come from the same
    release.
    """

    kind: Literal["covariance"] = "covariance"
    columns: tuple[ColumnName, ...] = Field(min_length=2, max_length=COLUMNS_MAX)
    figure: Literal["covariance", "correlation"] = "covariance"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    def describe(self) -> str:
        """Say what is asked."""
        return f"{self.figure}s of {', '.join(self.columns)}"

    @property
    def measured(self) -> dict[str, Any]:
        """Count, sums and products; either matrix is computed from them."""
        return self.model_dump(mode="json", exclude={"figure"})
