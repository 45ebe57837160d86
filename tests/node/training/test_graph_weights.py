"""Weights as they may arrive: all but the graph's own float32 tensors are refused, before a tensor is made of them."""

import json
import pickle
import struct
from collections.abc import Callable
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from jali.wire.graph import Graph
from jali_node.errors import (
    GraphRefused,
    WeightNamesDiffer,
    WeightNotFinite,
    WeightOutOfBounds,
    WeightShapesDiffer,
    WeightsTooLarge,
    WeightsUnreadable,
    WeightTypeWrong,
)
from jali_node.training import interpreter, weights

GRAPH = Graph.model_validate(
    {
        "features": 3,
        "nodes": [
            {"id": "n0", "kind": "linear", "inputs": ["input"], "in_features": 3, "out_features": 2},
            {"id": "n1", "kind": "layer_norm", "inputs": ["n0"], "features": 2},
        ],
        "output": "n1",
    }
)
TENSORS = {name: torch.full(shape, 0.5) for name, shape in GRAPH.parameters.items()}
GOOD = safetensors.torch.save(TENSORS)


def with_tensors(**changes: Tensor | None) -> bytes:
    """Return the good weights with tensors changed, added or, where None, left out; `__` stands for a dot."""
    tensors = {**TENSORS, **{name.replace("__", "."): tensor for name, tensor in changes.items()}}
    return safetensors.torch.save({name: tensor for name, tensor in tensors.items() if tensor is not None})


def with_value(value: float) -> bytes:
    spoiled = TENSORS["n0.weight"].clone()
    spoiled[1, 2] = value
    return with_tensors(n0__weight=spoiled)


