"""A whole round in a cell: weights go in, weights come out, and a failure is told by nothing but its being one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from jali.wire.descent import Cosine
from jali.wire.graph import Graph
from jali_node.sandbox import cell, message, round, task, zygote
from jali_node.sandbox.cell import SandboxFailed
from jali_node.sandbox.limits import Limits
from jali_node.training import weights
from jali_node.training.plan import TrainingPlan
from jali_node.training.tensors import Rows

KINDS = ["relu", "sigmoid", "silu", "tanh", "gelu", "leaky_relu", "dropout"]
GRAPH = Graph.model_validate(
    {
        "features": 4,
        "nodes": [
            {"id": "n0", "kind": "linear", "inputs": ["input"], "in_features": 4, "out_features": 8},
            {"id": "n1", "kind": "layer_norm", "inputs": ["n0"], "features": 8},
            *({"id": f"n{i + 2}", "kind": kind, "inputs": [f"n{i + 1}"]} for i, kind in enumerate(KINDS)),
            {"id": "n20", "kind": "add", "inputs": ["n8", "n1"]},
            {"id": "n21", "kind": "linear", "inputs": ["n20"], "in_features": 8, "out_features": 1},
        ],
        "output": "n21",
    }
)
BEGIN = safetensors.numpy.save({name: np.full(shape, 0.1, np.float32) for name, shape in GRAPH.parameters.items()})
PLAN = TrainingPlan(10**12, 1, 3, 0.1, 50.0, 1.0, 0.5, 1.1)
LIMITS = Limits(wall_s=120.0, memory_bytes=2**30)


def some_rows(count: int) -> Rows:
    random = np.random.default_rng(0)
    features = random.uniform(-1, 1, (count, 4)).astype(np.float32)
    return Rows(features, (features[:, 0] > 0).astype(np.float32), np.ones(count, np.bool_))


@pytest.mark.parametrize(("count", "walk"), [(0, {}), (20_000, {"optimizer": "adam", "schedule": Cosine()})])
def test_a_round_returns_other_weights_of_the_same_form(count: int, walk: dict[str, Any]) -> None:
    reply = round.run_round(GRAPH, BEGIN, replace(PLAN, **walk), some_rows(count), LIMITS)
    before, after = weights.read(GRAPH, BEGIN), weights.read(GRAPH, reply)
    assert all(not after[name].equal(before[name]) for name in before)
    assert len(reply) == len(round.run_round_of_nothing(GRAPH, BEGIN, PLAN)), "the same bytes, with rows and without"


def test_no_two_rounds_draw_the_same_noise() -> None:
    """They are forked from one process, so whatever generator that one had keyed, both would have."""
    assert round.run_round(GRAPH, BEGIN, PLAN, some_rows(0), LIMITS) != round.run_round(
        GRAPH, BEGIN, PLAN, some_rows(0), LIMITS
    )


def test_a_round_runs_behind_all_the_walls_that_the_machine_has() -> None:
    finished = cell.run(task.task(GRAPH, BEGIN, PLAN, some_rows(100)), LIMITS, weights.bytes_max(GRAPH), zygote.rounds)
    assert finished.tier == cell.tier()


@pytest.mark.slow
def test_a_round_without_room_fails_without_a_word() -> None:
    with pytest.raises(SandboxFailed, match=r"^the worker ended with status 70$"):
        round.run_round(GRAPH, BEGIN, PLAN, some_rows(500_000), Limits(wall_s=120.0, memory_bytes=2**22))


@pytest.mark.parametrize("garbage", [b"x", message.packed([b"{}", b"", b""])])
def test_a_task_that_is_none_fails_without_a_word(garbage: bytes) -> None:
    with pytest.raises(SandboxFailed, match=r"^the worker ended with status 70$"):
        cell.run(garbage, LIMITS, 1000, zygote.rounds)


def test_weights_that_do_not_fit_the_graph_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = safetensors.numpy.save({"n0.weight": np.zeros((1, 1), np.float32)})
    monkeypatch.setattr(cell, "run", lambda *_, **__: cell.Finished(other, 3))
    with pytest.raises(SandboxFailed, match="do not fit the graph"):
        round.run_round(GRAPH, BEGIN, PLAN, some_rows(1), LIMITS)


@pytest.mark.slow
def test_no_file_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    round.run_round(GRAPH, BEGIN, PLAN, some_rows(10), LIMITS)
    assert list(tmp_path.iterdir()) == []
