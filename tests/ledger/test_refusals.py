"""A refusal names the account, what is left of it and what would fit, and what would fit does. Seeds are fixed."""

import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from jali.wire.money import DELTA_UNITS, EPSILON_UNITS, to_fixed
from jali_node.errors import BudgetExhausted
from jali_node.ledger import accountant, refusal
from jali_node.ledger.account import Account
from jali_node.ledger.accountant import Charge
from jali_node.ledger.event import Gaussian
from jali_node.ledger.terms import terms_for
from jali_node.ledger.training_price import fitting_price, noise_multiplier_for, whole_charge, whole_price
from jali_node.ledger.window import Window

TERMS = terms_for(to_fixed(1.0), 10**12, 10**11)


def spent(noise: float, times: int, window: Window | None = None, cap: float = 1.0) -> Account:
    account = Account.opened(to_fixed(cap), TERMS, window)
    cost = accountant.charge(Gaussian(noise), TERMS)
    for _ in range(times):
        account = account.with_held(cost).with_begun(cost)
    return account


def refused(account: Account, cost: Charge, kind: str = refusal.QUOTA) -> BudgetExhausted:
    return refusal.exhausted("acc_1", kind, account, cost, accountant.price(cost, TERMS))


def test_what_is_said_to_fit_does_fit_and_is_hardly_less_than_what_would() -> None:
    draw = random.Random(5)  # noqa: S311 - chooses test cases, and the same ones every time
    for _ in range(200):
        account = spent(draw.uniform(5, 200), draw.randrange(1, 30))
        cost = accountant.charge(Gaussian(draw.uniform(0.5, 3)), TERMS)
        if account.fits(cost):
            continue
        fits = refused(account, cost).facts["fits"]
        if not fits:
            assert account.left() < 1000 * 1e-3 * EPSILON_UNITS
            continue
        rho = accountant.concentrated_for(to_fixed(fits), TERMS, 1)
        exact = Charge(tuple(int(rho * order * EPSILON_UNITS / 1000) for order in TERMS.orders))
        assert account.fits(exact)
        assert fits >= 0.99 * account.left() / EPSILON_UNITS


def test_a_refusal_names_the_account_both_numbers_and_what_to_do() -> None:
    cost = accountant.charge(Gaussian(1.0), TERMS)
    for kind, called, advice in (
        (refusal.QUOTA, "your quota of 1", "or request more budget"),
        (refusal.POPULATION, "the population's cap of 1", "or an owner must raise it (jali node population raise)"),
    ):
        said = refused(spent(10.0, 3), cost, kind)
        assert called in said.detail
        assert said.detail.endswith(advice)
        facts = said.facts
        assert (facts["account"], facts["kind"], facts["cap"]) == ("acc_1", kind, 1.0)
        assert f"costs epsilon {facts['price']:.4g}" in said.detail
        assert f"has room for {facts['left']:.4g}; ask with epsilon={facts['fits']:.3g} or less" in said.detail


def test_where_nothing_fits_no_price_is_advised() -> None:
    account = spent(10.0, 1)
    while account.left():
        account = account.with_held(Charge(tuple(order * 10**5 for order in TERMS.orders)))
    said = refused(account, accountant.charge(Gaussian(1.0), TERMS))
    assert said.detail.endswith("has room for 0; request more budget")
    assert said.facts["fits"] == 0


def test_where_an_account_refreshes_a_refusal_says_when() -> None:
    since = datetime(2026, 11, 1, 12, tzinfo=UTC)
    said = refused(spent(10.0, 3, Window(7, since)), accountant.charge(Gaussian(1.0), TERMS))
    assert "wait until 2026-11-08 12:00 UTC, when it begins anew, or request more budget" in said.detail
    assert said.facts["refreshes_at"] == (since + timedelta(days=7)).isoformat()
    last = refused(spent(10.0, 3, Window(None, since, 4)), accountant.charge(Gaussian(1.0), TERMS))
    assert "wait until" not in last.detail


def test_a_cap_that_was_written_off_is_not_offered_for_raising() -> None:
    said = refused(spent(10.0, 1).written_off(), accountant.charge(Gaussian(50.0), TERMS), refusal.POPULATION)
    assert "entries of the ledger were lost" in said.detail
    assert "raise" not in said.detail


def test_delta_has_a_refusal_of_its_own_with_its_own_numbers() -> None:
    cost = Charge(accountant.charge(Gaussian(100.0), TERMS).rdp, 2 * 10**11)
    said = refused(spent(100.0, 1), cost)
    assert (said.field, said.facts["delta"], said.facts["delta_left"]) == ("delta", 2e-7, 1e-7)
    assert said.facts["delta_fits"] * DELTA_UNITS == pytest.approx(10**11)
    assert "1e-07 is left; ask with delta=1e-07 or less, or ask about values that are named" in said.detail


def test_what_is_said_to_fit_of_a_training_does_and_a_little_more_does_not() -> None:
    q, steps, rounds = 0.02, 20, 5
    for times in (1, 15):
        account = spent(25.0, times)
        wanted = noise_multiplier_for(to_fixed(3.0), TERMS, q, steps, rounds)
        assert not account.fits(whole_charge(q, wanted, steps, rounds, TERMS))
        dearest = fitting_price(account, q, wanted, steps, rounds)
        advised = to_fixed(refusal.rounded_down(dearest))
        fitting = noise_multiplier_for(advised, TERMS, q, steps, rounds)
        assert account.fits(whole_charge(q, fitting, steps, rounds, TERMS))
        assert whole_price(q, fitting, steps, rounds, TERMS) >= 0.99 * dearest
        more = noise_multiplier_for(int(Fraction(102, 100) * dearest), TERMS, q, steps, rounds)
        assert not account.fits(whole_charge(q, more, steps, rounds, TERMS))
    full = spent(1.0, 1).written_off()
    assert fitting_price(full, q, 1.0, steps, rounds) == 0
