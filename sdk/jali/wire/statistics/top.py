"""The most frequent values of a column that has no public list of them."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from jali.wire.statistics.ask import Ask, ColumnName

K_MAX = 1000
DELTA_LEAST, DELTA_MOST = 1e-15, 1e-3

Delta = Annotated[float, Field(ge=DELTA_LEAST, le=DELTA_MOST, strict=True)]


class Top(Ask):
    """The `k` most frequent values of a column of text, categories or integers, with their row counts.

    Only values show whose noised count reaches a threshold that follows from the price and `delta`; how many others
    there are is not told, and missing values are left out. `delta` bounds the probability that a value shows because
    of one privacy unit; it is taken from what the owner has set aside for this. All values that show belong to one
    release, so another `k` costs nothing.
    """

    adds_up: ClassVar[bool] = False
    """A value that one node withholds has an unknown count there."""

    kind: Literal["top"] = "top"
    column: ColumnName
    k: int = Field(default=10, ge=1, le=K_MAX, strict=True)
    delta: Delta

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def measurement(self) -> str:
        """The name that a release has its values under: the same for every `k`."""
        return f"keys:{self.column}:{self.delta!r}"

    def describe(self) -> str:
        """Say what is asked."""
        return f"{self.k} most frequent values of {self.column} (delta {self.delta:g})"

    @property
    def measured(self) -> dict[str, Any]:
        """The values above the threshold; every `k` is read off the same ones."""
        return self.model_dump(mode="json", exclude={"k"})
