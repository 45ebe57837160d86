"""An account as a value: what fits, what is left, and that its filter keeps the promise. Seeds are fixed."""

import math
import random
from collections.abc import Iterator

import pytest
from dp_accounting import GaussianDpEvent
from dp_accounting.rdp import RdpAccountant

from jali.wire.money import DELTA_UNITS, EPSILON_UNITS, to_fixed
from jali_node.actions.budgets.open_population import POOL_SHARE
from jali_node.ledger import accountant
from jali_node.ledger.account import Account
from jali_node.ledger.accountant import Charge
from jali_node.ledger.event import Gaussian
from jali_node.ledger.terms import ORDER_UNITS, Terms, terms_for
from jali_node.statistics.plan import multiplier


def opened(cap: float, delta: float) -> Account:
    """Return a fresh account, its terms set as for a new population."""
    whole = to_fixed(delta, DELTA_UNITS)
    return Account.opened(to_fixed(cap), terms_for(to_fixed(cap), whole, whole // POOL_SHARE))


def priced(epsilon: int, terms: Terms) -> Charge:
    """Return the cost of one Gaussian release of that stand-alone price."""
    return accountant.charge(Gaussian(multiplier(accountant.concentrated_for(epsilon, terms, 1))), terms)


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - chooses test cases, and the same ones every time


def spent(account: Account, cost: Charge) -> Account:
    return account.with_held(cost).with_begun(cost)


def test_at_epsilon_1_and_delta_1e_6_at_least_470_releases_of_noise_multiplier_100_fit() -> None:
    account = opened(1.0, 1e-6)
    cost = accountant.charge(Gaussian(100.0), account.terms)
    rooms = zip(account.terms.offsets, cost.rdp, strict=True)
    expected = max((account.cap - offset) // each for offset, each in rooms)
    fitted = 0
    while account.fits(cost):
        account, fitted = spent(account, cost), fitted + 1
    assert fitted == expected == 477, "the filter stops exactly where its best order is full"


def test_what_is_held_counts_like_what_is_spent() -> None:
    fresh = opened(1.0, 1e-6)
    cost = priced(to_fixed(0.8), fresh.terms)
    for burdened in (fresh.with_held(cost), spent(fresh, cost)):
        assert not burdened.with_held(cost).fits(cost)
        assert burdened.left() == spent(fresh, cost).left() < fresh.left()
    half_and_half = spent(fresh, cost).with_held(cost)
    both_spent = spent(spent(fresh, cost), cost)
    assert half_and_half.left() == both_spent.left()


@pytest.mark.parametrize("cap", [0.5, 1.0, 30.0, 1000.0])
def test_free_gives_back_exactly_what_was_held(cap: float) -> None:
    draw = seeded(7)
    account = opened(cap, 1e-6)
    for _ in range(200):
        small, large = (priced(to_fixed(cap * draw.uniform(low, low + 0.3)), account.terms) for low in (0.3, 0.69))
        burdened = account.with_held(small)
        assert burdened.with_held(large).with_freed(large) == burdened
        assert burdened.with_freed(small) == account


def test_delta_spent_from_the_pool_stops_at_the_pool() -> None:
    account = opened(1.0, 1e-6)
    nothing, pool = (0,) * len(account.terms.orders), account.terms.pool
    assert pool == 10**12 // POOL_SHARE
    most = Charge(nothing, pool)
    assert account.fits(most)
    assert not account.fits(Charge(nothing, pool + 1))
    for burdened in (account.with_held(most), spent(account, most)):
        assert not burdened.fits(Charge(nothing, 1))
    assert account.with_held(most).with_freed(most) == account


@pytest.mark.parametrize("cap", [0.1, 0.5, 1.0, 5.0, 100.0, 1000.0])
def test_left_is_the_largest_price_that_still_fits(cap: float) -> None:
    draw = seeded(11)
    for _ in range(20):
        account = opened(cap, 10 ** draw.uniform(-9, -5))
        for _ in range(8):
            left = account.left()
            if left <= account.terms.floor + accountant.ROUNDING:
                break
            assert account.fits(priced(left, account.terms))
            assert not account.fits(priced(left + left // 1000 + accountant.ROUNDING, account.terms))
            share = draw.uniform(0.1, 1.0)
            price = max(account.terms.floor + accountant.ROUNDING + 1, int(left * share))
            account = spent(account, priced(price, account.terms))


def test_where_nothing_is_left_not_the_faintest_release_fits() -> None:
    account = opened(1.0, 1e-6)
    to_the_brim = Charge(tuple(account.cap - offset for offset in account.terms.offsets))
    full = spent(account, to_the_brim)
    assert account.fits(to_the_brim)
    assert full.left() == 0
    assert not full.fits(accountant.charge(Gaussian(1e30), account.terms))


def wishes(draw: random.Random, account: Account) -> Iterator[float]:
    """Yield a noise multiplier that an asker might choose to get the most out of this very account."""
    rooms = [
        (account.cap - offset - used - held) / EPSILON_UNITS
        for offset, used, held in zip(account.terms.offsets, account.spent, account.held, strict=True)
    ]
    room, order = draw.choice([*zip(rooms, account.terms.orders, strict=True)])
    if room > 0:  # exactly what one order still has, the order that pays the least attention included
        yield math.sqrt(order / ORDER_UNITS / (2 * room))
    left = account.left()
    if left > account.terms.floor + accountant.ROUNDING:
        yield multiplier(accountant.concentrated_for(left, account.terms, 1)) * draw.choice([1, 1.5, 4])
    yield 10 ** draw.uniform(-1, 2.5)


@pytest.mark.parametrize("seed", range(60))
def test_however_the_next_question_is_chosen_the_oracles_total_stays_below_the_cap(seed: int) -> None:
    draw = seeded(seed)
    cap, delta = 10 ** draw.uniform(-1, 1.5), 10 ** draw.uniform(-9, -5)
    account, holds = opened(cap, delta), list[tuple[float, Charge]]()
    ledger, refused = list[float](), 0
    while refused < 12 and len(ledger) < 200:
        for noise_multiplier in wishes(draw, account):
            cost = accountant.charge(Gaussian(noise_multiplier), account.terms)
            if not account.fits(cost):
                refused += 1
                continue
            account = account.with_held(cost)
            holds.append((noise_multiplier, cost))
        while holds and draw.random() < 0.6:
            noise_multiplier, cost = holds.pop(draw.randrange(len(holds)))
            if draw.random() < 0.2:
                account = account.with_freed(cost)
            else:
                account = account.with_begun(cost)
                ledger.append(noise_multiplier)
    for noise_multiplier, cost in holds:
        account = account.with_begun(cost)
        ledger.append(noise_multiplier)
    oracle = RdpAccountant([order / ORDER_UNITS for order in account.terms.orders])
    for noise_multiplier in ledger:
        oracle.compose(GaussianDpEvent(noise_multiplier))
    total = oracle.get_epsilon(account.terms.delta / DELTA_UNITS)
    assert total <= cap
    assert total >= cap / 2, "a filter that stops too early would keep any promise"
    assert not any(account.held)