def with_header(change: Callable[[dict[str, Any]], Any], size: int | None = None) -> bytes:
    """Return the good weights under another header."""
    length = struct.unpack("<Q", GOOD[:8])[0]
    header = json.loads(GOOD[8 : 8 + length])
    written = change(header)
    text = written if isinstance(written, bytes) else json.dumps(written if written is not None else header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + GOOD[8 + length :]


def offsets(begin: int, end: int) -> Callable[[dict[str, Any]], None]:
    return lambda header: header["n0.bias"].update(data_offsets=[begin, end])


HOSTILE: dict[str, tuple[bytes, type[GraphRefused], str]] = {
    "nothing": (b"", WeightsUnreadable, "not a whole safetensors file"),
    "eight zeros": (bytes(8), WeightsUnreadable, "not a whole"),
    "cut short": (GOOD[:-1], WeightsUnreadable, "not a whole"),
    "cut in the header": (GOOD[:40], WeightsUnreadable, "not a whole"),
    "bytes at the end": (GOOD + b"\x00", WeightsUnreadable, "not a whole"),
    "a pickle": (pickle.dumps({"n0.weight": 1}), WeightsUnreadable, "not a whole"),
    "a zip, as torch.save writes it": (b"PK\x03\x04" + GOOD, WeightsUnreadable, "not a whole"),
    "a header of all memory": (with_header(lambda h: h, size=2**63 - 1), WeightsUnreadable, "not a whole"),
    "a header beyond the file": (with_header(lambda h: h, size=len(GOOD)), WeightsUnreadable, "not a whole"),
    "a header that is no JSON": (with_header(lambda h: b"{" * 40), WeightsUnreadable, "not a whole"),
    "a header that is no text": (with_header(lambda h: b"\xff" * 40), WeightsUnreadable, "not a whole"),
    "a header that is a list": (with_header(lambda h: [h]), WeightsUnreadable, "not a whole"),
    "a deep header": (with_header(lambda h: b'{"a":' * 60), WeightsUnreadable, "not a whole"),
    "overlapping tensors": (with_header(offsets(8, 16)), WeightsUnreadable, "not a whole"),
    "a tensor beyond the end": (with_header(offsets(2**40, 2**40 + 8)), WeightsUnreadable, "not a whole"),
    "a tensor that ends before it begins": (with_header(offsets(8, 0)), WeightsUnreadable, "not a whole"),
    "offsets below zero": (with_header(offsets(-8, 0)), WeightsUnreadable, "not a whole"),
    "a shape below zero": (
        with_header(lambda h: h["n0.bias"].update(shape=[-2])), WeightsUnreadable, "not a whole"
    ),
    "a shape whose size overflows": (
        with_header(lambda h: h["n0.bias"].update(shape=[2**62, 2**62])), WeightsUnreadable, "not a whole"
    ),
    "an unknown type": (with_header(lambda h: h["n0.bias"].update(dtype="OBJ")), WeightsUnreadable, "not a whole"),
    "too many bytes": (GOOD + bytes(10**6), WeightsTooLarge, "this graph's take at most"),
    "a huge tensor": (with_tensors(n0__bias=torch.zeros(10**6)), WeightsTooLarge, "this graph's take at most"),
    "a speech beside the tensors": (
        safetensors.torch.save(TENSORS, {"x": "y" * 9000}), WeightsTooLarge, "this graph's take at most"
    ),
    "a tensor too many": (with_tensors(n9__bias=torch.zeros(2)), WeightNamesDiffer, r"1 .* no parameter .*'n9.bias'"),
    "an attribute as a name": (
        with_tensors(**{"n0.__class__": torch.zeros(1)}), WeightNamesDiffer, "1 .* no parameter"
    ),
    "a missing tensor": (with_tensors(n1__bias=None), WeightNamesDiffer, r"1 .* missing .*'n1.bias'"),
    "no tensors": (safetensors.torch.save({}), WeightNamesDiffer, "4 .* missing"),
    "names with another prefix": (
        safetensors.torch.save({f"m.{k}": v for k, v in TENSORS.items()}), WeightNamesDiffer, "4 .* no parameter"
    ),
    "a turned weight": (
        with_tensors(n0__weight=torch.zeros(3, 2)), WeightShapesDiffer, r"expected shape \[2, 3\], got \[3, 2\]"
    ),
    "a flat weight": (with_tensors(n0__weight=torch.zeros(6)), WeightShapesDiffer, r"got \[6\]"),
    "an empty tensor": (with_tensors(n0__bias=torch.zeros(0)), WeightShapesDiffer, r"expected shape \[2\], got \[0\]"),
    "double precision": (with_tensors(n0__bias=torch.zeros(2).double()), WeightTypeWrong, "F32.*got F64"),
    "half precision": (with_tensors(n0__bias=torch.zeros(2).half()), WeightTypeWrong, "F32.*got F16"),
    "brain floats": (with_tensors(n0__bias=torch.zeros(2).bfloat16()), WeightTypeWrong, "F32.*got BF16"),
    "whole numbers": (with_tensors(n0__bias=torch.zeros(2).int()), WeightTypeWrong, "F32.*got I32"),
    "not a number": (with_value(float("nan")), WeightNotFinite, "n0.weight"),
    "infinity": (with_value(float("inf")), WeightNotFinite, "n0.weight"),
    "minus infinity": (with_value(-float("inf")), WeightNotFinite, "n0.weight"),
    "a huge number": (with_value(1e30), WeightOutOfBounds, r"up to 10,000, got 1e\+30"),
    "just too large a number": (with_value(-10_000.01), WeightOutOfBounds, "up to 10,000"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_weights_are_refused_for_their_reason(name: str) -> None:
    data, kind, reason = HOSTILE[name]
    with pytest.raises(GraphRefused, match=reason) as refused:
        weights.read(GRAPH, data)
    assert type(refused.value) is kind
    assert (refused.value.problem().code, refused.value.problem().status) == ("graph_refused", 400)


def test_good_weights_are_read_as_they_were_written() -> None:
    read = weights.read(GRAPH, GOOD)
    assert read.keys() == TENSORS.keys()
    assert all(torch.equal(read[name], TENSORS[name]) for name in TENSORS)


def test_what_a_node_writes_it_can_read() -> None:
    model = interpreter.Interpreted(GRAPH)
    again = interpreter.interpret(GRAPH, weights.read(GRAPH, weights.write(model)))
    assert all(torch.equal(*pair) for pair in zip(model.parameters(), again.parameters(), strict=True))


def test_the_largest_graph_fits_its_own_bound() -> None:
    nodes: list[dict[str, Any]] = [{"id": "n0", "kind": "linear", "in_features": 1, "out_features": 8000}]
    nodes += [{"id": f"n{at}", "kind": "layer_norm", "features": 8000} for at in range(1, 200)]
    for at, node in enumerate(nodes):
        node["inputs"] = [f"n{at - 1}" if at else "input"]
    graph = Graph.model_validate({"features": 1, "nodes": nodes, "output": "n199"})
    data = weights.write(interpreter.Interpreted(graph))
    assert len(data) <= weights.bytes_max(graph)
    assert weights.read(graph, data).keys() == graph.parameters.keys()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_spoiled_bytes_are_read_or_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for at, value in changes:
        data[at] = value
    try:
        read = weights.read(GRAPH, bytes(data))
    except GraphRefused as refusal:
        assert str(refusal)  # noqa: PT017 - that it can be said is the point
    else:
        assert all(bool(torch.isfinite(tensor).all()) for tensor in read.values())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_junk_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(GraphRefused):
        weights.read(GRAPH, data)
