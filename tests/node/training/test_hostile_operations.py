"""Graphs of convolutions, embeddings, attention and the like as they may arrive: each refused by its code and field."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.node.training.models import MODELS

from jali.training.graph import trace
from jali.wire.graph import Graph
from jali_node.errors import GraphRefused
from jali_node.training import graph_check, interpreter, weights

Node = dict[str, Any]


def conv(**changes: Any) -> Node:
    return {"kind": "conv2d", "in_channels": 1, "out_channels": 2, "kernel": [3, 3], **changes}


def pool(**changes: Any) -> Node:
    return {"kind": "max_pool", "kernel": [2, 2], "stride": [2, 2], "padding": [0, 0], **changes}


def reshape(*size: Any) -> Node:
    return {"kind": "reshape", "size": list(size)}


def chain(*nodes: Node, features: int = 16) -> dict[str, Any]:
    """Return a graph in which each node reads the one before it, unless it says otherwise."""
    named = [{"id": f"n{at}", "inputs": [f"n{at - 1}" if at else "input"], **node} for at, node in enumerate(nodes)]
    return {"features": features, "nodes": named, "output": f"n{len(nodes) - 1}"}


def linear(wide: int, out: int = 1) -> Node:
    return {"kind": "linear", "in_features": wide, "out_features": out}


SQUARE, LONG = reshape(1, 4, 4), reshape(4, 4)
FIRST = ("nodes", 0)
THEN = ("nodes", 1)
IDS = {"kind": "embedding", "num_embeddings": 5, "embedding_dim": 2}
TWO = {"inputs": ["n0", "n0"]}

# What is asked for, the code of the reason, and where: () for what concerns nodes together.
HOSTILE: dict[str, tuple[dict[str, Any], str, tuple[Any, ...]]] = {
    "a view that folds the batch": (chain(reshape(-1, 8)), "greater_than_equal", (*FIRST, "reshape", "size", 0)),
    "a view with the batch in it": (chain(reshape(2, 16)), "shapes_differ", ()),
    "a view that drops numbers": (chain(reshape(8)), "shapes_differ", ()),
    "a view of nothing": (chain(reshape()), "too_short", (*FIRST, "reshape", "size")),
    "a view of five dimensions": (chain(reshape(2, 2, 2, 2, 1)), "too_long", (*FIRST, "reshape", "size")),
    "a view whose size overflows": (chain(reshape(8192, 8192, 8192, 8192)), "shapes_differ", ()),
    "a view that is a fraction": (chain(reshape(4.0, 4)), "int_type", (*FIRST, "reshape", "size", 0)),
    "the batch permuted": (chain(LONG, {"kind": "permute", "dims": [-1, 0]}), "greater_than_equal",
                           (*THEN, "permute", "dims", 0)),
    "the batch permuted by number": (chain(LONG, {"kind": "permute", "dims": [0, 1, 2]}), "shapes_differ", ()),
    "a dimension twice": (chain(LONG, {"kind": "permute", "dims": [1, 1]}), "dims_repeated", (*THEN, "permute")),
    "a dimension that is not there": (chain(LONG, {"kind": "permute", "dims": [0, 2]}), "dims_repeated",
                                      (*THEN, "permute")),
    "softmax over the batch": (chain({"kind": "softmax", "dim": -1}), "greater_than_equal", (*FIRST, "softmax", "dim")),
    "softmax over a dimension too far": (chain({"kind": "softmax", "dim": 1}), "shapes_differ", ()),
    "softmax over all": (chain({"kind": "softmax", "dim": None}), "int_type", (*FIRST, "softmax", "dim")),
    "the mean over the batch": (chain(LONG, {"kind": "mean", "dim": -2}), "greater_than_equal", (*THEN, "mean", "dim")),
    "the mean over all": (chain({"kind": "mean", "dim": 0}), "shapes_differ", ()),
    "rows picked": (chain({"kind": "slice", "dim": -1, "start": 0, "stop": 1}), "greater_than_equal",
                    (*FIRST, "slice", "dim")),
    "a slice backwards": (chain({"kind": "slice", "dim": 0, "start": 5, "stop": 3}), "shapes_differ", ()),
    "a slice beyond the end": (chain({"kind": "slice", "dim": 0, "start": 0, "stop": 17}), "shapes_differ", ()),
    "a slice from the end": (chain({"kind": "slice", "dim": 0, "start": -1, "stop": 1}), "greater_than_equal",
                             (*FIRST, "slice", "start")),
    "a slice with a step": (chain({"kind": "slice", "dim": 0, "start": 0, "stop": 2, "step": -1}), "extra_forbidden",
                            (*FIRST, "slice", "step")),
    "rows joined": (chain(LONG, {"kind": "cat", "dim": -1, **TWO}), "greater_than_equal", (*THEN, "cat", "dim")),
    "one thing joined": (chain(LONG, {"kind": "cat", "dim": 0}), "inputs_number", ()),
    "unlike things joined": (chain(LONG, {"kind": "cat", "dim": 0, "inputs": ["n0", "input"]}), "shapes_differ", ()),
    "a thousand things joined": (chain({"kind": "cat", "dim": 0, "inputs": ["input"] * 1000}), "inputs_number", ()),
    "rows times rows": (chain({"kind": "matmul", "inputs": ["input", "input"]}), "shapes_differ", ()),
    "matrices that do not fit": (chain(reshape(2, 8), {"kind": "matmul", **TWO}), "shapes_differ", ()),
    "a product that broadcasts": (
        chain(reshape(1, 4, 4), {"kind": "reshape", "size": [4, 4], "inputs": ["input"]},
              {"kind": "matmul", "inputs": ["n0", "n1"]}), "shapes_differ", ()),
    "a sum that broadcasts": (
        chain(LONG, {"kind": "reshape", "size": [1, 16], "inputs": ["input"]}, {"kind": "add", "inputs": ["n0", "n1"]}),
        "shapes_differ", ()),
    "a gate that broadcasts": (chain(linear(16), {"kind": "multiply", "inputs": ["n0", "input"]}), "shapes_differ", ()),
    "a huge factor": (chain({"kind": "scale", "factor": 1e30}), "less_than_equal", (*FIRST, "scale", "factor")),
    "a factor that is infinite": (chain({"kind": "scale", "factor": float("inf")}), "finite_number",
                                  (*FIRST, "scale", "factor")),
    "a factor that is not a number": (chain({"kind": "scale", "factor": float("nan")}), "finite_number",
                                      (*FIRST, "scale", "factor")),
    "a factor that is text": (chain({"kind": "scale", "factor": "2"}), "float_type", (*FIRST, "scale", "factor")),
    "an alpha that is infinite": (chain({"kind": "elu", "alpha": float("inf")}), "finite_number",
                                  (*FIRST, "elu", "alpha")),
    "a window over plain rows": (chain(conv()), "shapes_differ", ()),
    "a window larger than the picture": (chain(SQUARE, conv(kernel=[5, 5])), "shapes_differ", ()),
    "a huge window": (chain(SQUARE, conv(kernel=[65, 1])), "less_than_equal", (*THEN, "conv2d", "kernel", 0)),
    "a window of one dimension": (chain(SQUARE, conv(kernel=[3])), "missing", (*THEN, "conv2d", "kernel", 1)),
    "a window of three": (chain(SQUARE, conv(kernel=[3, 3, 3])), "too_long", (*THEN, "conv2d", "kernel")),
    "an empty window": (chain(SQUARE, conv(kernel=[0, 3])), "greater_than_equal", (*THEN, "conv2d", "kernel", 0)),
    "a step of zero": (chain(SQUARE, conv(stride=[0, 1])), "greater_than_equal", (*THEN, "conv2d", "stride", 0)),
    "padding below zero": (chain(SQUARE, conv(padding=[-1, 0])), "greater_than_equal",
                           (*THEN, "conv2d", "padding", 0)),
    "endless padding": (chain(SQUARE, conv(padding=[10**9, 0])), "less_than_equal", (*THEN, "conv2d", "padding", 0)),
    "circular padding": (chain(SQUARE, conv(padding_mode="circular")), "extra_forbidden",
                         (*THEN, "conv2d", "padding_mode")),
    "the batch as channels": (chain(SQUARE, conv(in_channels=2)), "shapes_differ", ()),
    "groups that do not divide": (chain(SQUARE, conv(groups=2)), "shapes_differ", ()),
    "a convolution too wide": (chain(SQUARE, conv(out_channels=9000)), "less_than_equal",
                               (*THEN, "conv2d", "out_channels")),
    "a step of a transposed one": (chain(SQUARE, conv(kind="conv_transpose2d")), "union_tag_invalid", THEN),
    "too many operations": (
        chain(reshape(1, 90, 90), conv(out_channels=256, kernel=[1, 1]),
              conv(in_channels=256, out_channels=256, kernel=[3, 1]), {"kind": "adaptive_avg_pool", "size": [1, 1]},
              reshape(256), features=8100), "too_many_operations", ()),
    "too many numbers for a row": (
        chain(reshape(1, 64, 64), conv(out_channels=4000, kernel=[1, 1]), conv(in_channels=4000, out_channels=1,
              kernel=[1, 1]), reshape(4096), features=4096), "too_many_values", ()),
    "a pooling over plain rows": (chain(pool()), "shapes_differ", ()),
    "a pooling padded beyond half": (chain(SQUARE, pool(padding=[2, 0])), "shapes_differ", ()),
    "a pooling of mixed dimensions": (chain(SQUARE, pool(stride=[2])), "shapes_differ", ()),
    "a pooling of three dimensions": (chain(SQUARE, pool(kernel=[1, 1, 1])), "too_long", (*THEN, "max_pool", "kernel")),
    "a pooling to nothing": (chain(SQUARE, {"kind": "adaptive_avg_pool", "size": [0, 1]}), "greater_than_equal",
                             (*THEN, "adaptive_avg_pool", "size", 0)),
    "a pooling to plenty": (chain(SQUARE, {"kind": "adaptive_avg_pool", "size": [8192, 8192]}, reshape(8192)),
                            "shapes_differ", ()),
    "batch norm": (chain(SQUARE, {"kind": "batch_norm", "features": 1}), "union_tag_invalid", THEN),
    "groups of one number, refused for one record alone": (
        chain(linear(16, 4), {"kind": "group_norm", "groups": 4, "channels": 4}), "shapes_differ", ()),
    "groups that do not divide the channels": (
        chain(reshape(4, 4), {"kind": "group_norm", "groups": 3, "channels": 4}), "shapes_differ", ()),
    "a norm over the batch": (chain(SQUARE, {"kind": "group_norm", "groups": 1, "channels": 2}), "shapes_differ", ()),
    "ids that were computed": (chain(linear(16, 2), IDS, reshape(4)), "ids_computed", ()),
    "ids that were squared": (chain({"kind": "multiply", "inputs": ["input", "input"]}, IDS, reshape(32)),
                              "ids_computed", ()),
    "ids by the million": (chain({**IDS, "num_embeddings": 10**6}), "less_than_equal",
                           (*FIRST, "embedding", "num_embeddings")),
    "an embedding with a norm of all": (chain({**IDS, "max_norm": 1.0}), "extra_forbidden",
                                        (*FIRST, "embedding", "max_norm")),
    "an embedding scaled by how often ids are seen": (chain({**IDS, "scale_grad_by_freq": True}), "extra_forbidden",
                                                      (*FIRST, "embedding", "scale_grad_by_freq")),
    "a memory along the batch": (chain({"kind": "lstm", "input_size": 16, "hidden_size": 2}), "shapes_differ", ()),
    "a memory that is kept": (chain(LONG, {"kind": "lstm", "input_size": 4, "hidden_size": 2, "state": "n0"}),
                              "extra_forbidden", (*THEN, "lstm", "state")),
    "a memory without end": (
        chain(reshape(1024, 1), {"kind": "lstm", "input_size": 1, "hidden_size": 2}, features=1024),
        "shapes_differ", ()),
    "a memory that is too wide": (chain(LONG, {"kind": "lstm", "input_size": 4, "hidden_size": 2000},
                                        {"kind": "mean", "dim": 0}), "too_many_parameters", ()),
    "dropout with a seed": (chain({"kind": "dropout", "p": 0.5, "seed": 1}), "extra_forbidden",
                            (*FIRST, "dropout", "seed")),
    "dropout of whole records": (chain({"kind": "dropout", "p": 0.5, "dim": 0}), "extra_forbidden",
                                 (*FIRST, "dropout", "dim")),
    "an output of two dimensions": (chain(reshape(4, 4), linear(4, 4)), "output_shape", ()),
    "a roll": (chain({"kind": "roll", "shifts": 1}), "union_tag_invalid", FIRST),
    "a flip": (chain({"kind": "flip", "dims": [0]}), "union_tag_invalid", FIRST),
    "an einsum": (chain({"kind": "einsum", "equation": "bi,ci->bc", **TWO}), "union_tag_invalid", FIRST),
    "a sort": (chain({"kind": "sort", "dim": 0}), "union_tag_invalid", FIRST),
    "a running sum": (chain({"kind": "cumsum", "dim": 0}), "union_tag_invalid", FIRST),
    "an index": (chain({"kind": "index_select", "index": [0]}), "union_tag_invalid", FIRST),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_operation_is_refused_by_its_code_and_field(name: str) -> None:
    graph, code, field = HOSTILE[name]
    with pytest.raises(ValidationError) as refused:
        Graph.model_validate(graph)
    fault = refused.value.errors()[0]
    assert (fault["type"], fault["loc"]) == (code, field), fault


def test_a_node_says_the_field_of_a_hostile_operation(house: Any) -> None:
    from tests.node.test_jobs import form

    wish = form(house)
    for name in ("softmax over the batch", "rows times rows", "a roll"):
        graph, _, field = HOSTILE[name]
        reply = house.post("/v1/jobs", {**wish, "training": {**wish["training"], "graph": graph}})
        assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")
        assert reply.json()["field"].startswith(".".join(map(str, ("training", "graph", *field))))


@pytest.fixture
def house(build_house: Any) -> Any:
    return build_house(cap=3.0)


def operations() -> dict[str, Any]:
    return {name: trace(build(), features, shape)[0].model_dump(mode="json")
            for name, (build, features, shape) in MODELS.items()}  # fmt: skip


GRAPHS = operations()
JUNK = (
    st.none() | st.booleans() | st.integers(-3, 20) | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=4)
    | st.lists(st.integers(-2, 9), max_size=4)
    | st.sampled_from(["n0", "n3", "input", "roll", "lstm", "conv2d", "reshape", "cat", "embedding", "matmul", 8192])
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(GRAPHS)), st.data())
def test_a_spoiled_operation_is_a_graph_or_refused(name: str, data: st.DataObject) -> None:
    """Nothing but the two refusals may leave."""
    graph = copy.deepcopy(GRAPHS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        node = data.draw(st.sampled_from(graph["nodes"]))
        key = data.draw(st.sampled_from([*node, "extra"]))
        value = node.get(key)
        if isinstance(value, list) and value and data.draw(st.booleans()):
            value[data.draw(st.integers(0, len(value) - 1))] = data.draw(JUNK)
        else:
            node[key] = data.draw(JUNK)
    try:
        built = Graph.model_validate(graph)
        if built.parameter_count < 20_000 and built.values_per_row < 200_000:
            graph_check.check(built, weights.write(interpreter.Interpreted(built)))
    except (ValidationError, GraphRefused) as refusal:
        assert str(refusal)  # noqa: PT017 - that it can be said is the point
