"""Training in exact arithmetic: what a row adds is whole, bounded exactly, and follows from that row alone."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from jali.wire.graph import Graph
from jali_node.mechanisms import gaussian
from jali_node.sandbox import round
from jali_node.sandbox.limits import Limits
from jali_node.training import draws, engine, interpreter, strict, weights
from jali_node.training.lattice import FEATURE, HALF, LATTICE, RESIDUAL, bound_of
from jali_node.training.plan import TrainingPlan
from jali_node.training.tensors import Rows

WIDTH = 3
GRAPH = Graph.model_validate(
    {
        "features": WIDTH,
        "nodes": [{"id": "n0", "kind": "linear", "inputs": ["input"], "in_features": WIDTH, "out_features": 1}],
        "output": "n0",
    }
)
BEGIN = safetensors.numpy.save({"n0.weight": np.float32([[0.5, -1.0, 0.25]]), "n0.bias": np.float32([0.125])})
PLAN = TrainingPlan(10**12, 1, 4, 1.0, 50.0, 1.0, 0.5, 2.0, strict=True)
SQUARED = replace(PLAN, loss="squared", target_span=2.0)
anything = st.floats(width=32)
tables = st.integers(0, 6).flatmap(
    lambda n: st.tuples(
        arrays.arrays(np.float32, (n, WIDTH), elements=anything), arrays.arrays(np.float32, n, elements=anything)
    )
)
walks = arrays.arrays(np.float32, WIDTH + 1, elements=anything)


def some_rows(features: NDArray[Any], target: NDArray[Any]) -> Rows:
    return Rows(features.astype(np.float32), target.astype(np.float32), np.ones(len(target), np.bool_))


def gradient(rows: Rows, flat: NDArray[Any], plan: TrainingPlan) -> list[int]:
    found = strict.Lattice(rows, plan, intercept=True).gradient(np.nan_to_num(flat), bound_of(plan.clip_norm))
    return [int(part) for part in found]


@settings(max_examples=150, deadline=None)
@given(tables, walks, st.sampled_from([PLAN, SQUARED]), st.sampled_from([1e-6, 0.01, 1.0, 1000.0]))
def test_whatever_a_row_holds_it_moves_the_sum_by_a_whole_vector_within_the_bound(
    table: tuple[NDArray[Any], NDArray[Any]], flat: NDArray[Any], plan: TrainingPlan, clip: float
) -> None:
    plan = replace(plan, clip_norm=clip)
    rows = some_rows(*table)
    whole = gradient(rows, flat, plan)
    for gone in range(len(rows.target)):
        rest = some_rows(np.delete(rows.features, gone, 0), np.delete(rows.target, gone))
        moved = [one - other for one, other in zip(whole, gradient(rest, flat, plan), strict=True)]
        assert sum(part * part for part in moved) <= bound_of(clip) ** 2
        alone = some_rows(rows.features[gone : gone + 1], rows.target[gone : gone + 1])
        assert moved == gradient(alone, flat, plan), "it adds what it adds by itself, whoever stands beside it"


def test_what_a_row_adds_does_not_depend_on_where_it_stands_in_a_large_table() -> None:
    random = np.random.default_rng(0)
    wide = random.uniform(-1, 1, (20_001, 211)).astype(np.float32)
    target = (random.random(20_001) < 0.5).astype(np.float32)
    flat = random.normal(size=212)
    lattice = strict.Lattice(some_rows(wide, target), PLAN, intercept=True)
    order = random.permutation(20_001)
    other = strict.Lattice(some_rows(wide[order], target[order]), PLAN, intercept=True)
    bound = bound_of(1.0)
    assert lattice.gradient(flat, bound).tolist() == other.gradient(flat, bound).tolist()
    one = strict.Lattice(some_rows(wide[:1], target[:1]), PLAN, intercept=True).gradient(flat, bound)
    rest = strict.Lattice(some_rows(wide[1:], target[1:]), PLAN, intercept=True).gradient(flat, bound)
    assert (lattice.gradient(flat, bound) - rest).tolist() == one.tolist()


@pytest.mark.parametrize("plan", [PLAN, SQUARED])
def test_a_step_is_that_of_whole_numbers_by_hand(plan: TrainingPlan) -> None:
    random = np.random.default_rng(1)
    features, flat = random.uniform(-1, 1, (20, WIDTH)).astype(np.float32), np.float32([0.5, -1.0, 0.25, 0.125])
    target = (random.random(20) < 0.5).astype(np.float32) if plan is PLAN else features[:, 0]
    total = [0] * (WIDTH + 1)
    for row, aim in zip(features.tolist(), target.tolist(), strict=True):
        whole = [*(math.trunc(value * FEATURE) for value in row), FEATURE]
        logit = sum(a * math.trunc(float(w) * 65536) for a, w in zip(whole, flat, strict=True))
        if plan is PLAN:
            told = math.trunc(RESIDUAL / (1 + math.exp(-((logit >> 14) / 4096))))
            residual = told - (RESIDUAL if aim > 0.5 else 0)
        else:
            residual = (logit >> 10) - math.trunc(aim * RESIDUAL)
        squared = sum(a * a for a in whole)
        most = bound_of(1.0) // (math.isqrt(squared) + (math.isqrt(squared) ** 2 < squared))
        residual = max(-most, min(most, residual))
        total = [t + residual * a for t, a in zip(total, whole, strict=True)]
    assert gradient(some_rows(features, target), flat, plan) == total


def test_without_noise_and_clipping_it_walks_as_floating_point_does() -> None:
    random = np.random.default_rng(2)
    rows = some_rows(random.uniform(-1, 1, (500, WIDTH)), random.random(500) < 0.5)
    plan = replace(PLAN, clip_norm=100.0, expected_batch=500.0, noise_multiplier=1e-9)
    silent = np.zeros((plan.steps_per_round, WIDTH + 1), np.int64)
    exact = weights.read(GRAPH, strict.train(model(), rows, plan, silent))
    floating = weights.read(GRAPH, engine.train(model(), rows, replace(plan, strict=False)))
    for name, tensor in exact.items():
        torch.testing.assert_close(tensor, floating[name], atol=1e-3, rtol=0)


def model() -> interpreter.Interpreted:
    return interpreter.interpret(GRAPH, weights.read(GRAPH, BEGIN))


def test_its_noise_is_the_discrete_gaussian_at_the_charged_scale_and_drawn_anew() -> None:
    """Each of 4 x 5,000 draws: the variance lies within 5 of its standard errors with probability above 1 - 1e-6."""
    first, second = draws.drawn(PLAN, 5000), draws.drawn(PLAN, 5000)
    assert first.shape == (4, 5000)
    assert (first != second).any()
    scale = gaussian.scale(PLAN.noise_multiplier, bound_of(PLAN.clip_norm))
    assert abs(float(np.var(first)) / scale**2 - 1) < 5 * math.sqrt(2 / first.size)


def test_a_rounds_reply_comes_from_a_cell_and_from_an_empty_table_has_the_same_form() -> None:
    random = np.random.default_rng(3)
    rows, limits = some_rows(random.uniform(-1, 1, (50, WIDTH)), random.random(50) < 0.5), Limits(wall_s=120.0)
    reply, nothing = round.run_round(GRAPH, BEGIN, PLAN, rows, limits), round.run_round_of_nothing(GRAPH, BEGIN, PLAN)
    assert len(reply) == len(nothing)
    assert reply != nothing
    assert round.run_round(GRAPH, BEGIN, PLAN, rows, limits) != reply


@settings(max_examples=60, deadline=None)
@given(tables, walks, st.sampled_from([PLAN, SQUARED]))
def test_a_row_moves_what_is_measured_by_no_more_than_the_lattice_allows(
    table: tuple[NDArray[Any], NDArray[Any]], flat: NDArray[Any], plan: TrainingPlan
) -> None:
    features, target = table
    whole = measured(features, target, flat, plan)
    for gone in range(len(target)):
        rest = measured(np.delete(features, gone, 0), np.delete(target, gone), flat, plan)
        count, figure, lost = (one - other for one, other in zip(whole, rest, strict=True))
        assert count == LATTICE
        assert abs(figure) <= HALF
        assert abs(lost) <= HALF


def measured(features: NDArray[Any], target: NDArray[Any], flat: NDArray[Any], plan: TrainingPlan) -> list[int]:
    return strict.Lattice(some_rows(features, target), plan, intercept=True).sums(np.nan_to_num(flat), plan.target_span)


@pytest.mark.parametrize("plan", [PLAN, SQUARED])
def test_what_is_measured_is_what_floating_point_measures(plan: TrainingPlan) -> None:
    from jali_node.training import sums

    random = np.random.default_rng(4)
    features = random.uniform(-1, 1, (2000, WIDTH)).astype(np.float32)
    target = (random.random(2000) < 0.5) if plan is PLAN else features[:, 0]
    rows = some_rows(features, target)
    exact, floating = strict.sums(model(), rows, plan), sums.sums(model(), rows, plan, 10)
    assert exact[0] == floating[0]
    assert all(abs(one - other) < 2000 for one, other in zip(exact[1:], floating[1:], strict=True)), "a step a row"
