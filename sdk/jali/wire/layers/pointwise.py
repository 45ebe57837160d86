"""Layers that treat each number by itself, or two numbers at one place. Nothing of another record is at that place."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from jali.wire.layers.base import WEIGHT_MAX, Layer, Shape, written

DROPOUT_MAX = 0.95
Factor = Annotated[float, Field(ge=-WEIGHT_MAX, le=WEIGHT_MAX, strict=True)]


class Relu(Layer):
    """The input where it is positive, else 0. Separable: number by number."""

    kind: Literal["relu"] = "relu"


class LeakyRelu(Layer):
    """The input where it is positive, else `slope` times the input. Separable: number by number."""

    kind: Literal["leaky_relu"] = "leaky_relu"
    slope: float = Field(default=0.01, ge=0, le=1, strict=True)

    def settings(self) -> str:
        """Say the slope."""
        return f"slope {self.slope:g}"


class Elu(Layer):
    """The input where it is positive, else `alpha` times its exponential less 1. Separable: number by number."""

    kind: Literal["elu"] = "elu"
    alpha: float = Field(default=1.0, ge=0, le=10, strict=True)

    def settings(self) -> str:
        """Say alpha."""
        return f"alpha {self.alpha:g}"


class Gelu(Layer):
    """The input times its normal distribution function, or the usual approximation. Separable: number by number."""

    kind: Literal["gelu"] = "gelu"
    approximate: Literal["none", "tanh"] = "none"

    def settings(self) -> str:
        """Say whether it is approximated."""
        return "" if self.approximate == "none" else f"approximated by {self.approximate}"


class Tanh(Layer):
    """The hyperbolic tangent. Separable: number by number."""

    kind: Literal["tanh"] = "tanh"


class Sigmoid(Layer):
    """The logistic function. Separable: number by number."""

    kind: Literal["sigmoid"] = "sigmoid"


class Silu(Layer):
    """The input times its logistic function. Separable: number by number."""

    kind: Literal["silu"] = "silu"


class Softplus(Layer):
    """The logarithm of 1 plus the exponential: positive, as a rate is. Separable: number by number."""

    kind: Literal["softplus"] = "softplus"


class Dropout(Layer):
    """In training each number is 0 with probability `p`, and scaled up otherwise; at prediction nothing happens.

    The chance is the node's, fresh in every round; a graph holds no seed. Separable: a number is dropped or kept
    whatever the other records are.
    """

    kind: Literal["dropout"] = "dropout"
    p: float = Field(default=0.5, ge=0, le=DROPOUT_MAX, strict=True)

    def settings(self) -> str:
        """Say the probability."""
        return f"p {self.p:g}"


class Scale(Layer):
    """The input times a constant. Separable: number by number."""

    kind: Literal["scale"] = "scale"
    factor: Factor

    def settings(self) -> str:
        """Say the factor."""
        return f"by {self.factor:g}"


class _Pair(Layer):
    """Two inputs of one shape, number by number; nothing is broadcast."""

    fan_in: ClassVar[int] = 2

    def shape(self, *shapes: Shape) -> Shape:
        """Return the one shape."""
        if shapes[0] != shapes[1]:
            first, second = self.inputs
            widths = (written(shape) if len(shape) > 1 else str(shape[0]) for shape in shapes)
            said = "widths" if len(shapes[0]) == len(shapes[1]) == 1 else "shapes"
            raise self.unfit(f"the inputs' {said} differ: {first} has {next(widths)}, {second} {next(widths)}")
        return shapes[0]


class Add(_Pair):
    """The sum of two inputs of one shape: a residual connection. Separable: two numbers of one record."""

    kind: Literal["add"] = "add"


class Multiply(_Pair):
    """The product of two inputs of one shape: a gate. Separable: two numbers of one record."""

    kind: Literal["multiply"] = "multiply"
