"""One round as a message: graph, weights, plan and rows in; weights out. Needs `jali[train]`."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray

from jali.wire.graph import Graph
from jali_node.sandbox import message
from jali_node.training import engine, interpreter, pictures, strict, weights
from jali_node.training import sums as measured
from jali_node.training.pictures import Encoded
from jali_node.training.plan import TrainingPlan
from jali_node.training.tensors import Rows

Noise = NDArray[np.int64]


def task(
    graph: Graph, data: bytes, plan: TrainingPlan, rows: Rows, measure: bool = False, noise: Noise | None = None
) -> bytes:
    """Return the message for a round, or for measuring; `data` is the weights that it begins with.

    A strict round is given its noise.
    """
    header = {"graph": graph.model_dump(mode="json"), "plan": plan.record(), "measure": measure}
    arrays: dict[str, NDArray[Any]] = {
        "features": rows.features,
        "target": rows.target,
        "present": rows.present.astype(np.uint8),
    }
    header["pictures"] = [{"at": column.at, "shape": column.shape} for column in rows.encoded]
    for place, column in enumerate(rows.encoded):
        arrays |= {f"ends.{place}": column.ends, f"files.{place}": column.files}
    if rows.unit is not None:
        arrays["unit"] = rows.unit
    if noise is not None:
        arrays["noise"] = noise
    return message.packed([json.dumps(header).encode(), data, safetensors.numpy.save(arrays)])


def use_threads(threads: int) -> None:
    """Compute with so many threads from now on."""
    torch.set_num_threads(threads)


def warm_up() -> None:
    """Train a made-up round, so that whatever libraries load at first use is loaded before the walls close."""
    use_threads(1)
    graph = Graph.model_validate({"features": 16, "nodes": _one_of_each(), "output": "n16"})
    begin = {name: np.zeros(shape, np.float32) for name, shape in graph.parameters.items()}
    rows = Rows(np.zeros((2, 16), np.float32), np.zeros(2, np.float32), np.ones(2, np.bool_))
    plan = TrainingPlan(1, 1, 1, 1.0, 2.0, 1.0, 1.0, 1.0)
    for measure in (False, True):
        done(task(graph, safetensors.numpy.save(begin), plan, rows, measure))
    done(task(graph, safetensors.numpy.save(begin), plan, replace(rows, unit=np.zeros(2, np.int64))))
    pictures.warm_up()


def _one_of_each() -> list[dict[str, Any]]:
    """Return a model with each kind of layer that loads something of its own."""
    layers: list[dict[str, Any]] = [
        {"kind": "reshape", "size": [1, 4, 4]},
        {"kind": "conv2d", "in_channels": 1, "out_channels": 2, "kernel": [3, 3], "padding": [1, 1]},
        {"kind": "group_norm", "groups": 2, "channels": 2},
        {"kind": "max_pool", "kernel": [2, 2], "stride": [2, 2], "padding": [0, 0]},
        {"kind": "reshape", "size": [2, 4]},
        {"kind": "conv1d", "in_channels": 2, "out_channels": 2, "kernel": [1]},
        {"kind": "linear", "in_features": 4, "out_features": 4},
        {"kind": "layer_norm", "features": 4},
        {"kind": "lstm", "input_size": 4, "hidden_size": 2},
        {"kind": "matmul", "inputs": ["n8", "n8"]},
        {"kind": "softmax", "dim": 1},
        {"kind": "dropout", "p": 0.5},
        {"kind": "mean", "dim": 0},
        {"kind": "embedding", "inputs": ["input"], "num_embeddings": 2, "embedding_dim": 1},
        {"kind": "reshape", "size": [16]},
        {"kind": "cat", "inputs": ["n12", "n14"], "dim": 0},
        {"kind": "linear", "in_features": 18, "out_features": 1},
    ]
    return [{"id": f"n{at}", "inputs": [f"n{at - 1}" if at else "input"], **node} for at, node in enumerate(layers)]


def done(task_bytes: bytes) -> bytes:
    """Train the round that a message describes, and return the new weights; or measure, and return the sums."""
    header, data, arrays = message.unpacked(task_bytes)
    facts, found = json.loads(header), safetensors.numpy.load(arrays)
    graph = Graph.model_validate(facts["graph"])
    model = interpreter.interpret(graph, weights.read(graph, data))
    files = tuple(
        Encoded(facts["at"], tuple(facts["shape"]), found[f"ends.{place}"], found[f"files.{place}"])
        for place, facts in enumerate(facts["pictures"])
    )
    rows = Rows(found["features"], found["target"], found["present"].astype(np.bool_), found.get("unit"), files)
    rows = rows.decoded()
    plan = TrainingPlan(**facts["plan"])
    if plan.strict:
        if facts["measure"]:
            return json.dumps(strict.sums(model, rows, plan)).encode()
        return strict.train(model, rows, plan, found["noise"])
    if facts["measure"]:
        return json.dumps(measured.sums(model, rows, plan, engine.values_per_row(model))).encode()
    return engine.train(model, rows, plan)
