"""What every kind of layer has, and the one way to say that it does not fit."""

import math
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic_core import PydanticCustomError

from jali.wire.base import Request

SIZE_MAX = 8192
RANK_MAX = 4
"""A record has at most so many dimensions."""
WEIGHT_MAX = 10_000.0
"""The largest magnitude of a weight that travels, and of a constant factor."""

NodeId = Annotated[str, Field(max_length=4, pattern=r"^n(0|[1-9][0-9]{0,2})$")]
Source = Annotated[str, Field(max_length=5, pattern=r"^(input|n(0|[1-9][0-9]{0,2}))$")]
Size = Annotated[int, Field(ge=1, le=SIZE_MAX, strict=True)]
Place = Annotated[int, Field(ge=0, lt=RANK_MAX, strict=True)]
"""A dimension of one record, from 0. The batch has no place."""
Shape = tuple[int, ...]


def fault(code: str, message: str) -> PydanticCustomError:
    """Return the error for a graph that does not hold together; `code` names the reason for programs."""
    return PydanticCustomError(code, "{message}", {"message": message})


class Layer(Request):
    """What every kind has: its own name, and the names of what it reads.

    A layer without settings or parameters takes one input of any shape and keeps it, one operation for each number.
    """

    fan_in: ClassVar[int] = 1
    fan_in_max: ClassVar[int] = 0
    """How many inputs it may take where that is more than `fan_in`."""

    id: NodeId
    inputs: tuple[Source, ...]

    @property
    def title(self) -> str:
        """Name and kind, as messages call it."""
        return f"{self.id} ({getattr(self, 'kind', '')})"

    @property
    def parameters(self) -> dict[str, Shape]:
        """The shapes of what is learned, by name within the layer."""
        return {}

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned."""
        return sum(math.prod(shape) for shape in self.parameters.values())

    def shape(self, *shapes: Shape) -> Shape:
        """Return the shape of one record's output, or raise a `fault` if inputs of these shapes do not fit."""
        return shapes[0]

    def flops(self, *shapes: Shape) -> int:
        """Return the additions and multiplications for one record, given its inputs' shapes."""
        return math.prod(self.shape(*shapes))

    def values(self, *shapes: Shape) -> int:
        """Return about how many numbers one record takes here while its gradient is computed."""
        return math.prod(self.shape(*shapes)) + self.parameter_count

    def settings(self) -> str:
        """Say how it is set, in a few words."""
        return ""

    def unfit(self, message: str) -> PydanticCustomError:
        """Return the error for inputs that do not fit."""
        return fault("shapes_differ", f"{self.title}: {message}")

    def fitting(self, setting: str, declared: int, got: int, what: str = "width") -> None:
        """Refuse unless a declared size is the input's."""
        if declared != got:
            raise self.unfit(f"expected {setting} = {got}, the {what} of {self.inputs[0]}, got {declared}")

    def ranked(self, shape: Shape, rank: int, form: str) -> None:
        """Refuse unless one record has so many dimensions."""
        if len(shape) != rank:
            raise self.unfit(f"expected {self.inputs[0]} of shape {form} for one record, got {written(shape)}")

    def dimension(self, dim: int, shape: Shape) -> None:
        """Refuse a dimension that a record of this shape does not have."""
        if dim >= len(shape):
            raise self.unfit(f"expected dim < {len(shape)}, {self.inputs[0]} has shape {written(shape)}, got {dim}")


def written(shape: Shape) -> str:
    """Write a shape as messages show it.

    >>> written((3, 8)), written((5,))
    ('(3, 8)', '(5)')
    """
    return f"({', '.join(map(str, shape))})"
