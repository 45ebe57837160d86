"""A model as data: a list of named layers, each with bounded settings, and which of them feeds which.

There is no code in it and no room for any: a node of the graph is one of the kinds in `jali.wire.layers`, and a data
node interprets it with layers of its own. No kind looks across rows, so what a graph computes for a record depends on
that record alone.
"""

import math
from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from jali.wire.base import Request
from jali.wire.layers import KINDS, Node
from jali.wire.layers.base import SIZE_MAX, WEIGHT_MAX, Layer, NodeId, Shape, Size, fault, written
from jali.wire.layers.learned import Embedding
from jali.wire.layers.shaping import Reshape, Slice
from jali.wire.money import digest

__all__ = [
    "INPUT", "KINDS", "NODES_MAX", "OPERATIONS_MAX", "PARAMETERS_MAX", "SIZE_MAX", "VALUES_MAX", "WEIGHT_MAX", "Graph",
    "Layer", "Node", "Shape",
]  # fmt: skip

NODES_MAX = 200
PARAMETERS_MAX = 5_000_000
VALUES_MAX = 20_000_000
"""How many numbers one record may take while its gradient is computed."""
OPERATIONS_MAX = 1_000_000_000
"""How many operations one record may take, forward."""

INPUT = "input"
"""The name of what enters the graph: one record's features."""


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
        leaves = self.shapes[self.output]
        if len(leaves) != 1:
            raise fault("output_shape", f"output: expected {self.output} of one dimension, got {written(leaves)}")
        if self.parameter_count < 1:
            raise fault("no_parameters", "expected at least 1 parameter to learn, got 0: a linear layer has some")
        for code, what, most, got in (
            ("too_many_parameters", "parameters", PARAMETERS_MAX, self.parameter_count),
            ("too_many_values", "numbers held for a row", VALUES_MAX, self.values_per_row),
            ("too_many_operations", "operations a row", OPERATIONS_MAX, self.flops_per_row),
        ):
            if got > most:
                raise fault(code, f"expected at most {most:,} {what}, got {got:,}")
        _ = self.ids
        return self

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """The shape, for one row, of what leaves each node and enters the graph."""
        shapes: dict[str, Shape] = {INPUT: (self.features,)}
        for node in self.nodes:
            shapes[node.id] = node.shape(*(shapes[source] for source in node.inputs))
        return shapes

    @property
    def out_features(self) -> int:
        """How many numbers the model answers for one row."""
        return self.shapes[self.output][0]

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
        return sum(node.flops(*self._read(node)) for node in self.nodes)

    @property
    def values_per_row(self) -> int:
        """About how many numbers one row takes while its gradient is computed."""
        return sum(node.values(*self._read(node)) for node in self.nodes)

    @cached_property
    def ids(self) -> dict[int, int]:
        """Which features an embedding reads, by their place, and how many ids it knows."""
        ids: dict[int, int] = {}
        if not any(isinstance(node, Embedding) for node in self.nodes):
            return ids
        places: dict[str, list[int] | None] = {INPUT: list(range(self.features))}
        for node in self.nodes:
            read = places[node.inputs[0]]
            if isinstance(node, Embedding):
                if read is None:
                    raise fault(
                        "ids_computed", f"{node.title}: reads {node.inputs[0]}, which is computed; not a column"
                    )
                for place in read:
                    ids[place] = min(node.num_embeddings, ids.get(place, node.num_embeddings))
            places[node.id] = _passed_on(node, read, self.shapes[node.inputs[0]])
        return ids

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

    def _read(self, node: Layer) -> list[Shape]:
        return [self.shapes[source] for source in node.inputs]


def _passed_on(node: Layer, places: list[int] | None, shape: Shape) -> list[int] | None:
    """Return which features a node hands on untouched, or None where it computes."""
    if places is None or isinstance(node, Reshape):
        return places
    if not isinstance(node, Slice):
        return None
    inner = math.prod(shape[node.dim + 1 :])
    block = inner * shape[node.dim]
    return [
        place
        for start in range(0, len(places), block)
        for place in places[start + node.start * inner : start + node.stop * inner]
    ]


def _refuse_loose_ends(nodes: tuple[Node, ...], output: str) -> None:
    """Raise unless each node reads what came before it and leads, through others, to the output."""
    position = {node.id: at for at, node in reversed(list(enumerate(nodes)))}
    for at, node in enumerate(nodes):
        if position[node.id] != at:
            raise fault(
                "id_repeated", f"{node.id}: node {at} has the id of node {position[node.id]}; ids are used once"
            )
        _refuse_number_of_inputs(node)
        for source in node.inputs:
            if source != INPUT and source not in position:
                raise fault("source_unknown", f"{node.title}: reads {source}, which is not in the graph")
            if source != INPUT and position[source] >= at:
                raise fault(
                    "source_not_earlier",
                    f"{node.title}: node {at} reads {source}, node {position[source]}: not an earlier one",
                )
    if output not in position:
        raise fault("output_unknown", f"output: {output} is not in the graph")
    needed = {output}
    for node in reversed(nodes):
        if node.id not in needed:
            raise fault("loose_end", f"{node.title}: nothing reads it, and the output is {output}")
        needed.update(node.inputs)


def _refuse_number_of_inputs(node: Layer) -> None:
    most = max(node.fan_in, node.fan_in_max)
    if not node.fan_in <= len(node.inputs) <= most:
        wanted = f"{node.fan_in}" if most == node.fan_in else f"{node.fan_in} to {most}"
        raise fault("inputs_number", f"{node.title}: expected {wanted} input(s), got {len(node.inputs)}")
