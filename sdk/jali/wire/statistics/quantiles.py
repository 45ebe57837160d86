"""The values below which given shares of a column lie."""

from typing import Annotated, Any, Literal

from pydantic import Field

from jali.wire.statistics.ask import Ask, ColumnName

Level = Annotated[float, Field(ge=0, le=1, strict=True)]


class Quantiles(Ask):
    """Quantiles of a bounded column at the given levels (shares between 0 and 1), all from one noised tree of counts.

    More levels cost nothing more.
    """

    kind: Literal["quantiles"] = "quantiles"
    column: ColumnName
    levels: tuple[Level, ...] = Field(default=(0.25, 0.5, 0.75), min_length=1, max_length=101)

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def describe(self) -> str:
        """Say what is asked."""
        return f"quantiles of {self.column} at {', '.join(f'{level:g}' for level in self.levels)}"

    @property
    def measured(self) -> dict[str, Any]:
        """The tree of counts; every level is read off the same one."""
        return self.model_dump(mode="json", exclude={"levels"})
