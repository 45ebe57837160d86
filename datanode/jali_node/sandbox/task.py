"""One round as a message: graph, weights, plan and rows in; weights out. Needs `jali[train]`."""

import json
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray

from jali.wire.graph import Graph
from jali_node.sandbox import message
from jali_node.training import engine, interpreter, weights
from jali_node.training.plan import TrainingPlan
from jali_node.training.tensors import Rows


def task(graph: Graph, data: bytes, plan: TrainingPlan, rows: Rows) -> bytes:
    """Return the message for a round; `data` is the weights that it begins with."""
    header = {"graph": graph.model_dump(mode="json"), "plan": plan.record()}
    arrays: dict[str, NDArray[Any]] = {
        "features": rows.features,
        "target": rows.target,
        "present": rows.present.astype(np.uint8),
    }
    return message.packed([json.dumps(header).encode(), data, safetensors.numpy.save(arrays)])


def warm_up(threads: int) -> None:
    """Train a made-up round, so that whatever libraries load at first use is loaded before the walls close."""
    torch.set_num_threads(threads)
    layers: list[dict[str, Any]] = [
        {"id": "n0", "kind": "linear", "inputs": ["input"], "in_features": 1, "out_features": 1},
        {"id": "n1", "kind": "layer_norm", "inputs": ["n0"], "features": 1},
    ]
    graph = Graph.model_validate({"features": 1, "nodes": layers, "output": "n1"})
    begin = {name: np.zeros(shape, np.float32) for name, shape in graph.parameters.items()}
    rows = Rows(np.zeros((2, 1), np.float32), np.zeros(2, np.float32), np.ones(2, np.bool_))
    plan = TrainingPlan(1, 1, 1, 1.0, 2.0, 1.0, 1.0, 1.0)
    done(task(graph, safetensors.numpy.save(begin), plan, rows))


def done(task_bytes: bytes) -> bytes:
    """Train the round that a message describes, and return the new weights."""
    header, data, arrays = message.unpacked(task_bytes)
    facts, found = json.loads(header), safetensors.numpy.load(arrays)
    graph = Graph.model_validate(facts["graph"])
    model = interpreter.interpret(graph, weights.read(graph, data))
    rows = Rows(found["features"], found["target"], found["present"].astype(np.bool_))
    return engine.train(model, rows, TrainingPlan(**facts["plan"]))
