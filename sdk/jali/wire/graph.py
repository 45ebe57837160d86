"""A model as data: a list of named layers, each with bounded settings, and which of them feeds which.

There is no code in it and no room for any: a node of the graph is one of the kinds below, and a data node interprets it
with layers of its own. No kind looks across rows, so what a graph computes for a record depends on that record alone.
"""

import math
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from jali.wire.base import Request
from jali.wire.money import digest

NODES_MAX = 200
SIZE_MAX = 8192
PARAMETERS_MAX = 5_000_000
DROPOUT_MAX = 0.95
WEIGHT_MAX = 10_000.0
"""The largest magnitude of a weight that travels."""

INPUT = "input"
"""The name of what enters the graph: one record's features."""

NodeId = Annotated[str, Field(max_length=4, pattern=r"^n(0|[1-9][0-9]{0,2})$")]
Source = Annotated[str, Field(max_length=5, pattern=r"^(input|n(0|[1-9][0-9]{0,2}))$")]
Size = Annotated[int, Field(ge=1, le=SIZE_MAX, strict=True)]
Shape = tuple[int, ...]


class Layer(Request):
    """What every kind has: its own name, and the names of what it reads.

    A layer without settings or parameters takes one input of any width and keeps it, one operation for each number.
    """

    fan_in: ClassVar[int] = 1

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

    def width(self, *widths: int) -> int:
        """Return the output's width, or raise ValueError if inputs of these widths do not fit."""
        return widths[0]

    def flops(self, width: int) -> int:
        """Return the additions and multiplications for one row, given the output's width."""
        return width

    def settings(self) -> str:
        """Say how it is set, in a few words."""
        return ""


class Linear(Layer):
    """Weighted sums of the input: `x @ weight.T + bias`."""

    kind: Literal["linear"] = "linear"
    in_features: Size
    out_features: Size
    bias: bool = Field(default=True, strict=True)

    @property
    def parameters(self) -> dict[str, Shape]:
        """The weight, and the bias if there is one."""
        shapes: dict[str, Shape] = {"weight": (self.out_features, self.in_features)}
        return {**shapes, "bias": (self.out_features,)} if self.bias else shapes

    def width(self, *widths: int) -> int:
        """Return `out_features`."""
        return _fitting(self, "in_features", self.in_features, widths[0], self.out_features)

    def flops(self, width: int) -> int:
        """Count a multiplication and an addition for each weight."""
        return 2 * self.in_features * self.out_features + (self.out_features if self.bias else 0)

    def settings(self) -> str:
        """Say both widths."""
        return f"{self.in_features} -> {self.out_features}{'' if self.bias else ', no bias'}"


class LayerNorm(Layer):
    """Each record brought to mean 0 and variance 1 over its own features, then scaled and shifted."""

    kind: Literal["layer_norm"] = "layer_norm"
    features: Size
    eps: float = Field(default=1e-5, ge=1e-8, le=1, strict=True)

    @property
    def parameters(self) -> dict[str, Shape]:
        """The scale and the shift of each feature."""
        return {"weight": (self.features,), "bias": (self.features,)}

    def width(self, *widths: int) -> int:
        """Return `features`."""
        return _fitting(self, "features", self.features, widths[0], self.features)

    def flops(self, width: int) -> int:
        """Count mean, variance, scale and shift as eight for each feature."""
        return 8 * self.features

    def settings(self) -> str:
        """Say its width and its epsilon."""
        return f"{self.features}, eps {self.eps:g}"


class Relu(Layer):
    """The input where it is positive, else 0."""

    kind: Literal["relu"] = "relu"


class LeakyRelu(Layer):
    """The input where it is positive, else `slope` times the input."""

    kind: Literal["leaky_relu"] = "leaky_relu"
    slope: float = Field(default=0.01, ge=0, le=1, strict=True)

    def settings(self) -> str:
        """Say the slope."""
        return f"slope {self.slope:g}"


class Gelu(Layer):
    """The input times the normal distribution function of it, exactly or by its usual approximation."""

    kind: Literal["gelu"] = "gelu"
    approximate: Literal["none", "tanh"] = "none"

    def settings(self) -> str:
        """Say whether it is approximated."""
        return "" if self.approximate == "none" else f"approximated by {self.approximate}"


class Tanh(Layer):
    """The hyperbolic tangent."""

    kind: Literal["tanh"] = "tanh"


class Sigmoid(Layer):
    """The logistic function."""

    kind: Literal["sigmoid"] = "sigmoid"


class Silu(Layer):
    """The input times its logistic function."""

    kind: Literal["silu"] = "silu"


class Dropout(Layer):
    """In training each number is 0 with probability `p`, and scaled up otherwise; at prediction nothing happens."""

    kind: Literal["dropout"] = "dropout"
    p: float = Field(default=0.5, ge=0, le=DROPOUT_MAX, strict=True)

    def settings(self) -> str:
        """Say the probability."""
        return f"p {self.p:g}"


