"""What differs between two revisions, field by field."""

from typing import Any

import pytest

from jali.wire.changes import compared, said
from jali.wire.graph import Graph


def lines(before: Any, after: Any) -> list[str]:
    return [change.describe() for change in compared(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, ["a: 1 -> true"]),
        ({"a": 1}, {"a": 1.0}, ["a: 1 -> 1.0"]),
        ({"a": 1, "b": 2}, {"b": 2, "c": None}, ["a: removed 1", "c: added nothing"]),
        ({"c": ["x", "y"]}, {"c": ["y", "z"]}, ["c: removed x", "c: added z"]),
        ({"c": ["x", "y"]}, {"c": ["y", "x"]}, ['c: ["x", "y"] -> ["y", "x"]']),
        ({"c": "all"}, {"c": ["x"]}, ['c: all -> ["x"]']),
        ({"l": [{"p": 1}, 2]}, {"l": [{"p": 3}, 2, 4]}, ["l.0.p: 1 -> 3", "l.2: added 4"]),
        ({"t": {"u": {"v": "old"}}}, {"t": {"u": {"v": "new"}}}, ["t.u.v: old -> new"]),
    ],
)
def test_a_difference_is_named_by_its_field(before: Any, after: Any, wanted: list[str]) -> None:
    assert lines(before, after) == wanted


def model(*layers: dict[str, Any], features: int = 3) -> dict[str, Any]:
    nodes, last = [], "input"
    for number, layer in enumerate(layers):
        nodes.append({"inputs": [last], **layer, "id": f"n{number}"})
        last = f"n{number}"
    graph = Graph.model_validate({"features": features, "nodes": nodes, "output": last})
    return {"graph": graph.model_dump(mode="json")}


IN = {"kind": "linear", "in_features": 3, "out_features": 8}
OUT = {"kind": "linear", "in_features": 8, "out_features": 1}
RELU, DROP = {"kind": "relu"}, {"kind": "dropout", "p": 0.2}


def test_a_layer_put_in_between_is_the_only_new_one() -> None:
    found = compared(model(IN, RELU, OUT), model(IN, RELU, DROP, OUT))
    assert [(change.what, change.field) for change in found] == [
        ("added", "graph.n2"),
        ("removed", "graph.n3.inputs"),
        ("added", "graph.n3.inputs"),
    ]
    assert found[0].after["p"] == 0.2
    assert (found[1].before, found[2].after) == ("n1", "n2")


def test_a_layer_taken_out_is_the_only_one_gone() -> None:
    found = compared(model(IN, RELU, DROP, OUT), model(IN, RELU, OUT))
    assert [(change.what, change.field) for change in found] == [
        ("removed", "graph.n2"),
        ("removed", "graph.n2.inputs"),
        ("added", "graph.n2.inputs"),
    ]
    assert found[1].before == "n2 (gone)"


def test_a_layer_that_is_set_otherwise_is_compared_with_itself() -> None:
    wide, out = {**IN, "out_features": 16}, {**OUT, "in_features": 16}
    assert lines(model(IN, RELU, OUT), model(wide, RELU, out)) == [
        "graph.n0.out_features: 8 -> 16",
        "graph.n2.in_features: 8 -> 16",
    ]
    assert [change.field for change in compared(model(IN, RELU, OUT), model(IN, {"kind": "tanh"}, OUT))][:2] == [
        "graph.n1",
        "graph.n1",
    ]


def test_the_same_model_is_no_change() -> None:
    assert compared(model(IN, RELU, OUT), model(IN, RELU, OUT)) == ()


def test_what_is_long_is_cut_in_words_and_kept_in_full() -> None:
    [change] = compared({"purpose": "a" * 999}, {"purpose": "b" * 999})
    assert len(said(change.before)) == 200
    assert len(change.before) == 999
