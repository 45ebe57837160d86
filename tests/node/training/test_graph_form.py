"""Graphs as they may arrive: what is no model of the allowed kinds is refused, with the node and both numbers named."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from jali.wire.graph import KINDS, NODES_MAX, PARAMETERS_MAX, SIZE_MAX, Graph
from jali_node.errors import GraphRefused
from jali_node.training import graph_check, interpreter, weights

GOOD: dict[str, Any] = {
    "features": 5,
    "nodes": [
        {"id": "n0", "kind": "linear", "inputs": ["input"], "in_features": 5, "out_features": 6, "bias": True},
        {"id": "n1", "kind": "layer_norm", "inputs": ["n0"], "features": 6, "eps": 1e-5},
        {"id": "n2", "kind": "leaky_relu", "inputs": ["n1"], "slope": 0.1},
        {"id": "n3", "kind": "dropout", "inputs": ["n2"], "p": 0.5},
        {"id": "n4", "kind": "add", "inputs": ["n3", "n0"]},
        {"id": "n5", "kind": "linear", "inputs": ["n4"], "in_features": 6, "out_features": 2},
    ],
    "output": "n5",
}


def changed(at: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Return the good graph with one thing changed."""
    graph = copy.deepcopy(GOOD)
    *path, last = at
    place: Any = graph
    for step in path:
        place = place[step]
    place[last] = value
    return graph


def chain(*nodes: dict[str, Any], features: int = 5) -> dict[str, Any]:
    """Return a graph in which each node reads the one before it."""
    named = [{"id": f"n{at}", "inputs": [f"n{at - 1}" if at else "input"], **node} for at, node in enumerate(nodes)]
    return {"features": features, "nodes": named, "output": f"n{len(nodes) - 1}"}


def linear(wide: Any, out: Any) -> dict[str, Any]:
    return {"kind": "linear", "in_features": wide, "out_features": out}