class Add(Layer):
    """The sum of two inputs of one width: a residual connection."""

    fan_in: ClassVar[int] = 2

    kind: Literal["add"] = "add"

    def width(self, *widths: int) -> int:
        """Return the one width."""
        if widths[0] != widths[1]:
            first, second = self.inputs
            raise ValueError(f"{self.title}: the inputs' widths differ: {first} has {widths[0]}, {second} {widths[1]}")
        return widths[0]


KINDS = (Add, Dropout, Gelu, LayerNorm, LeakyRelu, Linear, Relu, Sigmoid, Silu, Tanh)
Node = Annotated[
    Add | Dropout | Gelu | LayerNorm | LeakyRelu | Linear | Relu | Sigmoid | Silu | Tanh, Field(discriminator="kind")
]


class Graph(Request):
    """A model: how many features enter, its layers in an order in which each reads earlier ones, and which one leaves.

    >>> graph = Graph.model_validate({"features": 3, "nodes": [
    ...     {"id": "n0", "kind": "linear", "inputs": ["input"], "in_features": 3, "out_features": 2},
    ...     {"id": "n1", "kind": "tanh", "inputs": ["n0"]}], "output": "n1"})
    >>> graph.parameters, graph.parameter_count, graph.out_features
    ({'n0.weight': (2, 3), 'n0.bias': (2,)}, 8, 2)
    """

    features: Size
    nodes: tuple[Node, ...] = Field(min_length=1, max_length=NODES_MAX)
    output: NodeId

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        _refuse_loose_ends(self.nodes, self.output)
        _ = self.widths
        if self.parameter_count < 1:
            raise ValueError("expected at least 1 parameter to learn, got 0: a linear layer has some")
        if self.parameter_count > PARAMETERS_MAX:
            raise ValueError(f"expected at most {PARAMETERS_MAX:,} parameters, got {self.parameter_count:,}")
        return self

    @property
    def widths(self) -> dict[str, int]:
        """How many numbers for one row leave each node, and enter the graph."""
        widths = {INPUT: self.features}
        for node in self.nodes:
            widths[node.id] = node.width(*(widths[source] for source in node.inputs))
        return widths

    @property
    def out_features(self) -> int:
        """How many numbers the model answers for one row."""
        return self.widths[self.output]

    @property
    def parameters(self) -> dict[str, Shape]:
        """The shape of every tensor that is learned, by the name under which weights carry it."""
        return {f"{node.id}.{name}": shape for node in self.nodes for name, shape in node.parameters.items()}

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned."""
        return sum(node.parameter_count for node in self.nodes)

    @property
    def flops_per_row(self) -> int:
        """About how many floating-point operations one row takes, forward."""
        widths = self.widths
        return sum(node.flops(widths[node.id]) for node in self.nodes)

    @property
    def digest(self) -> str:
        """The same for the same graph, whatever its weights."""
        return digest(self.model_dump(mode="json"))

    def describe(self) -> list[str]:
        """Say in lines what a reviewer decides about: what enters, each layer, what leaves."""
        lines = [f"{INPUT}: {self.features:,} features"]
        for node in self.nodes:
            words = [f"{node.id}: {node.kind.replace('_', ' ')}", node.settings(), f"of {' and '.join(node.inputs)}"]
            count = f", {node.parameter_count:,} parameters" if node.parameter_count else ""
            lines.append(" ".join(word for word in words if word) + count)
        lines.append(
            f"output: {self.output}, {self.out_features:,} for each row; {self.parameter_count:,} parameters in all, "
            f"{self.flops_per_row:,} operations a row"
        )
        return lines


def _fitting(layer: Layer, setting: str, declared: int, got: int, width: int) -> int:
    """Return the layer's width if the input has the one that it declares."""
    if declared != got:
        raise ValueError(f"{layer.title}: expected {setting} = {got}, the width of {layer.inputs[0]}, got {declared}")
    return width


def _refuse_loose_ends(nodes: tuple[Node, ...], output: str) -> None:
    """Raise ValueError unless each node reads what came before it and leads, through others, to the output."""
    position = {node.id: at for at, node in reversed(list(enumerate(nodes)))}
    for at, node in enumerate(nodes):
        if position[node.id] != at:
            raise ValueError(f"{node.id}: node {at} has the id of node {position[node.id]}; ids are used once")
        if len(node.inputs) != node.fan_in:
            raise ValueError(f"{node.title}: expected {node.fan_in} input(s), got {len(node.inputs)}")
        for source in node.inputs:
            if source != INPUT and source not in position:
                raise ValueError(f"{node.title}: reads {source}, which is not in the graph")
            if source != INPUT and position[source] >= at:
                raise ValueError(f"{node.title}: node {at} reads {source}, node {position[source]}: not an earlier one")
    if output not in position:
        raise ValueError(f"output: {output} is not in the graph")
    needed = {output}
    for node in reversed(nodes):
        if node.id not in needed:
            raise ValueError(f"{node.title}: nothing reads it, and the output is {output}")
        needed.update(node.inputs)
