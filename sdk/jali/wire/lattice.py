"""What the integers of a release mean: a column's public range, divided into whole steps.

Sums of doubles depend on the order of the rows, which breaks their sensitivity (Casacuberta et al. 2022), so a node
sums integers only: each value's `code` 2k - steps, where k = 0 is the lower bound and k = steps the upper one. Codes
lie within +-steps and are centred, so that one row moves their sum by at most `steps`.
"""

from dataclasses import dataclass

from jali.wire.dataset import Column, ColumnType

STEPS_MAX = 20 * 2**12
"""Steps of a number column: a rounding of at most 1/163840 of the range, and a multiple of many bin counts."""


@dataclass(frozen=True)
class Lattice:
    """A bounded column's range in `steps` equal steps. Whole numbers of at most `STEPS_MAX` values lose nothing."""

    lower: float
    upper: float
    steps: int
    whole: bool

    @classmethod
    def of(cls, column: Column) -> "Lattice":
        """Return the lattice of a bounded column; it follows from the public facts alone.

        >>> Lattice.of(Column(name="age", type="integer", lower=0, upper=110)).steps
        110

        Raises:
            ValueError: the column has no bounds.
        """
        if column.bounds is None:
            raise ValueError(f"column {column.name} has no bounds")
        lower, upper = column.bounds
        whole = column.type is ColumnType.INTEGER
        span = upper - lower
        return cls(lower, upper, int(span) if whole and span <= STEPS_MAX else STEPS_MAX, whole)

    def value(self, code: float) -> float:
        """Return the column value of a (mean) code.

        >>> Lattice(0.0, 10.0, 10, True).value(0)
        5.0
        """
        return self.lower + (self.upper - self.lower) * (code / self.steps + 1) / 2

    @property
    def width_of_code(self) -> float:
        """How far the column value moves when the code moves by 1."""
        return (self.upper - self.lower) / (2 * self.steps)
