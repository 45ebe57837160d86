"""What a training takes is told from public figures before anybody approves it, and what cannot fit is refused."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from tests.node.training.test_engine import Silent
from torch import nn

from jali.training import shelf
from jali.training.graph import trace
from jali.wire.graph import Graph
from jali_node.errors import InvalidRequest
from jali_node.jobs import effort
from jali_node.jobs.effort import BEST, SLOW
from jali_node.sandbox.limits import Limits
from jali_node.training import engine, interpreter, weights
from jali_node.training.plan import TrainingPlan
from jali_node.training.tensors import Rows

LIMITS = Limits()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def a_plan(*, rounds: int = 1, steps: int = 1, batch: float = 500.0, **others: Any) -> TrainingPlan:
    return TrainingPlan(10**12, rounds, steps, 1.0, batch, 1.0, 0.5, 1.0, **others)


def traced(model: nn.Module, width: int, shape: Any = None) -> tuple[Graph, bytes]:
    return trace(model, width, shape)


MODELS: dict[str, tuple[Any, int, Any, int]] = {
    "logistic": (lambda: nn.Sequential(nn.Linear(20, 1)), 20, None, 2000),
    "mlp": (lambda: nn.Sequential(nn.Linear(100, 128), nn.ReLU(), nn.Linear(128, 1)), 100, None, 500),
    "cnn": (lambda: shelf.SmallCnn((1, 8, 8)), 64, (1, 8, 8), 200),
    "large": (lambda: nn.Sequential(nn.Linear(500, 1000), nn.Tanh(), nn.Linear(1000, 1)), 500, None, 20),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_round_takes_less_than_a_slow_core_would_and_more_than_any_could(name: str) -> None:
    """Processor time of one thread, so that a busy machine does not show."""
    build, width, shape, rows = MODELS[name]
    graph, begin = traced(build(), width, shape)
    some = Rows(np.zeros((rows, width), np.float32), np.zeros(rows, np.float32), np.ones(rows, np.bool_))
    plan = a_plan(steps=20, batch=float(rows))
    took = []
    for steps in (1, 21):
        model = interpreter.interpret(graph, weights.read(graph, begin))
        started = time.process_time()
        engine.train(model, some, a_plan(steps=steps, batch=float(rows)))
        took.append(time.process_time() - started)
    assert BEST.seconds(graph, plan, rows) < took[1] - took[0] < SLOW.seconds(graph, plan, rows)


def test_effort_is_of_public_figures() -> None:
    graph, _ = traced(nn.Sequential(nn.Linear(20, 1)), 20)
    found = effort.effort(graph, a_plan(rounds=3, steps=50, optimizer="adam"), 1000, 1, LIMITS)
    assert (found.steps, found.parameters, found.flops_per_row) == (150, 21, graph.flops_per_row)
    assert found.state_bytes == 4 * 21 * 3, "the weights and Adam's two averages"
    assert found.warnings == ()
    assert effort.effort(graph, a_plan(), 1000, 7, LIMITS).memory_bytes > found.memory_bytes, "of several rows a unit"


def test_a_round_that_may_not_end_in_time_is_warned_of_with_both_numbers() -> None:
    graph, _ = traced(nn.Sequential(nn.Linear(100, 500), nn.ReLU(), nn.Linear(500, 1)), 100)
    plan = a_plan(steps=20_000, batch=5000.0)
    found = effort.effort(graph, plan, 20_000, 1, LIMITS)
    [said] = found.warnings
    assert f"{found.round_seconds:,.0f} s" in said
    assert "600 s" in said
    effort.refuse_if_impossible(graph, plan, LIMITS)


def test_a_round_that_no_machine_ends_in_time_is_refused_with_both_numbers() -> None:
    graph, _ = traced(nn.Sequential(nn.Linear(100, 500), nn.ReLU(), nn.Linear(500, 1)), 100)
    with pytest.raises(InvalidRequest, match=r"2,\d\d\d s at the very least, and is ended after 600 s") as refused:
        effort.refuse_if_impossible(graph, a_plan(steps=20_000, batch=1_000_000.0), LIMITS)
    assert refused.value.field == "training.steps"


def test_a_model_of_which_a_single_row_does_not_fit_is_refused_with_both_numbers() -> None:
    graph, _ = traced(nn.Sequential(nn.Linear(1000, 4000), nn.ReLU(), nn.Linear(4000, 1)), 1000)
    with pytest.raises(InvalidRequest, match=r"76 MiB .* a single row, and a round may take 64 MiB") as refused:
        effort.refuse_if_impossible(graph, a_plan(), Limits(memory_bytes=64 * 2**20))
    assert refused.value.field == "training.graph"


def test_a_table_that_may_not_fit_is_warned_of_with_both_numbers() -> None:
    graph, _ = traced(nn.Sequential(nn.Linear(1000, 1)), 1000)
    [said] = effort.effort(graph, a_plan(), 1_000_000, 1, LIMITS).warnings
    assert "11," in said
    assert "4,096 MiB" in said


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_chunks_and_one_large_batch_take_the_same_step(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build, width, shape, _ = MODELS[name]
    graph, begin = traced(build(), width, shape)
    random = np.random.default_rng(1)
    rows = Rows(random.uniform(-1, 1, (50, width)).astype(np.float32),
                (random.random(50) < 0.5).astype(np.float32), np.ones(50, np.bool_))  # fmt: skip
    found = []
    for chunk in (50, 7):
        model = interpreter.interpret(graph, weights.read(graph, begin))
        monkeypatch.setattr(engine, "CHUNK_VALUES", chunk * engine.values_per_row(model))
        engine.train(model, rows, a_plan(steps=2, batch=50.0), Silent())
        found.append(torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()]))
    assert torch.allclose(*found, atol=1e-5)
