"""What passes through a forward pass while it is read: one record's numbers, sizes, and what only looks like them."""

from dataclasses import dataclass

from jali.wire.graph import Shape


@dataclass(frozen=True)
class Flow:
    """The output of a node, and its shape for one record.

    `whole`: cast to integers, as an embedding wants its ids. `lone`: one number a record without a dimension of its
    own, as `x[:, 0]` gives it; in the graph its shape is (1).
    """

    name: str
    shape: Shape
    whole: bool = False
    lone: bool = False

    @property
    def rank(self) -> int:
        """The number of dimensions, the rows' included."""
        return 1 if self.lone else len(self.shape) + 1


@dataclass(frozen=True)
class RowCount:
    """The number of rows, which forward may hand to `view` and use for nothing else."""


@dataclass(frozen=True)
class LastStates:
    """What an LSTM returns beside its outputs: the last step's, one a layer, of which the last layer's is known."""

    last: Flow
    layers: int


@dataclass(frozen=True)
class Untold:
    """A value that does not travel. Making it is harmless, using it is refused."""

    why: str


ROW_COUNT = RowCount()
