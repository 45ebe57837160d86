"""Layers that make one number of several of the same record."""

import math
from typing import Annotated, Literal

from pydantic import Field

from jali.wire.layers.base import Layer, Place, Shape, Size
from jali.wire.layers.learned import FORMS, Kernel, Padding, windows

Kernels = Annotated[tuple[Kernel, ...], Field(min_length=1, max_length=2)]
Paddings = Annotated[tuple[Padding, ...], Field(min_length=1, max_length=2)]
Sizes = Annotated[tuple[Size, ...], Field(min_length=1, max_length=2)]


class _Pool(Layer):
    """A window that moves along the last dimensions of one record, (channels, ...)."""

    kernel: Kernels
    stride: Kernels
    padding: Paddings

    def shape(self, *shapes: Shape) -> Shape:
        """Return the channels, and the windows that fit along each dimension."""
        if not len(self.kernel) == len(self.stride) == len(self.padding):
            raise self.unfit("expected kernel, stride and padding with one number for each dimension")
        self.ranked(
            shapes[0], 1 + len(self.kernel), "(channels, length)" if len(self.kernel) == 1 else "(channels, h, w)"
        )
        for size, pad in zip(self.kernel, self.padding, strict=True):
            if 2 * pad > size:
                raise self.unfit(f"expected padding <= {size // 2}, half the kernel, got {pad}")
        return (shapes[0][0], *windows(self, shapes[0][1:], self.kernel, self.stride, self.padding))

    def flops(self, *shapes: Shape) -> int:
        """Count one operation for each number of each window."""
        return math.prod((*self.shape(*shapes), *self.kernel))

    def settings(self) -> str:
        """Say the window, and how it moves."""
        words = [f"kernel {'x'.join(map(str, self.kernel))}", f"stride {'x'.join(map(str, self.stride))}"]
        return ", ".join([*words, f"padding {'x'.join(map(str, self.padding))}"] if any(self.padding) else words)


class MaxPool(_Pool):
    """The largest number of each window. Separable: a window lies within one channel of one record."""

    kind: Literal["max_pool"] = "max_pool"


class AvgPool(_Pool):
    """The mean of each window, zeros beyond the edge included. Separable: a window lies within one record's channel."""

    kind: Literal["avg_pool"] = "avg_pool"


class AdaptiveAvgPool(Layer):
    """Means over as many even parts of the last dimensions as `size` says. Separable: parts lie within one record."""

    kind: Literal["adaptive_avg_pool"] = "adaptive_avg_pool"
    size: Sizes

    def shape(self, *shapes: Shape) -> Shape:
        """Return (channels, *size)."""
        self.ranked(shapes[0], 1 + len(self.size), FORMS[len(self.size)])
        return (shapes[0][0], *self.size)

    def flops(self, *shapes: Shape) -> int:
        """Count one operation for each number, and for each mean."""
        return math.prod(shapes[0]) + 2 * math.prod(self.shape(*shapes))

    def settings(self) -> str:
        """Say into how many parts."""
        return f"to {'x'.join(map(str, self.size))}"


class Mean(Layer):
    """The mean along one dimension of one record, which then is gone. Separable: the batch has no number here."""

    kind: Literal["mean"] = "mean"
    dim: Place

    def shape(self, *shapes: Shape) -> Shape:
        """Return the shape without that dimension."""
        self.dimension(self.dim, shapes[0])
        if len(shapes[0]) < 2:
            raise self.unfit(f"expected {self.inputs[0]} of at least 2 dimensions, got 1")
        return (*shapes[0][: self.dim], *shapes[0][self.dim + 1 :])

    def flops(self, *shapes: Shape) -> int:
        """Count an addition for each number."""
        return math.prod(shapes[0])

    def settings(self) -> str:
        """Say along which dimension."""
        return f"along dimension {self.dim}"
