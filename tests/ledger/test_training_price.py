"""What training costs, held against dp_accounting, and the noise that a price buys."""

import math
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent
from dp_accounting.rdp import RdpAccountant
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from jali.wire.money import EPSILON_UNITS, FIXED_MAX, canonical, to_fixed
from jali_node.errors import EpsilonTooSmall
from jali_node.ledger import accountant, sampled, training_price
from jali_node.ledger.account import Account
from jali_node.ledger.event import Composed, Gaussian, PoissonSampled, SelfComposed
from jali_node.ledger.terms import ORDER_UNITS, Terms, terms_for

searched = settings(max_examples=40, derandomize=True, deadline=None, database=None)
rates = st.floats(-5.0, -0.01).map(lambda power: 10.0**power)
noises = st.floats(0.3, 100.0)
times_over = st.integers(1, 2000)
TERMS = terms_for(to_fixed(2.0), 10**12, 10**11)


def theirs(q: float, noise: float, steps: int, orders: list[float]) -> list[float]:
    oracle = RdpAccountant(orders)
    oracle.compose(SelfComposedDpEvent(PoissonSampledDpEvent(q, GaussianDpEvent(noise)), steps))
    return [float(cost) for cost in oracle.rdp]


@searched
@given(rates, noises, times_over)
def test_at_whole_orders_a_round_costs_what_the_oracle_says_and_hardly_more(q: float, noise: float, steps: int) -> None:
    whole = [order for order in TERMS.orders if order % ORDER_UNITS == 0 and order <= 256 * ORDER_UNITS]
    cost = accountant.charge(training_price.round_event(q, noise, steps), TERMS)
    ours = dict(zip(TERMS.orders, cost.rdp, strict=True))
    for order, exact in zip(whole, theirs(q, noise, steps, [order / ORDER_UNITS for order in whole]), strict=True):
        units = exact * EPSILON_UNITS
        room = 1 + units * 1e-9 + steps * EPSILON_UNITS * 1e-12
        assert min(units * (1 - 1e-15), FIXED_MAX) <= ours[order] <= units + room


def integrated(q: float, noise: float, order: float) -> float:
    """The divergence by its definition: the larger of the two directions is this one."""

    def moment(x: float) -> float:
        mixed = math.log1p(-q), math.log(q) + (2 * x - 1) / (2 * noise**2)
        return math.exp(order * np.logaddexp(*mixed) - x * x / (2 * noise**2)) / (noise * math.sqrt(2 * math.pi))

    middle = [0.0, order, noise**2 * math.log(1 / q) + 0.5]
    ends = min(middle) - 12 * noise, max(middle) + 12 * noise
    value, _ = quad(moment, *ends, points=middle, limit=1000, epsabs=0, epsrel=1e-12)
    return math.log(value) / (order - 1)


@searched
@given(rates, st.floats(0.5, 20.0), st.sampled_from([1100, 1500, 2300, 3900, 9700]))
def test_between_whole_orders_the_chord_lies_above_the_integral(q: float, noise: float, order: int) -> None:
    exact = integrated(q, noise, order / ORDER_UNITS)
    ours = sampled.divergence(q, noise, order)
    assert ours is not None
    assert float(ours) >= exact * (1 - 1e-9) - 1e-10
    if order > 3000 and q > 0.01:
        assert float(ours) <= exact * 2 + 1e-10


@searched
@given(rates, noises, times_over)
def test_sampling_never_costs_more_than_not_sampling(q: float, noise: float, steps: int) -> None:
    sampled_cost = accountant.charge(training_price.round_event(q, noise, steps), TERMS).rdp
    whole = accountant.charge(SelfComposed(Gaussian(noise), steps), TERMS).rdp
    assert all(part <= full for part, full in zip(sampled_cost, whole, strict=True))


@searched
@given(rates, noises, st.floats(1.01, 3.0), times_over)
def test_more_noise_a_lower_rate_and_fewer_steps_never_cost_more(
    q: float, noise: float, factor: float, steps: int
) -> None:
    base = training_price.whole_price(q, noise, steps, 2, TERMS)
    assert training_price.whole_price(q, noise * factor, steps, 2, TERMS) <= base
    assert training_price.whole_price(q / factor, noise, steps, 2, TERMS) <= base
    assert training_price.whole_price(q, noise, steps + 1, 2, TERMS) >= base
    assert training_price.whole_price(q, noise, steps, 3, TERMS) >= base


@pytest.mark.parametrize("epsilon", [0.05, 0.3, 1.0, 8.0, 300.0])
@pytest.mark.parametrize("q", [0.002, 0.1, 1.0])
@pytest.mark.parametrize(("steps", "rounds"), [(1, 1), (20, 10)])
def test_a_price_is_spent_almost_whole_and_never_passed(epsilon: float, q: float, steps: int, rounds: int) -> None:
    asked = to_fixed(epsilon)
    noise = training_price.noise_multiplier_for(asked, TERMS, q, steps, rounds)
    price = training_price.whole_price(q, noise, steps, rounds, TERMS)
    assert price <= asked
    assert training_price.whole_price(q, noise * (1 - 2 * training_price.TOLERANCE), steps, rounds, TERMS) > asked


