"""A portable graph as an ordinary module again."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from jali.wire.graph import INPUT, Graph, Layer


class Replica(nn.Module):
    """The model that a graph describes, its layers named after the graph's nodes.

    Args:
        graph: the model's layers.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        for node in graph.nodes:
            if node.kind != "add":
                self.add_module(node.id, layer(node))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the output for each row, (rows, `graph.out_features`) for (rows, `graph.features`)."""
        values = {INPUT: rows}
        for node in self.graph.nodes:
            inputs = [values[source] for source in node.inputs]
            values[node.id] = inputs[0] + inputs[1] if node.kind == "add" else self.get_submodule(node.id)(*inputs)
        return values[self.graph.output]


def layer(node: Layer) -> nn.Module:
    """Return the `torch.nn` layer of a node."""
    settings: dict[str, Any] = node.model_dump(exclude={"id", "kind", "inputs"})
    return LAYERS[getattr(node, "kind", "")](*settings.values())


LAYERS: dict[str, Callable[..., nn.Module]] = {
    "dropout": nn.Dropout,
    "gelu": lambda approximate: nn.GELU(approximate=approximate),
    "layer_norm": nn.LayerNorm,
    "leaky_relu": nn.LeakyReLU,
    "linear": nn.Linear,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
