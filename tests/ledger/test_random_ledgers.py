"""Thousands of ledgers, drawn from fixed seeds: at every order the running sums are the oracle's, rounded up."""

import random
from fractions import Fraction

import pytest
from dp_accounting import DpEvent, GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent
from dp_accounting.rdp import RdpAccountant

from jali.wire.money import EPSILON_UNITS, to_fixed
from jali_node.ledger import accountant
from jali_node.ledger.account import Account
from jali_node.ledger.event import Composed, Event, Gaussian, PoissonSampled, SelfComposed, Thresholded
from jali_node.ledger.terms import ORDER_UNITS, Terms, terms_for

LEDGERS = 5000
WHOLE_MAX = 64


def drawn(draw: random.Random) -> tuple[Event, list[DpEvent], int]:
    """Return an event, the same for the oracle, and how often its cost was rounded up."""
    kind, noise = draw.randrange(4), 10 ** draw.uniform(-0.5, 3)
    ours = Gaussian(noise)
    if kind == 0:
        return ours, [GaussianDpEvent(noise)], 1
    if kind == 1:
        times = draw.randrange(1, 100)
        return SelfComposed(ours, times), [SelfComposedDpEvent(GaussianDpEvent(noise), times)], 1
    if kind == 2:
        return Thresholded(ours, 10**9, 1, 2), [GaussianDpEvent(noise)], 1
    others = [10 ** draw.uniform(-0.5, 3) for _ in range(draw.randrange(1, 6))]
    return Composed(tuple(map(Gaussian, others))), [GaussianDpEvent(other) for other in others], len(others)


def passed_through(account: Account, cost: accountant.Charge, draw: random.Random) -> Account:
    """Hold, perhaps hold another and free it, and begin, as the book does."""
    account = account.with_held(cost)
    if draw.random() < 0.3:
        account = account.with_held(cost).with_freed(cost)
    return account.with_begun(cost)


@pytest.mark.slow
def test_at_every_order_thousands_of_ledgers_cost_what_the_oracle_says_rounded_up() -> None:
    draw = random.Random(2026)  # noqa: S311 - chooses test cases, and the same ones every time
    terms = [terms_for(to_fixed(cap), 10**delta) for cap in (0.1, 1.0, 10.0, 500.0) for delta in (9, 12, 14)]
    for _ in range(LEDGERS):
        chosen = draw.choice(terms)
        account, roundings = Account.opened(to_fixed(1000.0), chosen), 0
        oracle = RdpAccountant([order / ORDER_UNITS for order in chosen.orders])
        for _ in range(draw.randrange(1, 8)):
            event, theirs, rounded = drawn(draw)
            account = passed_through(account, accountant.charge(event, chosen), draw)
            roundings += rounded
            for each in theirs:
                oracle.compose(each)
        must_equal(account, oracle, chosen, roundings)


def must_equal(account: Account, oracle: RdpAccountant, terms: Terms, roundings: int) -> None:
    for order, ours, theirs in zip(terms.orders, account.spent, oracle.rdp, strict=True):
        exact = Fraction(float(theirs)) * EPSILON_UNITS
        noise = exact / 10**13  # the oracle adds up floating-point numbers
        assert exact - noise <= ours <= exact + roundings + noise, f"order {order / ORDER_UNITS}"
    assert not any(account.held)


@pytest.mark.slow
def test_with_sampled_rounds_too_hundreds_of_ledgers_are_at_whole_orders_the_oracles_rounded_up() -> None:
    draw = random.Random(7)  # noqa: S311 - as above
    terms = terms_for(to_fixed(2.0), 10**12, 10**11)
    whole = [o for o in terms.orders if o % ORDER_UNITS == 0 and o <= WHOLE_MAX * ORDER_UNITS]
    for _ in range(300):
        account = Account.opened(to_fixed(1000.0), terms)
        oracle, rounds = RdpAccountant([order / ORDER_UNITS for order in whole]), 0
        for _ in range(draw.randrange(1, 4)):
            q, noise, steps = 10 ** draw.uniform(-4, -0.1), 10 ** draw.uniform(-0.2, 1.5), draw.randrange(1, 500)
            account = passed_through(
                account, accountant.charge(SelfComposed(PoissonSampled(q, Gaussian(noise)), steps), terms), draw
            )
            oracle.compose(SelfComposedDpEvent(PoissonSampledDpEvent(q, GaussianDpEvent(noise)), steps))
            rounds += steps
        spent = dict(zip(terms.orders, account.spent, strict=True))
        for order, theirs in zip(whole, oracle.rdp, strict=True):
            units = float(theirs) * EPSILON_UNITS
            assert units * (1 - 1e-12) <= spent[order] <= units * (1 + 1e-9) + rounds + 3, "rounded up, hardly more"
