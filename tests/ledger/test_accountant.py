"""What events cost, held against dp_accounting: the randomised tests search from fixed seeds, so they never flake."""

import math
from fractions import Fraction
from typing import Any

import pytest
from dp_accounting import GaussianDpEvent
from dp_accounting.rdp import RdpAccountant, compute_epsilon
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from jali.wire.dataset import Column
from jali.wire.money import DELTA_UNITS, EPSILON_MAX, EPSILON_UNITS, FIXED_MAX, to_fixed
from jali.wire.statistics import Statistic
from jali_node.errors import EpsilonTooSmall
from jali_node.ledger import accountant
from jali_node.ledger.account import Account
from jali_node.ledger.event import Composed, Gaussian
from jali_node.ledger.terms import GRID, ORDER_UNITS, Terms, offset, terms_for
from jali_node.statistics.plan import multiplier, plan

searched = settings(max_examples=300, derandomize=True, deadline=None, database=None)
multipliers = st.floats(0.2, 1e4)
caps = st.floats(-3.0, 3.0).map(lambda power: 10.0**power)
deltas = st.floats(-12.0, -4.0).map(lambda power: 10.0**power)


@st.composite
def promises(draw: Any) -> Terms:
    delta = to_fixed(draw(deltas), DELTA_UNITS)
    return terms_for(to_fixed(draw(caps)), delta, delta // draw(st.integers(2, 100)))


def oracle(terms: Terms, ledger: list[float]) -> RdpAccountant:
    found = RdpAccountant([order / ORDER_UNITS for order in terms.orders])
    for noise_multiplier in ledger:
        found.compose(GaussianDpEvent(noise_multiplier))
    return found


@searched
@given(st.lists(multipliers, min_size=1, max_size=40), promises())
def test_at_every_order_a_ledger_costs_what_the_oracle_says_rounded_up(ledger: list[float], terms: Terms) -> None:
    cost = accountant.charge(Composed(tuple(Gaussian(z) for z in ledger)), terms)
    for order, ours, theirs in zip(terms.orders, cost.rdp, oracle(terms, ledger).rdp, strict=True):
        exact = sum(Fraction(order, ORDER_UNITS) / (2 * Fraction(z) ** 2) for z in ledger) * EPSILON_UNITS
        assert 0 <= ours - exact < len(ledger), "never below, and less than one unit above per event"
        units = Fraction(float(theirs)) * EPSILON_UNITS
        assert abs(exact - units) <= units / 10**13, "the oracle computes the same in floating point"


@searched
@given(st.sampled_from([*range(1100, 100_000, 100), *GRID]), deltas, st.floats(1e-6, 100.0))
def test_a_cost_and_its_offset_are_the_oracles_epsilon_rounded_up(order: int, delta: float, cost: float) -> None:
    delta_fixed, cost_fixed = to_fixed(delta, DELTA_UNITS), to_fixed(cost)
    ours = max(0, cost_fixed + offset(order, delta_fixed)) / EPSILON_UNITS
    exactly_this = [order / ORDER_UNITS], [cost_fixed / EPSILON_UNITS], delta_fixed / DELTA_UNITS
    theirs = float(compute_epsilon(*exactly_this)[0])
    noise = 1e-15 * (1 + theirs + 64 / (order / ORDER_UNITS - 1))  # of the oracle's own logarithms
    assert -noise <= ours - theirs <= 2.5e-12 + noise


@searched
@given(promises())
def test_the_orders_share_no_more_delta_than_the_promise_leaves_them(terms: Terms) -> None:
    shares = 0.0
    for order, offset_units in zip(terms.orders, terms.offsets, strict=True):
        a = order / ORDER_UNITS
        shares += math.exp((math.log1p(-1 / a) - offset_units / EPSILON_UNITS) * (a - 1) - math.log(a))
    usable = (terms.delta - terms.pool) / DELTA_UNITS
    assert 0.999 * usable <= shares <= usable * (1 + 1e-12)


@searched
@given(multipliers, st.floats(1.0, 10.0), promises())
def test_less_noise_never_costs_less(noisy: float, factor: float, terms: Terms) -> None:
    quiet = noisy / factor
    dear, cheap = (accountant.charge(Gaussian(z), terms) for z in (quiet, noisy))
    assert all(d >= c for d, c in zip(dear.rdp, cheap.rdp, strict=True))
    assert accountant.price(dear, terms) >= accountant.price(cheap, terms)


@searched
@given(multipliers, multipliers, promises())
def test_two_events_never_cost_less_than_one(first: float, second: float, terms: Terms) -> None:
    one = accountant.charge(Gaussian(first), terms)
    both = accountant.charge(Composed((Gaussian(first), Gaussian(second))), terms)
    assert all(b > a for a, b in zip(one.rdp, both.rdp, strict=True))
    assert accountant.price(both, terms) >= accountant.price(one, terms)


def test_a_cost_beyond_counting_saturates_and_fits_no_cap() -> None:
    cap = to_fixed(EPSILON_MAX)
    terms = terms_for(cap, 10**12)
    cost = accountant.charge(Composed((Gaussian(1e-9), Gaussian(1e-9))), terms)
    assert set(cost.rdp) == {FIXED_MAX}
    assert not Account.opened(cap, terms).fits(cost)


COLUMNS = TypeAdapter(tuple[Column, ...]).validate_python(
    [
        {"name": "age", "type": "integer", "lower": 0, "upper": 100},
        {"name": "weight", "type": "number", "lower": 0, "upper": 200},
        {"name": "site", "type": "category", "categories": ["north", "south", "east"]},
    ]
)
STATISTICS: list[dict[str, Any]] = [
    {"kind": "count"},
    {"kind": "mean", "column": "weight"},
    {"kind": "quantiles", "column": "age", "levels": [0.1, 0.5]},
    {"kind": "describe", "columns": ["age", "weight"]},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "mean", "column": "weight"}},
]
_STATISTIC: TypeAdapter[Any] = TypeAdapter(Statistic)


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda s: str(s["kind"]))
@pytest.mark.parametrize("epsilon", [0.01, 0.1, 0.5, 1.0, 3.0, 10.0, 300.0, 1000.0])
@pytest.mark.parametrize("cap", [1.0, 20.0, 1000.0])
def test_a_plan_solved_for_a_price_costs_that_and_no_more(statistic: Any, epsilon: float, cap: float) -> None:
    terms = terms_for(to_fixed(cap), 10**12, 10**11)
    planned = plan(_STATISTIC.validate_python(statistic), COLUMNS, epsilon, terms)
    price = accountant.price(accountant.charge(planned.event, terms), terms)
    assert 0 <= to_fixed(epsilon) - price <= 1e-9 * EPSILON_UNITS


def test_a_price_below_what_any_release_costs_is_refused_with_the_least_one() -> None:
    terms = terms_for(10**12, 10**12, 10**11)
    least = terms.floor / EPSILON_UNITS
    count = _STATISTIC.validate_python({"kind": "count"})
    with pytest.raises(EpsilonTooSmall) as refused:
        plan(count, COLUMNS, least, terms)
    assert refused.value.facts["least"] == least
    assert plan(count, COLUMNS, least * 1.001, terms).event.events


@searched
@given(promises(), caps)
def test_a_price_of_c_fits_a_fresh_cap_of_c_and_a_dearer_one_does_not(terms: Terms, cap_epsilon: float) -> None:
    cap = to_fixed(cap_epsilon)
    fresh = Account.opened(cap, terms)
    at_cap = accountant.concentrated_for(cap, terms, 1)
    if at_cap <= 0:
        assert cap <= terms.floor + accountant.ROUNDING, "only what nothing can cost is without a release"
        return
    assert fresh.fits(accountant.charge(Gaussian(multiplier(at_cap)), terms))
    above = accountant.concentrated_for(cap + cap // 1000 + accountant.ROUNDING, terms, 1)
    assert not fresh.fits(accountant.charge(Gaussian(multiplier(above)), terms))
