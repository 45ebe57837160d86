"""One round of training in a cell: what a job calls. Needs `jali[train]`."""

import json
import threading

import numpy as np
from numpy.typing import NDArray

from jali.wire.graph import Graph
from jali_node.sandbox import cell, task, zygote
from jali_node.sandbox.cell import SandboxFailed
from jali_node.sandbox.limits import Limits
from jali_node.training import draws, engine, interpreter, strict, weights
from jali_node.training.lattice import LATTICE, SUMS
from jali_node.training.plan import TrainingPlan
from jali_node.training.tensors import Rows

REPLY_MAX = 200
"""Bytes that three sums take at most."""


def run_round(
    graph: Graph, data: bytes, plan: TrainingPlan, rows: Rows, limits: Limits, stop: threading.Event | None = None
) -> bytes:
    """Train one charged round in a process of its own, and return the new weights.

    Args:
        graph: the approved model.
        data: the weights that the round begins with.
        plan: whose `round_event` is charged and begun.
        rows: all of the table.
        limits: of the process.
        stop: ends it when it is set.

    Raises:
        SandboxFailed: no reply, or none that fits the graph. `run_round_of_nothing` is then the answer.
    """
    told = task.task(graph, data, plan, rows, noise=_noise(graph, plan))
    finished = cell.run(told, limits, weights.bytes_max(graph), zygote.rounds, stop)
    try:
        weights.read(graph, finished.reply)
    except Exception:
        raise SandboxFailed("the worker's weights do not fit the graph") from None
    return finished.reply


def measure(
    graph: Graph, data: bytes, plan: TrainingPlan, rows: Rows, limits: Limits, stop: threading.Event | None = None
) -> list[int]:
    """Return the exact sums of how a model does on rows, computed in a process of its own. They get noise elsewhere.

    Args:
        graph: the approved model.
        data: its weights.
        plan: whose `metrics_event` is charged and begun.
        rows: those held out.
        limits: of the process.
        stop: ends it when it is set.

    Raises:
        SandboxFailed: no reply, or none of three sums of so many rows.
    """
    finished = cell.run(task.task(graph, data, plan, rows, measure=True), limits, REPLY_MAX, zygote.rounds, stop)
    try:
        totals = [int(total) for total in json.loads(finished.reply)]
    except (ValueError, TypeError):
        raise SandboxFailed("the worker wrote something else than sums") from None
    most = LATTICE * len(rows.target)  # entities are no more than their rows
    if len(totals) != SUMS or not all(abs(total) <= most for total in totals):
        raise SandboxFailed("the worker's sums are not those of so many rows")
    return totals


def run_round_of_nothing(graph: Graph, data: bytes, plan: TrainingPlan) -> bytes:
    """Return what a round over an empty table would reply: noise of the same size, drawn in this process."""
    model = interpreter.interpret(graph, weights.read(graph, data))
    noise = _noise(graph, plan)
    if noise is not None:
        nothing = np.zeros((0, graph.features), np.float32)
        return strict.train(model, Rows(nothing, nothing[:, 0], nothing[:, 0] > 0), plan, noise)
    return engine.train_of_nothing(model, graph.features, plan)


def _noise(graph: Graph, plan: TrainingPlan) -> NDArray[np.int64] | None:
    """Return the noise of a strict round, drawn here and for it alone."""
    return draws.drawn(plan, graph.parameter_count) if plan.strict else None