HOSTILE: dict[str, tuple[Any, str]] = {
    "an unknown kind": (changed(("nodes", 2, "kind"), "exec"), "does not match any of the expected tags"),
    "a kind that escapes": (changed(("nodes", 2, "kind"), "__class__"), "does not match any of the expected tags"),
    "a path as a kind": (changed(("nodes", 2, "kind"), "torch.nn.ReLU"), "does not match any of the expected tags"),
    "a module with state over the batch": (changed(("nodes", 1, "kind"), "batch_norm"), "expected tags"),
    "a kind that is no text": (changed(("nodes", 2, "kind"), ["relu"]), "expected tags"),
    "no kind": ({**GOOD, "nodes": [{"id": "n0", "inputs": ["input"]}]}, "Unable to extract tag"),
    "code in an id": (changed(("nodes", 0, "id"), "__import__('os').system('id')"), "at most 4 characters"),
    "an attribute as an id": (changed(("nodes", 0, "id"), "__class__"), "at most 4 characters"),
    "a dotted id": (changed(("nodes", 0, "id"), "n0.w"), "match pattern"),
    "a line break in an id": (changed(("nodes", 0, "id"), "n0\n"), "match pattern"),
    "digits of another script": (changed(("nodes", 0, "id"), "n٣"), "match pattern"),
    "a padded id": (changed(("nodes", 0, "id"), "n00"), "match pattern"),
    "an id that is a number": (changed(("nodes", 0, "id"), 0), "valid string"),
    "the input's name as an id": (changed(("nodes", 0, "id"), "input"), "at most 4 characters"),
    "an attribute as a source": (changed(("nodes", 2, "inputs"), ["__dict__"]), "at most 5 characters"),
    "an id used twice": (changed(("nodes", 1, "id"), "n0"), "n0: node 1 has the id of node 0"),
    "a source that is not there": (changed(("nodes", 2, "inputs"), ["n9"]), r"n2 \(leaky_relu\): reads n9, which"),
    "a later source": (changed(("nodes", 2, "inputs"), ["n4"]), r"n2 .*: node 2 reads n4, node 4: not an earlier one"),
    "a node that reads itself": (changed(("nodes", 2, "inputs"), ["n2"]), "node 2 reads n2, node 2: not an earlier"),
    "a cycle": (changed(("nodes", 0, "inputs"), ["n5"]), "node 0 reads n5, node 5: not an earlier one"),
    "no source": (changed(("nodes", 2, "inputs"), []), r"n2 \(leaky_relu\): expected 1 input\(s\), got 0"),
    "two sources for one": (changed(("nodes", 2, "inputs"), ["n1", "n1"]), r"expected 1 input\(s\), got 2"),
    "one source for two": (changed(("nodes", 4, "inputs"), ["n3"]), r"n4 \(add\): expected 2 input\(s\), got 1"),
    "a thousand sources": (changed(("nodes", 4, "inputs"), ["n3"] * 1000), r"expected 2 input\(s\), got 1000"),
    "a missing output": (changed(("output",), "n9"), "output: n9 is not in the graph"),
    "no output": ({key: GOOD[key] for key in ("features", "nodes")}, "Field required"),
    "the input as output": (changed(("output",), "input"), "at most 4 characters"),
    "a loose end": (changed(("output",), "n4"), r"n5 \(linear\): nothing reads it, and the output is n4"),
    "no nodes": (changed(("nodes",), []), "at least 1 item"),
    "too many nodes": (chain(linear(5, 5), *[{"kind": "relu"}] * NODES_MAX), f"at most {NODES_MAX} items"),
    "a width that does not fit": (
        changed(("nodes", 5, "in_features"), 7), r"n5 \(linear\): expected in_features = 6, the width of n4, got 7"
    ),
    "a norm that does not fit": (
        changed(("nodes", 1, "features"), 5), r"n1 \(layer_norm\): expected features = 6, the width of n0, got 5"
    ),
    "a sum that would broadcast": (
        changed(("nodes", 4, "inputs"), ["n3", "input"]),
        r"n4 \(add\): the inputs' widths differ: n3 has 6, input 5",
    ),
    "features that do not fit": (changed(("features",), 4), "expected in_features = 4, the width of input, got 5"),
    "a huge width": (chain(linear(5, 10**12)), f"less than or equal to {SIZE_MAX}"),
    "a width beyond every integer": (chain(linear(5, 10**400)), f"less than or equal to {SIZE_MAX}|too large"),
    "a huge input": (chain(linear(10**9, 5), features=10**9), f"less than or equal to {SIZE_MAX}"),
    "a negative width": (chain(linear(5, -1)), "greater than or equal to 1"),
    "an empty width": (chain(linear(5, 0)), "greater than or equal to 1"),
    "a width that is true": (chain(linear(5, True)), "valid integer"),
    "a width that is text": (chain(linear(5, "6")), "valid integer"),
    "a width that is a fraction": (chain(linear(5, 6.0)), "valid integer"),
    "too many parameters": (
        chain(linear(5, 8192), linear(8192, 8192)), f"at most {PARAMETERS_MAX:,} parameters, got 67,166,208"
    ),
    "nothing to learn": (chain({"kind": "relu"}), "at least 1 parameter to learn, got 0"),
    "a setting outside the list": (changed(("nodes", 2, "inplace"), True), "Extra inputs are not permitted"),
    "code as a setting": (changed(("nodes", 2, "forward"), "lambda x: x.sum(0)"), "Extra inputs"),
    "another kind's setting": (changed(("nodes", 2, "p"), 0.5), "Extra inputs"),
    "a field outside the list": (changed(("__class__",), "Graph"), "Extra inputs"),
    "a slope that is not a number": (changed(("nodes", 2, "slope"), float("nan")), "finite number|greater than"),
    "an infinite slope": (changed(("nodes", 2, "slope"), float("inf")), "finite number|less than"),
    "a steep slope": (changed(("nodes", 2, "slope"), 1.5), "less than or equal to 1"),
    "certain dropout": (changed(("nodes", 3, "p"), 1.0), "less than or equal to 0.95"),
    "a norm without epsilon": (changed(("nodes", 1, "eps"), 0.0), r"greater than or equal to (1e-08|0\.00000001)"),
    "a bias that is a number": (changed(("nodes", 0, "bias"), 1), "valid boolean"),
    "a list instead of a graph": ([GOOD], "valid dictionary|instance of Graph"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_graph_is_refused_for_its_reason(name: str) -> None:
    graph, reason = HOSTILE[name]
    with pytest.raises(ValidationError, match=reason):
        Graph.model_validate(graph)


def test_the_good_graph_is_one_and_its_digest_is_stable() -> None:
    graph = Graph.model_validate(GOOD)
    assert graph.digest == Graph.model_validate_json(json.dumps(GOOD)).digest
    assert graph.shapes == {"input": (5,), **{f"n{at}": (6,) for at in range(5)}, "n5": (2,)}
    assert graph.parameter_count == 5 * 6 + 6 + 12 + 6 * 2 + 2
    assert graph.digest != Graph.model_validate(changed(("nodes", 3, "p"), 0.4)).digest


def test_a_graph_cannot_be_changed_after_it_was_checked() -> None:
    graph = Graph.model_validate(GOOD)
    with pytest.raises(ValidationError, match="frozen"):
        graph.output = "n0"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        graph.nodes[0].out_features = 10**9  # type: ignore[union-attr, misc]


def test_every_kind_has_a_layer_and_says_what_it_is() -> None:
    for kind in KINDS:
        required = {
            **dict.fromkeys(("in_features", "out_features", "features", "in_channels", "out_channels"), 3),
            **dict.fromkeys(("channels", "groups", "num_embeddings", "embedding_dim"), 3),
            **dict.fromkeys(("input_size", "hidden_size", "factor", "stop"), 3), "dim": 0, "start": 0, "dims": (1, 0),
            **dict.fromkeys(("kernel", "stride", "size", "padding"), (2, 2) if kind.__name__ != "Conv1d" else (2,)),
        }  # fmt: skip
        required |= {"padding": (1, 1), "stride": (1, 1)} if kind.__name__ != "Conv1d" else {"padding": (1,)}
        given = {name: value for name, value in required.items() if name in kind.model_fields}
        given = {name: float(value) if name == "factor" else value for name, value in given.items()}
        node = kind(id="n0", inputs=("input",) * kind.fan_in, **given)  # type: ignore[arg-type]
        layer = interpreter.layer(node)
        assert {name: tuple(tensor.shape) for name, tensor in layer.named_parameters()} == node.parameters
        assert kind.__doc__
        assert "Separable: " in kind.__doc__, "why no record sees another"


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["__class__", "n0", "n1", "input", "relu", "add", "linear", "\ud800", "n5\n", 8192, 8193]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PATHS: list[tuple[Any, ...]] = [
    ("features",), ("nodes",), ("output",), ("extra",),
    *[("nodes", at) for at in range(6)],
    *[("nodes", at, name) for at, node in enumerate(GOOD["nodes"]) for name in node],
    ("nodes", 4, "inputs", 0), ("nodes", 4, "inputs", 1), ("nodes", 2, "extra"),
]  # fmt: skip


def judge(value: Any) -> None:
    """Take a value for a graph with weights of its own; nothing but the two refusals may leave."""
    try:
        graph = Graph.model_validate(value)
        if graph.parameter_count < 10_000:
            graph_check.check(graph, weights.write(interpreter.Interpreted(graph)))
    except (ValidationError, GraphRefused) as refusal:
        assert str(refusal)  # noqa: PT017 - that it can be said is the point


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PATHS), JUNK), min_size=1, max_size=3))
def test_a_spoiled_graph_is_a_graph_or_refused(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    graph: Any = GOOD
    for at, value in changes[:1]:
        graph = changed(at, value)
    for (*path, last), value in changes[1:]:
        place = graph
        try:
            for step in path:
                place = place[step]
            place[last] = value
        except (TypeError, KeyError, IndexError):
            continue
    judge(graph)


@settings(max_examples=200, deadline=None)
@given(JUNK)
def test_junk_is_refused(value: Any) -> None:
    judge(value)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode(errors="replace")))
def test_junk_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValidationError):
        Graph.model_validate_json(data)


@pytest.mark.parametrize("depth", [10, 1000, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    text = '{"features": 5, "output": "n0", "nodes": ' + "[" * depth + "]" * depth + "}"
    with pytest.raises(ValidationError):
        Graph.model_validate_json(text)
