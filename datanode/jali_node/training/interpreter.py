"""A graph run with layers of the node's own: nothing is compiled, looked up by name, or taken from the sender.

Each node of the graph becomes one `torch.nn` layer, held under the node's id, so that parameters bear the graph's names
(`n0.weight`) and Opacus finds the layers that it knows.
"""

import functools
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from jali.wire import graph as wire
from jali.wire.graph import INPUT, Graph, Layer


class Add(nn.Module):
    """The sum of two inputs."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the sum."""
        return first + second


class Interpreted(nn.Module):
    """A model that follows a graph: rows of `graph.features` numbers in, rows of `graph.out_features` out."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        for node in graph.nodes:
            self.add_module(node.id, layer(node))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the output for each row."""
        values = {INPUT: rows}
        for node in self.graph.nodes:
            values[node.id] = self.get_submodule(node.id)(*(values[source] for source in node.inputs))
        return values[self.graph.output]


@functools.singledispatch
def layer(node: Layer) -> nn.Module:
    """Return the layer that computes a node, with weights that are not set yet."""
    raise TypeError(f"no layer computes {type(node).__name__}")


@layer.register
def _(node: wire.Linear) -> nn.Module:
    return nn.Linear(node.in_features, node.out_features, bias=node.bias)


@layer.register
def _(node: wire.LayerNorm) -> nn.Module:
    return nn.LayerNorm(node.features, eps=node.eps)


@layer.register
def _(node: wire.LeakyRelu) -> nn.Module:
    return nn.LeakyReLU(node.slope)


@layer.register
def _(node: wire.Gelu) -> nn.Module:
    return nn.GELU(approximate=node.approximate)


@layer.register
def _(node: wire.Dropout) -> nn.Module:
    return nn.Dropout(node.p)


PLAIN: Mapping[type[Layer], Callable[[], nn.Module]] = {
    wire.Add: Add,
    wire.Relu: nn.ReLU,
    wire.Sigmoid: nn.Sigmoid,
    wire.Silu: nn.SiLU,
    wire.Tanh: nn.Tanh,
}
"""The layers without settings."""


@layer.register(wire.Add)
@layer.register(wire.Relu)
@layer.register(wire.Sigmoid)
@layer.register(wire.Silu)
@layer.register(wire.Tanh)
def _(node: Layer) -> nn.Module:
    return PLAIN[type(node)]()


def outline(graph: Graph) -> Interpreted:
    """Return the model on the `meta` device: every shape, no memory."""
    with torch.device("meta"):
        return Interpreted(graph)


def interpret(graph: Graph, tensors: Mapping[str, Tensor]) -> Interpreted:
    """Return the model with these weights, in training mode.

    Args:
        graph: what to build.
        tensors: a tensor for each of `graph.parameters`, as `weights.read` returns them.
    """
    model = outline(graph)
    model.load_state_dict(dict(tensors), strict=True, assign=True)
    return model
