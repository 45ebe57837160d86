"""What may be asked of rows: how many there are, and sums of their lattice codes, by public groups."""

from dataclasses import dataclass

from jali.wire.dataset import Column
from jali.wire.lattice import Lattice


@dataclass(frozen=True)
class Bins:
    """Equal bins over a column's public range, numbered from 0; `number` itself stands for missing."""

    column: Column
    number: int

    @property
    def size(self) -> int:
        """How many codes there are."""
        return self.number + 1


@dataclass(frozen=True)
class Categories:
    """A column's public categories in the card's order; one code more stands for missing or undeclared."""

    column: Column

    @property
    def size(self) -> int:
        """How many codes there are."""
        return len(self.column.categories) + 1


@dataclass(frozen=True)
class Presence:
    """0 where a column has a value, 1 where it is missing."""

    column: Column
    size: int = 2


Group = Bins | Categories | Presence


@dataclass(frozen=True)
class Power:
    """A column's lattice code, or its square; 0 where the value is missing."""

    column: Column
    exponent: int = 1

    @property
    def largest(self) -> int:
        """The largest size of one row's term: its sensitivity in a sum."""
        steps = Lattice.of(self.column).steps
        return steps if self.exponent == 1 else steps * steps


@dataclass(frozen=True)
class Tally:
    """For every combination of groups: the number of rows, then the sum of each term over them."""

    groups: tuple[Group, ...] = ()
    terms: tuple[Power, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The result's shape: (1 + terms, size of each group)."""
        return (1 + len(self.terms), *(group.size for group in self.groups))
