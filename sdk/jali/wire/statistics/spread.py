"""How far a column's values lie apart."""

from typing import Any, Literal

from jali.wire.statistics.ask import Ask, ColumnName

_WORDS = {"std": "standard deviation", "var": "variance"}


class Spread(Ask):
    """The standard deviation or the variance of a bounded column's present values, clamped to the public bounds.

    Of the rows themselves: their number stands in the divisor. Both come from the same release.
    """

    kind: Literal["spread"] = "spread"
    column: ColumnName
    figure: Literal["std", "var"] = "std"

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def describe(self) -> str:
        """Say what is asked."""
        return f"{_WORDS[self.figure]} of {self.column}"

    @property
    def measured(self) -> dict[str, Any]:
        """Count, sum and squares; either figure is computed from them."""
        return self.model_dump(mode="json", exclude={"figure"})
