"""How many different values a column has."""

from typing import ClassVar, Literal

from jali.wire.statistics.ask import Ask, ColumnName


class Distinct(Ask):
    """The number of different values of a column: declared categories, texts, whole numbers, or steps of its lattice.

    Missing values are none. Values beyond public bounds are moved onto them first.
    """

    adds_up: ClassVar[bool] = False

    kind: Literal["distinct"] = "distinct"
    column: ColumnName

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def describe(self) -> str:
        """Say what is asked."""
        return f"distinct values of {self.column}"
