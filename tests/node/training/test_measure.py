"""Held-out metrics: no row moves the sums further than was priced, and the figures are as far off as they say."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from jali.wire.money import to_fixed
from jali.wire.targets import Loss
from jali_node.ledger import accountant
from jali_node.ledger.event import Gaussian
from jali_node.ledger.terms import terms_for
from jali_node.training import measure, sums
from jali_node.training.lattice import HALF, LATTICE, SENSITIVITY
from jali_node.training.plan import TrainingPlan
from jali_node.training.tensors import Rows

TERMS = terms_for(to_fixed(2.0), 10**12)
HUGE = [0.0, 1.0, -1.0, 1e30, 3e38, math.inf, -math.inf, math.nan]


class Handed(nn.Module):
    """Answers what it reads."""

    def forward(self, rows: Tensor) -> Tensor:
        return rows


def plan_of(loss: Loss = Loss.LOGISTIC, **changes: Any) -> TrainingPlan:
    return TrainingPlan.of(
        epsilon=to_fixed(1.0), terms=TERMS, units=2000, batch=500, rounds=1, steps=5, clip_norm=1.0, learning_rate=0.5,
        held_out=0.2, metrics_epsilon=to_fixed(0.5), aim={"loss": loss, **changes},
    )  # fmt: skip


def rows_of(outputs: Any, target: Any, present: Any = None) -> Rows:
    there = np.ones(len(target), np.bool_) if present is None else np.asarray(present)
    return Rows(np.asarray(outputs, np.float32), np.asarray(target, np.float32), there)


def test_the_price_of_measuring_is_its_own_and_the_divisor_is_of_those_who_teach() -> None:
    plan = plan_of()
    assert plan.events == (plan.round_event, Gaussian(plan.metrics_noise))
    cost = accountant.price(accountant.charge(Gaussian(plan.metrics_noise), TERMS), TERMS)
    assert 0 <= to_fixed(0.5) - cost <= to_fixed(0.5) / 10_000
    assert (plan.q, plan.expected_batch) == (500 / 1600, 500.0)


@pytest.mark.parametrize("loss", Loss)
def test_no_row_moves_the_sums_further_than_was_priced(loss: Loss) -> None:
    plan = plan_of(loss, target_span=2.0, target_unit=2.0)
    width = 3 if loss is Loss.CHOICE else 1
    random = np.random.default_rng(2)
    base = rows_of(random.normal(size=(5, width)), [0, 1, 1, 0, 1])
    before = sums.sums(Handed(), base, plan, 10)
    for _ in range(20):
        outputs = np.concatenate([base.features, random.choice(HUGE, (1, width)).astype(np.float32)])
        more = rows_of(outputs, [*base.target, random.integers(0, 2)])
        moved = np.subtract(sums.sums(Handed(), more, plan, 10), before)
        assert moved[0] == LATTICE
        assert math.sqrt(float(moved @ moved)) <= SENSITIVITY
        assert sums.sums(Handed(), Rows(more.features, more.target, np.arange(6) < 5), plan, 10) == before, "no target"


def test_many_chunks_give_the_same_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(np.linspace(-2, 2, 50)[:, None], [0, 1] * 25)
    whole = sums.sums(Handed(), rows, plan_of(), 10)
    monkeypatch.setattr(sums, "CHUNK_VALUES", 70)
    assert sums.sums(Handed(), rows, plan_of(), 10) == whole


def test_the_figures_are_those_of_the_rows_within_the_noise_that_they_state() -> None:
    """20,000 rows, 200 draws; six standard deviations: false-alarm rate 1e-6."""
    random = np.random.default_rng(4)
    logits, target = random.normal(size=(20_000, 1)) * 2, random.integers(0, 2, 20_000)
    rows = rows_of(logits, target)
    totals, plan = sums.sums(Handed(), rows, plan_of(), 10), plan_of()
    accuracy = float(((logits[:, 0] > 0) == (target > 0)).mean())
    loss = float(
        nn.functional.binary_cross_entropy_with_logits(
            torch.from_numpy(rows.features[:, 0]), torch.from_numpy(rows.target), reduction="none"
        ).clamp(0, 5).mean()
    )  # fmt: skip
    drawn = [measure.noised(totals, plan) for _ in range(200)]
    for found in drawn[:20]:
        assert found.accuracy == pytest.approx(accuracy, abs=6 * found.figure_stddev + 1e-3)
        assert found.loss == pytest.approx(loss, abs=6 * found.loss_stddev + 1e-3)
        assert found.rows == pytest.approx(20_000, abs=6 * found.rows_stddev)
    spread = float(np.std([found.accuracy for found in drawn]))
    assert spread == pytest.approx(drawn[0].figure_stddev, rel=0.4)


def test_an_error_is_in_the_targets_own_unit() -> None:
    plan = plan_of(Loss.SQUARED, target_span=2.0, target_unit=100.0)
    totals = sums.sums(Handed(), rows_of([[0.5]] * 4000, [0.3] * 4000), plan, 10)
    found = measure.noised(totals, plan)
    assert found.accuracy is None
    assert found.error == pytest.approx(10.0, abs=6 * found.figure_stddev + 0.2)


def test_no_rows_give_figures_too() -> None:
    found = measure.noised([0, 0, 0], plan_of())
    assert 0 <= (found.accuracy or 0) <= 1
    assert math.isfinite(found.loss)
    assert found.figure_stddev > 0
    assert HALF * 2 == LATTICE
