"""An attacker who must tell two neighbouring tables apart does no better than the charged event allows.

The attack says "the row is there" when the released value reaches a threshold. From how often that is right and wrong
follows a lower bound on epsilon: at most `delta` aside, right/wrong may not exceed e^epsilon. The bound is statistical
(Clopper and Pearson 1934), so each audit states its false-alarm rate. A second test shows that it can fail.
"""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from jali.wire.dataset import Column
from jali.wire.money import DELTA_UNITS, EPSILON_UNITS, from_fixed, to_fixed
from jali_node.ledger import accountant
from jali_node.ledger.event import Composed, Gaussian
from jali_node.mechanisms import gaussian
from jali_node.statistics.plan import plan

DRAWS, FEWER = 200_000, 50_000
ALARM = 1e-6
DELTAS = (1e-6, 1e-3)
MULTIPLIER = 1.0
AGE = Column(name="age", type="integer", lower=0, upper=100)
THRESHOLDS = (0.5, 1.0, 1.5, 1.75, 2.0, 2.5, 3.0)
"""In deviations from the smaller table's value; fixed before any draw is seen."""
RELEASES = {"count": ({"kind": "count"}, "rows"), "sum": ({"kind": "mean", "column": "age"}, "sum:age")}


def allowed(multiplier: float, delta: float) -> float:
    """Return the epsilon that a charged Gaussian event allows at a delta: the best over all Rényi orders."""
    orders = np.concatenate([np.linspace(1.01, 20, 2000), np.geomspace(20, 1e4, 500)])
    offsets = np.log1p(-1 / orders) - (math.log(delta) + np.log(orders)) / (orders - 1)
    return float(np.min(orders / (2 * multiplier**2) + offsets))


def epsilon_at_least(hits: int, slips: int, draws: int, delta: float, alarm: float) -> float:
    """Return a lower bound on epsilon that is wrong with probability at most `alarm`."""
    right = float(stats.beta.ppf(alarm / 2, hits, draws - hits + 1)) if hits else 0.0
    wrong = float(stats.beta.isf(alarm / 2, slips + 1, draws - slips)) if slips < draws else 1.0
    return math.log((right - delta) / wrong) if right > delta else 0.0


def attacked(without: NDArray[np.int64], present: NDArray[np.int64], value: int, scale: float, delta: float) -> float:
    """Return the best bound over all thresholds, on either side, at a joint false-alarm rate of `ALARM`."""
    each, moved = ALARM / (2 * len(THRESHOLDS)), int(np.sign(np.median(present) - np.median(without)))
    there, absent = moved * (present - value), moved * (without - value)
    step = abs(float(np.median(present) - np.median(without)))
    found = []
    for deviations in THRESHOLDS:
        cut, mirrored = deviations * scale, step - deviations * scale
        found.append(epsilon_at_least(int((there >= cut).sum()), int((absent >= cut).sum()), len(there), delta, each))
        hits, slips = int((absent <= mirrored).sum()), int((there <= mirrored).sum())
        found.append(epsilon_at_least(hits, slips, len(there), delta, each))
    return max(found)


def neighbours(laboratory: Any, statistic: Any, release: str) -> tuple[int, int, int]:
    """Return a measurement's exact value without and with the row that moves it most, and its sensitivity."""
    asked, name = RELEASES[release]
    rows = [{"age": (7 * i) % 101} for i in range(50)]
    for_both = (statistic(asked), {"age": "BIGINT"}, (AGE,))
    without = laboratory.measured(for_both[0], laboratory.table(rows, *for_both[1:]))[name]
    present = laboratory.measured(for_both[0], laboratory.table([*rows, {"age": 100}], *for_both[1:]))[name]
    return without[0][0], present[0][0], without[1]


@pytest.mark.parametrize("release", RELEASES)
def test_telling_neighbours_apart_stays_within_what_was_charged(laboratory: Any, statistic: Any, release: str) -> None:
    """Two deltas of 1e-6 each, every threshold included: false-alarm rate at most 2e-6, in truth far below.

    The allowed epsilon is a bound for every order; the attack on a Gaussian stays some 0.3 below it.
    """
    value, more, sensitivity = neighbours(laboratory, statistic, release)
    without = np.array(gaussian.noised([value] * DRAWS, sensitivity, MULTIPLIER))
    present = np.array(gaussian.noised([more] * DRAWS, sensitivity, MULTIPLIER))
    for delta in DELTAS:
        bound = attacked(without, present, value, MULTIPLIER * sensitivity, delta)
        assert bound <= allowed(MULTIPLIER, delta)
        assert bound > 0.4 * allowed(MULTIPLIER, delta), "an attack this weak would find nothing"


