"""What may be asked of rows: how many there are, sums of their lattice codes, and distinct values, by public groups."""

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

    @property
    def columns(self) -> tuple[Column, ...]:
        """What is read."""
        return (self.column,)


@dataclass(frozen=True)
class Categories:
    """A column's public categories in the card's order; one code more stands for missing or undeclared."""

    column: Column

    @property
    def size(self) -> int:
        """How many codes there are."""
        return len(self.column.categories) + 1

    @property
    def columns(self) -> tuple[Column, ...]:
        """What is read."""
        return (self.column,)


@dataclass(frozen=True)
class Presence:
    """0 where a column has a value, 1 where it is missing."""

    column: Column
    size: int = 2

    @property
    def columns(self) -> tuple[Column, ...]:
        """What is read."""
        return (self.column,)


@dataclass(frozen=True)
class AllPresent:
    """0 where each of several columns has a value, 1 where one is missing."""

    columns: tuple[Column, ...]
    size: int = 2


Group = AllPresent | Bins | Categories | Presence


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

    @property
    def columns(self) -> tuple[Column, ...]:
        """What is read."""
        return (self.column,)


@dataclass(frozen=True)
class Product:
    """The product of two columns' lattice codes; 0 where one is missing."""

    left: Column
    right: Column

    @property
    def largest(self) -> int:
        """The largest size of one row's term: its sensitivity in a sum."""
        return Lattice.of(self.left).steps * Lattice.of(self.right).steps

    @property
    def columns(self) -> tuple[Column, ...]:
        """What is read."""
        return (self.left, self.right)


@dataclass(frozen=True)
class Distinct:
    """How many different values a column has, missing ones left out. No sum: those of several groups do not add up."""

    column: Column

    @property
    def columns(self) -> tuple[Column, ...]:
        """What is read."""
        return (self.column,)


Term = Distinct | Power | Product


@dataclass(frozen=True)
class Tally:
    """For every combination of groups: the number of rows, then the sum of each term over them."""

    groups: tuple[Group, ...] = ()
    terms: tuple[Term, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The result's shape: (1 + terms, size of each group)."""
        return (1 + len(self.terms), *(group.size for group in self.groups))

    @property
    def columns(self) -> tuple[Column, ...]:
        """What is read, each column once."""
        return tuple(dict.fromkeys(column for part in (*self.groups, *self.terms) for column in part.columns))


@dataclass(frozen=True)
class KeyCounts:
    """How many rows each value of a column has, where no list of values is public; missing ones are left out.

    Which values there are is private, like their counts. Those with `above` rows or fewer are left out.
    """

    column: Column
    above: int = 0

    @property
    def columns(self) -> tuple[Column, ...]:
        """What is read."""
        return (self.column,)


Asked = KeyCounts | Tally
