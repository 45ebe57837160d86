"""A portable graph as an ordinary module again."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from jali.wire import layers as wire
from jali.wire.graph import INPUT, Graph, Layer


class Lstm(nn.Module):
    """One layer of an LSTM along each row, from zero."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.ih, self.hh = nn.Linear(input_size, 4 * hidden_size), nn.Linear(hidden_size, 4 * hidden_size)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the output at each step."""
        hidden = cell = rows.new_zeros(rows.shape[0], self.hh.in_features)
        outputs = []
        for step in rows.unbind(1):
            enter, forget, new, leave = (self.ih(step) + self.hh(hidden)).chunk(4, 1)
            cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
            hidden = leave.sigmoid() * cell.tanh()
            outputs.append(hidden)
        return torch.stack(outputs, 1)


class Replica(nn.Module):
    """The model that a graph describes, its layers named after the graph's nodes.

    Args:
        graph: the model's layers.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        for node in graph.nodes:
            if type(node) in LAYERS:
                self.add_module(node.id, LAYERS[type(node)](node))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the output for each row, (rows, `graph.out_features`) for (rows, `graph.features`).

        Rows of any other shape, such as images, are taken as their numbers in order.
        """
        values = {INPUT: rows.flatten(1)}
        for node in self.graph.nodes:
            inputs = [values[source] for source in node.inputs]
            own = type(node) in LAYERS
            values[node.id] = self.get_submodule(node.id)(*inputs) if own else arranged(node, inputs)
        return values[self.graph.output]


def arranged(node: Layer, inputs: list[Tensor]) -> Tensor:
    """Return what a node without a layer of torch's gives."""
    rows = inputs[0]
    match node:
        case wire.Add():
            return rows + inputs[1]
        case wire.Multiply():
            return rows * inputs[1]
        case wire.Matmul():
            return rows @ inputs[1]
        case wire.Scale():
            return rows * node.factor
        case wire.Reshape():
            return rows.reshape(rows.shape[0], *node.size)
        case wire.Permute():
            return rows.permute(0, *(dim + 1 for dim in node.dims))
        case wire.Slice():
            return rows.narrow(node.dim + 1, node.start, node.stop - node.start)
        case wire.Cat():
            return torch.cat(inputs, node.dim + 1)
        case wire.Mean():
            return rows.mean(node.dim + 1)
    raise TypeError(f"nothing computes {node.title}")


class Embedding(nn.Embedding):
    """A vector for each id; what is none, or beyond the list, counts as the nearest."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the vectors."""
        last = float(self.num_embeddings - 1)
        return super().forward(torch.nan_to_num(input, nan=0.0, posinf=last, neginf=0.0).clamp(0.0, last).long())


def _conv(kind: type[nn.Conv1d] | type[nn.Conv2d]) -> Callable[[Any], nn.Module]:
    names = ("stride", "padding", "dilation", "groups", "bias")
    return lambda node: kind(
        node.in_channels, node.out_channels, node.kernel, **{name: getattr(node, name) for name in names}
    )


def _pool(kinds: tuple[type[nn.Module], type[nn.Module]]) -> Callable[[Any], nn.Module]:
    return lambda node: kinds[len(node.kernel) - 1](node.kernel, node.stride, node.padding)


LAYERS: dict[type[Layer], Callable[[Any], nn.Module]] = {
    wire.AdaptiveAvgPool: lambda node: (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)[len(node.size) - 1](node.size),
    wire.AvgPool: _pool((nn.AvgPool1d, nn.AvgPool2d)),
    wire.Conv1d: _conv(nn.Conv1d),
    wire.Conv2d: _conv(nn.Conv2d),
    wire.Dropout: lambda node: nn.Dropout(node.p),
    wire.Elu: lambda node: nn.ELU(node.alpha),
    wire.Embedding: lambda node: Embedding(node.num_embeddings, node.embedding_dim),
    wire.Gelu: lambda node: nn.GELU(approximate=node.approximate),
    wire.GroupNorm: lambda node: nn.GroupNorm(node.groups, node.channels, eps=node.eps),
    wire.LayerNorm: lambda node: nn.LayerNorm(node.features, eps=node.eps),
    wire.LeakyRelu: lambda node: nn.LeakyReLU(node.slope),
    wire.Linear: lambda node: nn.Linear(node.in_features, node.out_features, bias=node.bias),
    wire.Lstm: lambda node: Lstm(node.input_size, node.hidden_size),
    wire.MaxPool: _pool((nn.MaxPool1d, nn.MaxPool2d)),
    wire.Relu: lambda node: nn.ReLU(),
    wire.Sigmoid: lambda node: nn.Sigmoid(),
    wire.Silu: lambda node: nn.SiLU(),
    wire.Softmax: lambda node: nn.Softmax(node.dim + 1),
    wire.Softplus: lambda node: nn.Softplus(),
    wire.Tanh: lambda node: nn.Tanh(),
}
