"""An audit of the engine: what an attacker learns of a canary is what the charged noise allows, and no more.

`make audit` runs it with the longer games. False-alarm rate: 1e-6 for each claim. Each mistake that it is there for is
made on purpose too, and must be caught.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.node.training import canaries
from tests.node.training.canaries import Game, played
from torch import nn

from jali.wire.descent import Linear, Optimizer
from jali.wire.money import from_fixed, to_fixed
from jali_node.ledger import training_price
from jali_node.ledger.terms import terms_for
from jali_node.training import engine, gradients
from jali_node.training.plan import TrainingPlan
from jali_node.training.randomness import Randomness
from jali_node.training.tensors import Rows

DELTA = 10**13


def price(game: Game) -> float:
    """Return what the ledger charges for a game, at a delta of 1e-5."""
    plan = game.plan
    terms = terms_for(10**13, DELTA)
    return from_fixed(
        training_price.whole_price(plan.q, plan.noise_multiplier, plan.steps_per_round, plan.rounds, terms)
    )


def assert_as_charged(game: Game) -> None:
    allowed = math.sqrt(game.plan.steps_per_round) / game.plan.noise_multiplier
    low, high = game.learned()
    assert low <= allowed <= high
    assert high - low < 0.1, "an audit that tells nothing"
    assert game.noise_is_as_charged()
    assert game.epsilon(1e-5) <= price(game)


@pytest.mark.parametrize("noise", [0.5, 4.0])
def test_what_is_learned_of_a_canary_is_what_was_charged(noise: float) -> None:
    assert_as_charged(played(noise))


WALKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "adam": {"optimizer": Optimizer.ADAM},
    "falling rate": {"schedule": Linear()},
}


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
def test_whatever_is_done_with_a_noised_gradient_as_much_is_learned(walk: dict[str, Any]) -> None:
    assert_as_charged(played(2.0, steps=2, **walk))


def test_what_is_learned_of_an_entity_is_what_was_charged_however_many_rows_it_has() -> None:
    assert_as_charged(played(2.0, each=2))


def test_the_audit_catches_an_entity_of_which_each_row_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    train = engine.train
    monkeypatch.setattr(engine, "train", lambda model, rows, plan: train(model, replace(rows, unit=None), plan))
    game = played(2.0, each=4)
    assert game.learned()[0] > 1.5 / 2.0
    assert game.epsilon(1e-5) > price(game)


def assert_as_little_as_an_average_tells(game: Game) -> None:
    """Plain descent's average is a sum of noised gradients in which later ones count less: at most what all tell."""
    steps, last = game.plan.steps_per_round, game.plan.averaged
    counts = [min(1.0, (steps - at) / last) for at in range(steps)]
    told = sum(counts) / math.sqrt(sum(count**2 for count in counts)) / game.plan.noise_multiplier
    assert told <= math.sqrt(steps) / game.plan.noise_multiplier
    low, high = game.learned()
    assert low <= told <= high
    assert high - low < 0.1, "an audit that tells nothing"
    assert game.epsilon(1e-5) <= price(game)


def test_of_an_average_no_more_is_learned_than_was_charged() -> None:
    assert_as_little_as_an_average_tells(played(2.0, steps=3, average=0.67, reply=True))


@pytest.mark.slow
@pytest.mark.parametrize("average", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize(("noise", "steps"), [(3.0, 10), (10.0, 100)])
def test_of_an_average_over_many_steps_no_more_is_learned(noise: float, steps: int, average: float) -> None:
    assert_as_little_as_an_average_tells(played(noise, steps=steps, average=average, reply=True))


@pytest.mark.parametrize("walk", ["plain", "adam"])
def test_the_audit_catches_a_quarter_less_noise_whatever_is_done_with_it(
    walk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    normals = Randomness.normals
    monkeypatch.setattr(Randomness, "normals", lambda self, count: 0.75 * normals(self, count))
    game = played(1.1, **WALKS[walk])
    assert game.learned()[0] > 1 / 1.1
    assert not game.noise_is_as_charged()


@pytest.mark.slow
@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
@pytest.mark.parametrize(("noise", "steps"), [(0.3, 1), (3.0, 10), (10.0, 100)])
def test_what_is_learned_over_many_steps_is_what_was_charged(noise: float, steps: int, walk: dict[str, Any]) -> None:
    assert_as_charged(played(noise, steps=steps, **walk))


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "q", "steps"), [(0.8, 0.1, 10), (1.5, 0.1, 100), (1.0, 0.5, 20)])
def test_what_is_learned_of_samples_is_at_most_what_was_charged(noise: float, q: float, steps: int) -> None:
    game = played(noise, q=q, steps=steps)
    assert 0.1 * price(game) < game.epsilon(1e-5) <= price(game)
    assert game.noise_is_as_charged()


