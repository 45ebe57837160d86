"""One round of training in a cell: what a job calls. Needs `jali[train]`."""

from jali.wire.graph import Graph
from jali_node.sandbox import cell, task
from jali_node.sandbox.cell import SandboxFailed
from jali_node.sandbox.limits import Limits
from jali_node.training import engine, interpreter, weights
from jali_node.training.plan import TrainingPlan
from jali_node.training.tensors import Rows


def run_round(graph: Graph, data: bytes, plan: TrainingPlan, rows: Rows, limits: Limits) -> bytes:
    """Train one charged round in a process of its own, and return the new weights.

    Args:
        graph: the approved model.
        data: the weights that the round begins with.
        plan: whose `round_event` is charged and begun.
        rows: all of the table.
        limits: of the process.

    Raises:
        SandboxFailed: no reply, or none that fits the graph. `run_round_of_nothing` is then the answer.
    """
    finished = cell.run(task.task(graph, data, plan, rows), limits, weights.bytes_max(graph))
    try:
        weights.read(graph, finished.reply)
    except Exception:
        raise SandboxFailed("the worker's weights do not fit the graph") from None
    return finished.reply


def run_round_of_nothing(graph: Graph, data: bytes, plan: TrainingPlan) -> bytes:
    """Return what a round over an empty table would reply: noise of the same size, drawn in this process."""
    model = interpreter.interpret(graph, weights.read(graph, data))
    return engine.train_of_nothing(model, graph.features, plan)
