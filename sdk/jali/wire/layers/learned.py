"""Layers with weights. A weight is shared by all records and computed from none of them."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from jali.wire.layers.base import Layer, Shape, Size, written

FORMS = ("", "(channels, length)", "(channels, height, width)")
"""What a window of so many dimensions moves over."""
KERNEL_MAX = 64
SEQUENCE_MAX = 512
"""An LSTM takes at most so many steps."""
Eps = Annotated[float, Field(ge=1e-8, le=1, strict=True)]
Kernel = Annotated[int, Field(ge=1, le=KERNEL_MAX, strict=True)]
Padding = Annotated[int, Field(ge=0, le=KERNEL_MAX, strict=True)]


class Linear(Layer):
    """Weighted sums over the last dimension: `x @ weight.T + bias`.

    Separable: each output is a sum over one record's own numbers.
    """

    kind: Literal["linear"] = "linear"
    in_features: Size
    out_features: Size
    bias: bool = Field(default=True, strict=True)

    @property
    def parameters(self) -> dict[str, Shape]:
        """The weight, and the bias if there is one."""
        shapes: dict[str, Shape] = {"weight": (self.out_features, self.in_features)}
        return {**shapes, "bias": (self.out_features,)} if self.bias else shapes

    def shape(self, *shapes: Shape) -> Shape:
        """Return the shape with `out_features` at its end."""
        self.fitting("in_features", self.in_features, shapes[0][-1])
        return (*shapes[0][:-1], self.out_features)

    def flops(self, *shapes: Shape) -> int:
        """Count a multiplication and an addition for each weight, at each place."""
        times = math.prod(shapes[0][:-1])
        return times * (2 * self.in_features * self.out_features + (self.out_features if self.bias else 0))

    def values(self, *shapes: Shape) -> int:
        """Count what enters and leaves; over a plain row no weight is written out, over a longer one each is."""
        entered_and_left = math.prod(shapes[0]) + math.prod(self.shape(*shapes))
        return entered_and_left + (self.parameter_count if len(shapes[0]) > 1 else 0)

    def settings(self) -> str:
        """Say both widths."""
        return f"{self.in_features} -> {self.out_features}{'' if self.bias else ', no bias'}"


class _Conv(Layer):
    """Weighted sums over a window that moves along one record's last dimensions."""

    in_channels: Size
    out_channels: Size
    groups: Size = 1
    bias: bool = Field(default=True, strict=True)

    def _sizes(self) -> tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]:
        """Return kernel, stride, padding and dilation, one number a dimension each."""
        raise NotImplementedError

    @property
    def parameters(self) -> dict[str, Shape]:
        """The weight, and the bias if there is one."""
        weight = (self.out_channels, self.in_channels // self.groups, *self._sizes()[0])
        return {"weight": weight, "bias": (self.out_channels,)} if self.bias else {"weight": weight}

    def shape(self, *shapes: Shape) -> Shape:
        """Return (out_channels, the windows that fit along each dimension)."""
        sizes = self._sizes()
        self.ranked(shapes[0], 1 + len(sizes[0]), FORMS[len(sizes[0])])
        self.fitting("in_channels", self.in_channels, shapes[0][0], "channels")
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise self.unfit(
                f"expected channels that {self.groups} groups divide, got {self.in_channels} and {self.out_channels}"
            )
        return (self.out_channels, *windows(self, shapes[0][1:], *sizes))

    def flops(self, *shapes: Shape) -> int:
        """Count a multiplication and an addition for each weight, at each window."""
        return 2 * self.parameter_count * math.prod(self.shape(*shapes)[1:])

    def values(self, *shapes: Shape) -> int:
        """Count the windows written out side by side, as the gradient for each record takes them."""
        out = self.shape(*shapes)
        return math.prod(out) + self.parameter_count + self.in_channels * math.prod((*self._sizes()[0], *out[1:]))

    def settings(self) -> str:
        """Say channels, window, and how it moves."""
        kernel, stride, padding, dilation = self._sizes()
        words = [f"{self.in_channels} -> {self.out_channels}", f"kernel {_by(kernel)}"]
        usual = (("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1))
        words += [f"{name} {_by(sizes)}" for name, sizes, normal in usual if any(size != normal for size in sizes)]
        words += [f"{self.groups} groups"] if self.groups > 1 else []
        return ", ".join(words + ([] if self.bias else ["no bias"]))


class Conv1d(_Conv):
    """Weighted sums over a window that moves along one record, (channels, length).

    Separable: the window moves along the record's last dimension and sees nothing beyond it but zeros.
    """

    kind: Literal["conv1d"] = "conv1d"
    kernel: tuple[Kernel]
    stride: tuple[Kernel] = (1,)
    padding: tuple[Padding] = (0,)
    dilation: tuple[Kernel] = (1,)

    def _sizes(self) -> tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]:
        return self.kernel, self.stride, self.padding, self.dilation


class Conv2d(_Conv):
    """Weighted sums over a window that moves over one record, (channels, height, width).

    Separable: the window moves over the record's last two dimensions and sees nothing beyond them but zeros.
    """

    kind: Literal["conv2d"] = "conv2d"
    kernel: tuple[Kernel, Kernel]
    stride: tuple[Kernel, Kernel] = (1, 1)
    padding: tuple[Padding, Padding] = (0, 0)
    dilation: tuple[Kernel, Kernel] = (1, 1)

    def _sizes(self) -> tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]:
        return self.kernel, self.stride, self.padding, self.dilation


class Embedding(Layer):
    """A learned vector for each of a column's ids; an id beyond the list counts as the nearest one in it.

    It reads columns as they are, never what was computed. Separable: a record's ids choose its own vectors.
    """

    kind: Literal["embedding"] = "embedding"
    num_embeddings: Size
    embedding_dim: Size

    @property
    def parameters(self) -> dict[str, Shape]:
        """One vector for each id."""
        return {"weight": (self.num_embeddings, self.embedding_dim)}

    def shape(self, *shapes: Shape) -> Shape:
        """Return the input's shape with `embedding_dim` behind it."""
        return (*shapes[0], self.embedding_dim)

    def values(self, *shapes: Shape) -> int:
        """Count the vectors that are looked up, and which of them are the same."""
        ids = math.prod(shapes[0])
        return ids * (self.embedding_dim + ids)

    def settings(self) -> str:
        """Say how many ids, and how long the vectors are."""
        return f"{self.num_embeddings} ids -> {self.embedding_dim}"


class LayerNorm(Layer):
    """The last dimension of each record brought to mean 0 and variance 1, then scaled and shifted.

    Separable: mean and variance are of one record's own numbers, in training as at prediction.
    """

    kind: Literal["layer_norm"] = "layer_norm"
    features: Size
    eps: Eps = 1e-5

    @property
    def parameters(self) -> dict[str, Shape]:
        """The scale and the shift of each feature."""
        return {"weight": (self.features,), "bias": (self.features,)}

    def shape(self, *shapes: Shape) -> Shape:
        """Return the input's shape."""
        self.fitting("features", self.features, shapes[0][-1])
        return shapes[0]

    def flops(self, *shapes: Shape) -> int:
        """Count mean, variance, scale and shift as eight for each number."""
        return 8 * math.prod(shapes[0])

    def settings(self) -> str:
        """Say its width and its epsilon."""
        return f"{self.features}, eps {self.eps:g}"


class GroupNorm(Layer):
    """Groups of one record's channels brought to mean 0 and variance 1, then scaled and shifted.

    Separable: mean and variance are of one record's own numbers. A group holds at least two of them, because torch
    refuses smaller ones for a batch of one record alone, and a refusal may not depend on how many records there are.
    """

    kind: Literal["group_norm"] = "group_norm"
    groups: Size
    channels: Size
    eps: Eps = 1e-5

    @property
    def parameters(self) -> dict[str, Shape]:
        """The scale and the shift of each channel."""
        return {"weight": (self.channels,), "bias": (self.channels,)}

    def shape(self, *shapes: Shape) -> Shape:
        """Return the input's shape."""
        self.fitting("channels", self.channels, shapes[0][0], "channels")
        if self.channels % self.groups:
            raise self.unfit(f"expected channels that {self.groups} groups divide, got {self.channels}")
        if math.prod(shapes[0]) // self.groups < 2:
            raise self.unfit(f"expected at least 2 numbers in a group, got 1: {self.groups} of {written(shapes[0])}")
        return shapes[0]

    def flops(self, *shapes: Shape) -> int:
        """Count mean, variance, scale and shift as eight for each number."""
        return 8 * math.prod(shapes[0])

    def settings(self) -> str:
        """Say groups, channels and epsilon."""
        return f"{self.groups} groups of {self.channels} channels, eps {self.eps:g}"


class Lstm(Layer):
    """One long short-term memory layer along one record, (length, input_size), and its output at each step.

    Its gates are `ih` over the input and `hh` over the step before, each for input, forget, cell and output, as torch
    orders them. Separable: it begins at zero for every record and carries its state along that record alone.
    """

    kind: Literal["lstm"] = "lstm"
    input_size: Size
    hidden_size: Size

    @property
    def parameters(self) -> dict[str, Shape]:
        """Weights and biases of the four gates."""
        gates = 4 * self.hidden_size
        return {
            "ih.weight": (gates, self.input_size),
            "ih.bias": (gates,),
            "hh.weight": (gates, self.hidden_size),
            "hh.bias": (gates,),
        }

    def shape(self, *shapes: Shape) -> Shape:
        """Return (length, hidden_size)."""
        self.ranked(shapes[0], 2, "(length, features)")
        self.fitting("input_size", self.input_size, shapes[0][1])
        if shapes[0][0] > SEQUENCE_MAX:
            raise self.unfit(f"expected at most {SEQUENCE_MAX} steps, got {shapes[0][0]}")
        return (shapes[0][0], self.hidden_size)

    def flops(self, *shapes: Shape) -> int:
        """Count a multiplication and an addition for each weight at each step, and the gates."""
        return shapes[0][0] * (2 * self.parameter_count + 16 * self.hidden_size)

    def values(self, *shapes: Shape) -> int:
        """Count the gates and states of each step."""
        return 12 * math.prod(self.shape(*shapes)) + self.parameter_count

    def settings(self) -> str:
        """Say both widths."""
        return f"{self.input_size} -> {self.hidden_size}"


def windows(
    layer: Layer,
    lengths: Shape,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int] | None = None,
) -> Shape:
    """Return how many windows fit along each dimension, or refuse where none does."""
    spread = dilation or [1] * len(kernel)
    fitted = []
    for length, size, step, pad, gap in zip(lengths, kernel, stride, padding, spread, strict=True):
        room = length + 2 * pad - gap * (size - 1) - 1
        if room < 0:
            raise layer.unfit(f"expected a window of at most {length + 2 * pad}, got {gap * (size - 1) + 1}")
        fitted.append(room // step + 1)
    return tuple(fitted)


def _by(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))