@pytest.mark.parametrize("release", RELEASES)
def test_the_same_audit_catches_a_halved_noise(laboratory: Any, statistic: Any, release: str) -> None:
    """Missed with probability below 1e-6: the bound lies about 1 above the allowed epsilon, four deviations."""
    value, more, sensitivity = neighbours(laboratory, statistic, release)
    without = np.array(gaussian.noised([value] * FEWER, sensitivity, MULTIPLIER / 2))
    present = np.array(gaussian.noised([more] * FEWER, sensitivity, MULTIPLIER / 2))
    assert attacked(without, present, value, MULTIPLIER * sensitivity, 1e-3) > allowed(MULTIPLIER, 1e-3)


def test_the_same_audit_catches_a_row_that_counts_twice(laboratory: Any, statistic: Any) -> None:
    """Missed with probability below 1e-6, as for halved noise."""
    value, more, sensitivity = neighbours(laboratory, statistic, "sum")
    without = np.array(gaussian.noised([value] * FEWER, sensitivity, MULTIPLIER))
    twice = np.array(gaussian.noised([2 * more - value] * FEWER, sensitivity, MULTIPLIER))
    assert attacked(without, twice, value, 2 * MULTIPLIER * sensitivity, 1e-3) > allowed(MULTIPLIER, 1e-3)


def exact_delta(law: Any, shift: int, epsilon: float) -> float:
    """Return the delta of discrete Gaussian noise under a shift, summed over every output (Canonne et al. 2020)."""
    _, mass = law.mass()
    log_mass = np.log(np.maximum(mass, 1e-300))
    shifted = np.concatenate([np.full(shift, -690.0), log_mass[:-shift]])
    surplus = np.exp(shifted) - np.exp(epsilon + log_mass)
    return float(np.maximum(surplus, 0.0).sum())


@pytest.mark.parametrize("sensitivity", [1, 2, 100])
@pytest.mark.parametrize("epsilon", [0.2, 0.5, 1.0, 3.0, 9.0])
def test_the_exact_privacy_of_a_release_is_within_its_price(
    discrete_gaussian: Any, terms: Any, statistic: Any, epsilon: float, sensitivity: int
) -> None:
    """No chance in this one: the exact delta of the noise at the stated price is at most the promised delta."""
    planned = plan(statistic({"kind": "count"}), (AGE,), epsilon, terms)
    price = from_fixed(accountant.price(accountant.charge(planned.event, terms), terms))
    assert price <= epsilon
    law = discrete_gaussian(gaussian.scale(planned.event.events[0].noise_multiplier, sensitivity))
    assert exact_delta(law, sensitivity, price) <= terms.delta / DELTA_UNITS
    halved = discrete_gaussian(law.scale / 2)
    assert exact_delta(halved, sensitivity, price) > terms.delta / DELTA_UNITS


@pytest.mark.parametrize("epsilon", [0.2, 1.0, 9.0])
@pytest.mark.parametrize("kind", ["count", "mean", "describe"])
def test_the_account_charges_no_less_than_the_best_order_would(
    terms: Any, statistic: Any, kind: str, epsilon: float
) -> None:
    column = {"mean": {"column": "age"}, "describe": {"columns": ["age"]}}.get(kind, {})
    planned = plan(statistic({"kind": kind, **column}), (AGE,), epsilon, terms)
    together = math.sqrt(1 / sum(event.noise_multiplier**-2 for event in planned.event.events))
    cost = accountant.charge(planned.event, terms)
    assert accountant.price(cost, terms) / EPSILON_UNITS >= allowed(together, terms.delta / DELTA_UNITS)


def test_an_event_of_two_halves_costs_at_least_the_whole(terms: Any) -> None:
    whole = accountant.charge(Composed((Gaussian(3.0),)), terms)
    halves = accountant.charge(Composed((Gaussian(3.0 * math.sqrt(2)), Gaussian(3.0 * math.sqrt(2)))), terms)
    assert all(two >= one - 1 for one, two in zip(whole.rdp, halves.rdp, strict=True))
    assert accountant.price(halves, terms) == pytest.approx(accountant.price(whole, terms), abs=to_fixed(1e-9))
