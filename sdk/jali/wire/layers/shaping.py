"""Layers that arrange one record's numbers anew, and products of two arrangements of it."""

import math
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from jali.wire.layers.base import RANK_MAX, Layer, Place, Shape, Size, fault, written

CAT_MAX = 64


class Reshape(Layer):
    """One record's numbers, in their order, in another shape. Separable: the batch is no part of the shape."""

    kind: Literal["reshape"] = "reshape"
    size: Annotated[tuple[Size, ...], Field(min_length=1, max_length=RANK_MAX)]

    def shape(self, *shapes: Shape) -> Shape:
        """Return `size`."""
        if math.prod(self.size) != math.prod(shapes[0]):
            raise self.unfit(
                f"expected a size of {math.prod(shapes[0]):,} numbers, as {self.inputs[0]} has {written(shapes[0])}, "
                f"got {written(self.size)}"
            )
        return self.size

    def settings(self) -> str:
        """Say the new shape."""
        return f"to {written(self.size)}"


class Permute(Layer):
    """One record's dimensions in another order. Separable: the batch is none of them."""

    kind: Literal["permute"] = "permute"
    dims: Annotated[tuple[Place, ...], Field(min_length=2, max_length=RANK_MAX)]

    @model_validator(mode="after")
    def _is_an_order(self) -> Self:
        if sorted(self.dims) != list(range(len(self.dims))):
            raise fault("dims_repeated", f"{self.title}: expected each dimension once, got {written(self.dims)}")
        return self

    def shape(self, *shapes: Shape) -> Shape:
        """Return the sizes in the new order."""
        self.ranked(shapes[0], len(self.dims), f"of {len(self.dims)} dimensions")
        return tuple(shapes[0][dim] for dim in self.dims)

    def settings(self) -> str:
        """Say the order."""
        return written(self.dims)


class Slice(Layer):
    """Neighbouring places along one dimension of one record. Separable: records cannot be picked, only their parts."""

    kind: Literal["slice"] = "slice"
    dim: Place
    start: int = Field(ge=0, lt=10**7, strict=True)
    stop: int = Field(ge=1, le=10**7, strict=True)

    def shape(self, *shapes: Shape) -> Shape:
        """Return the shape with fewer places."""
        self.dimension(self.dim, shapes[0])
        if not self.start < self.stop <= shapes[0][self.dim]:
            raise self.unfit(f"expected start < stop <= {shapes[0][self.dim]}, got {self.start} and {self.stop}")
        return (*shapes[0][: self.dim], self.stop - self.start, *shapes[0][self.dim + 1 :])

    def settings(self) -> str:
        """Say which places."""
        return f"{self.start} to {self.stop} of dimension {self.dim}"


class Cat(Layer):
    """Inputs side by side along one dimension of one record. Separable: each record gets its own parts."""

    fan_in: ClassVar[int] = 2
    fan_in_max: ClassVar[int] = CAT_MAX

    kind: Literal["cat"] = "cat"
    dim: Place

    def shape(self, *shapes: Shape) -> Shape:
        """Return the shape with the inputs' places added up."""
        self.dimension(self.dim, shapes[0])
        rest = [(*shape[: self.dim], *shape[self.dim + 1 :]) for shape in shapes]
        if any(len(shape) != len(shapes[0]) for shape in shapes) or any(other != rest[0] for other in rest):
            shown = " and ".join(written(shape) for shape in dict.fromkeys(shapes))
            raise self.unfit(f"expected shapes that differ in dimension {self.dim} alone, got {shown}")
        return (*shapes[0][: self.dim], sum(shape[self.dim] for shape in shapes), *shapes[0][self.dim + 1 :])

    def settings(self) -> str:
        """Say along which dimension."""
        return f"along dimension {self.dim}"


class Matmul(Layer):
    """The matrix product of two inputs' last two dimensions, as attention takes it.

    Separable: both matrices are the record's own, and dimensions before them are matched one to one.
    """

    fan_in: ClassVar[int] = 2

    kind: Literal["matmul"] = "matmul"

    def shape(self, *shapes: Shape) -> Shape:
        """Return (..., rows of the first, columns of the second)."""
        first, second = shapes
        if len(first) != len(second) or len(first) < 2 or first[:-2] != second[:-2] or first[-1] != second[-2]:
            raise self.unfit(
                f"expected shapes (..., a, b) and (..., b, c) with the same dimensions before, got {written(first)} "
                f"and {written(second)}"
            )
        return (*first[:-1], second[-1])

    def flops(self, *shapes: Shape) -> int:
        """Count a multiplication and an addition for each pair."""
        return 2 * math.prod(shapes[0]) * shapes[1][-1]


class Softmax(Layer):
    """Exponentials along one dimension of one record, over their sum. Separable: the batch has no number here."""

    kind: Literal["softmax"] = "softmax"
    dim: Place

    def shape(self, *shapes: Shape) -> Shape:
        """Return the input's shape."""
        self.dimension(self.dim, shapes[0])
        return shapes[0]

    def flops(self, *shapes: Shape) -> int:
        """Count maximum, difference, exponential, sum and division."""
        return 5 * math.prod(shapes[0])

    def settings(self) -> str:
        """Say along which dimension."""
        return f"along dimension {self.dim}"