def test_the_audit_catches_rows_clipped_to_twice_the_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BELOW", 2.0)
    assert played(1.1).learned()[0] > 1 / 1.1


def test_the_audit_catches_a_sample_of_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Randomness, "sample", lambda self, units, rate: np.arange(units))
    game = played(2.0, q=0.01)
    assert game.epsilon(1e-5) > 2 * price(game)


def test_the_audit_catches_noise_that_is_drawn_once_for_all_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """One draw for all coordinates is no noise at all to whoever compares two of them."""
    one = Randomness().normals(1)
    monkeypatch.setattr(Randomness, "normals", lambda self, count: np.repeat(one, count))
    assert not played(1.1).noise_is_as_charged()


def test_the_audit_catches_noise_that_is_drawn_once_for_all_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    once = Randomness().normals(canaries.CANARIES)
    monkeypatch.setattr(Randomness, "normals", lambda self, count: once.copy())
    assert not played(4.0, steps=3).noise_is_as_charged()


NORMS = [(1e-6, 1e-12), (1e-6, 1.0), (1.0, 1e-6), (1.0, 1e4)]
"""Clip norms, and scales of the weights."""


def test_no_hostile_row_counts_more_than_the_clip_norm_and_none_less_than_a_number() -> None:
    assert max(canaries.most_of_one_row(*each, rows=100) for each in NORMS) <= 1


@pytest.mark.slow
def test_none_of_many_hostile_rows_counts_more_than_the_clip_norm() -> None:
    assert max(canaries.most_of_one_row(*each, rows=5000) for each in NORMS) <= 1


def test_the_audit_catches_a_row_that_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "finite", torch.clone)
    assert canaries.most_of_one_row(1.0, 1.0, rows=50) == math.inf


def test_the_audit_catches_factors_too_small_for_their_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "ORDINARY", math.inf)
    assert canaries.most_of_one_row(1e-6, 1e-12, rows=300) > 1


def synthetic_visits(count: int, seed: int) -> Rows:
    """Doctor visits as a health-insurance study records them: a few go often, and what is known tells it weakly."""
    random = np.random.default_rng(seed)
    share, limits, ill = random.uniform(-1, 1, count), random.random(count) < 0.15, random.beta(1, 4, count)
    log_visits = 0.4 - 1.3 * share + 1.5 * limits + 3.0 * ill + random.gumbel(0, 0.4, count)
    features = np.stack([share, 2 * limits - 1, 2 * ill - 1], axis=1).astype(np.float32)
    return Rows(features, (log_visits >= 1.2).astype(np.float32), np.ones(count, np.bool_))


def test_at_epsilon_1_a_model_learns_more_than_the_majority() -> None:
    """Delta 1e-6. Without noise the same model reaches 0.869, with it 0.868 to 0.870; the majority is 0.572."""
    terms = terms_for(to_fixed(1.0), 10**12)
    planned = TrainingPlan.of(
        epsilon=to_fixed(1.0),
        terms=terms,
        units=20_000,
        batch=500,
        rounds=1,
        steps=100,
        clip_norm=1.0,
        learning_rate=2.0,
    )
    model = nn.Sequential(nn.Linear(3, 1))
    engine.train(model, synthetic_visits(20_000, 1), planned)
    unseen = synthetic_visits(20_000, 2)
    with torch.no_grad():
        told = (model(torch.from_numpy(unseen.features))[:, 0] > 0).numpy()
    accuracy = float((told == (unseen.target > 0)).mean())
    majority = float(max(unseen.target.mean(), 1 - unseen.target.mean()))
    assert accuracy > majority + 0.1, (accuracy, majority)