@pytest.mark.parametrize("q", [0.01, 0.25, 1.0])
def test_a_price_of_1_fits_a_cap_of_1_round_by_round_and_a_dearer_one_does_not(q: float) -> None:
    cap = to_fixed(1.0)
    terms = terms_for(cap, 10**12, 10**11)
    noise = training_price.noise_multiplier_for(cap, terms, q, 20, 7)
    each = accountant.charge(training_price.round_event(q, noise, 20), terms)
    account = Account.opened(cap, terms)
    for _ in range(7):
        assert account.fits(each)
        account = account.with_held(each)
    assert not account.fits(each)
    for _ in range(7):
        account = account.with_begun(each)
    assert account.spent == training_price.whole_charge(q, noise, 20, 7, terms).rdp
    dearer = accountant.charge(training_price.round_event(q, noise * 0.99, 20), terms)
    assert not Account.opened(cap, terms).fits(accountant.repeated(dearer, 7))


def test_a_full_batch_costs_what_the_gaussian_costs() -> None:
    assert accountant.charge(PoissonSampled(1.0, Gaussian(1.3)), TERMS) == accountant.charge(Gaussian(1.3), TERMS)


def test_repeating_is_composing() -> None:
    one = SelfComposed(PoissonSampled(0.05, Gaussian(1.3)), 10)
    three = Composed((one, one, one))
    cost = accountant.charge(one, TERMS)
    assert accountant.repeated(cost, 3) == accountant.charge(three, TERMS)
    [order, *_] = TERMS.orders
    longer = accountant.charge(SelfComposed(one.event, 30), TERMS)
    assert 0 <= accountant.repeated(cost, 3).rdp[0] - longer.rdp[0] <= 3, f"rounded once or thrice at {order}"


def test_what_no_noise_can_reach_is_refused_with_the_least_price() -> None:
    with pytest.raises(EpsilonTooSmall) as refused:
        training_price.noise_multiplier_for(TERMS.floor, TERMS, 0.1, 10, 1)
    assert refused.value.facts["least"] == TERMS.floor / EPSILON_UNITS


def test_a_job_and_questions_together_cost_less_than_two_ledgers() -> None:
    terms = terms_for(to_fixed(2.0), 10**12)
    job = training_price.whole_charge(0.02, 1.2, 100, 5, terms)
    questions = accountant.repeated(accountant.charge(Gaussian(25.0), terms), 70)
    together = accountant.Charge(tuple(a + b for a, b in zip(job.rdp, questions.rdp, strict=True)))
    assert accountant.price(together, terms) < accountant.price(job, terms) + accountant.price(questions, terms)


def test_events_are_written_with_all_that_they_are() -> None:
    event = SelfComposed(PoissonSampled(0.1, Gaussian(1.5)), 20)
    inner = {"kind": "gaussian", "v": 1, "noise_multiplier": "1.5"}
    sample = {"kind": "poisson_sampled", "v": 1, "q": "0.1", "event": inner}
    assert event.record() == {"kind": "self_composed", "v": 1, "times": 20, "event": sample}
    assert canonical(event.record())


@pytest.mark.parametrize("q", [0.0, -0.1, 1.5, float("nan")])
def test_a_rate_that_is_none_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match="expected 0 < q <= 1"):
        PoissonSampled(q, Gaussian(1.0))


def test_steps_of_no_number_are_refused() -> None:
    with pytest.raises(ValueError, match="expected times >= 1"):
        SelfComposed(Gaussian(1.0), 0)


def test_a_cost_beyond_counting_saturates() -> None:
    cost = accountant.charge(SelfComposed(Gaussian(1e-9), 10), TERMS)
    assert set(cost.rdp) == {FIXED_MAX}
    assert set(accountant.repeated(cost, 9).rdp) == {FIXED_MAX}


def test_noise_is_found_within_seconds() -> None:
    terms: Terms = terms_for(to_fixed(3.0), 10**12, 10**11)
    start = time.monotonic()
    training_price.noise_multiplier_for(to_fixed(1.5), terms, 0.0123, 50, 20)
    assert time.monotonic() - start < 30, "half a second, and the first time the import"


def test_a_node_that_answers_questions_never_loads_the_oracle_or_what_else_is_slow() -> None:
    """OpenDP's prelude would load scikit-learn wherever it is there: two seconds more for every command."""
    code = "import sys, jali_node.app; print({'dp_accounting', 'sklearn', 'scipy', 'torch'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "set()"


def test_slack_is_small_next_to_what_it_guards() -> None:
    moment = float(sampled._log_moment(1e-4, 10.0, 2))
    assert Fraction(sampled._slack(1e-4, 10.0, 2, moment)) < Fraction(moment) / 500
