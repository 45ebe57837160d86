"""A graph run with layers of the node's own: nothing is compiled, looked up by name, or taken from the sender.

Each node of the graph becomes one layer, held under the node's id, so that parameters bear the graph's names
(`n0.weight`) and Opacus finds the layers that it knows.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from jali.wire import layers as wire
from jali.wire.graph import INPUT, Graph, Layer
from jali_node.training import layers


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
        for node in self.graph.nodes:  # ids have no dots, so each names a layer of this module's own
            values[node.id] = self._modules[node.id](*[values[source] for source in node.inputs])  # type: ignore[misc]
        return values[self.graph.output]


def layer(node: Layer) -> nn.Module:
    """Return the layer that computes a node, with weights that are not set yet."""
    build = LAYERS.get(type(node))
    if build is None:
        raise TypeError(f"no layer computes {type(node).__name__}")
    return build(node)


def _conv(kind: type[nn.Conv1d] | type[nn.Conv2d]) -> Callable[[Any], nn.Module]:
    return lambda node: kind(
        node.in_channels,
        node.out_channels,
        node.kernel,
        stride=node.stride,
        padding=node.padding,
        dilation=node.dilation,
        groups=node.groups,
        bias=node.bias,
    )


def _pool(kinds: tuple[type[nn.Module], type[nn.Module]]) -> Callable[[Any], nn.Module]:
    return lambda node: kinds[len(node.kernel) - 1](node.kernel, stride=node.stride, padding=node.padding)


LAYERS: Mapping[type[Layer], Callable[[Any], nn.Module]] = {
    wire.AdaptiveAvgPool: lambda node: (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)[len(node.size) - 1](node.size),
    wire.Add: lambda node: layers.Add(),
    wire.AvgPool: _pool((nn.AvgPool1d, nn.AvgPool2d)),
    wire.Cat: lambda node: layers.Cat(node.dim),
    wire.Conv1d: _conv(nn.Conv1d),
    wire.Conv2d: _conv(nn.Conv2d),
    wire.Dropout: lambda node: nn.Dropout(node.p),
    wire.Elu: lambda node: nn.ELU(node.alpha),
    wire.Embedding: lambda node: layers.Embedding(node.num_embeddings, node.embedding_dim),
    wire.Gelu: lambda node: nn.GELU(approximate=node.approximate),
    wire.GroupNorm: lambda node: nn.GroupNorm(node.groups, node.channels, eps=node.eps),
    wire.LayerNorm: lambda node: nn.LayerNorm(node.features, eps=node.eps),
    wire.LeakyRelu: lambda node: nn.LeakyReLU(node.slope),
    wire.Linear: lambda node: nn.Linear(node.in_features, node.out_features, bias=node.bias),
    wire.Lstm: lambda node: layers.Lstm(node.input_size, node.hidden_size),
    wire.Matmul: lambda node: layers.Matmul(),
    wire.MaxPool: _pool((nn.MaxPool1d, layers.MaxPool2d)),
    wire.Mean: lambda node: layers.Mean(node.dim),
    wire.Multiply: lambda node: layers.Multiply(),
    wire.Permute: lambda node: layers.Permute(node.dims),
    wire.Relu: lambda node: nn.ReLU(),
    wire.Reshape: lambda node: layers.Reshape(node.size),
    wire.Scale: lambda node: layers.Scale(node.factor),
    wire.Sigmoid: lambda node: nn.Sigmoid(),
    wire.Silu: lambda node: nn.SiLU(),
    wire.Slice: lambda node: layers.Slice(node.dim, node.start, node.stop),
    wire.Softmax: lambda node: nn.Softmax(dim=node.dim + 1),
    wire.Softplus: lambda node: nn.Softplus(),
    wire.Tanh: lambda node: nn.Tanh(),
}
"""The layer of each kind."""


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
