"""Releases that spend delta themselves: priced as their Gaussian, their delta out of a pool of its own."""

from dataclasses import replace
from typing import Any

import pytest
from dp_accounting import ZCDpEvent
from dp_accounting.rdp import RdpAccountant

from jali.wire.money import DELTA_UNITS, EPSILON_UNITS, from_fixed, to_fixed
from jali_node.actions.operations.read_ledger import checked
from jali_node.errors import BudgetExhausted
from jali_node.ledger import accountant, book, replay
from jali_node.ledger.account import Account
from jali_node.ledger.event import Composed, Concentrated, Gaussian, Thresholded
from jali_node.ledger.terms import ORDER_UNITS, terms_for

POOL = 10**11
"""The bench's populations have a delta of 1e-6, a tenth of which is the pool."""
TERMS = terms_for(to_fixed(3.0), 10 * POOL, POOL)


def thresholded(delta: int, noise_multiplier: float = 20.0) -> Thresholded:
    return Thresholded(Gaussian(noise_multiplier), delta, rows=1, threshold=200)


def test_a_thresholded_release_costs_its_gaussian_and_its_delta() -> None:
    plain, cost = accountant.charge(Gaussian(20.0), TERMS), accountant.charge(thresholded(7), TERMS)
    assert cost == accountant.Charge(plain.rdp, 7)
    assert accountant.price(cost, TERMS) == accountant.price(plain, TERMS)


def test_events_together_cost_the_sum_of_their_deltas() -> None:
    together = Composed((thresholded(7), Gaussian(20.0), thresholded(5)))
    cost = accountant.charge(together, TERMS)
    assert cost.delta == 12
    assert cost.rdp == accountant.repeated(accountant.charge(Gaussian(20.0), TERMS), 3).rdp
    assert accountant.repeated(cost, 4).delta == 48


@pytest.mark.parametrize("rho", [1e-6, 0.003, 0.5, 4.0])
def test_a_concentrated_mechanism_costs_what_the_oracle_says_rounded_up(rho: float) -> None:
    oracle = RdpAccountant([order / ORDER_UNITS for order in TERMS.orders])
    oracle.compose(ZCDpEvent(rho))
    cost = accountant.charge(Concentrated(rho), TERMS)
    for ours, theirs in zip(cost.rdp, oracle.rdp, strict=True):
        assert -1e-15 * ours <= ours - float(theirs) * EPSILON_UNITS <= 1 + 1e-15 * ours


def test_a_concentrated_mechanism_and_the_gaussian_of_the_same_loss_cost_the_same() -> None:
    assert accountant.charge(Concentrated(2.0**-7), TERMS) == accountant.charge(Gaussian(8.0), TERMS)


def test_what_the_orders_and_the_pool_may_use_is_the_whole_delta_and_no_more() -> None:
    assert TERMS.offsets == terms_for(to_fixed(3.0), 9 * POOL).offsets, "the orders share what the pool leaves"
    assert TERMS.delta == 10 * POOL


@pytest.mark.parametrize("delta", [0, -1, DELTA_UNITS])
def test_a_delta_out_of_range_is_no_event(delta: int) -> None:
    with pytest.raises(ValueError, match=r"expected 0 < delta < 1e18 \(in 1e-18\), got"):
        thresholded(delta)


@pytest.mark.parametrize("rho", [0.0, -1.0, float("inf"), float("nan")])
def test_a_loss_out_of_range_is_no_event(rho: float) -> None:
    with pytest.raises(ValueError, match="expected 0 < rho < inf, got"):
        Concentrated(rho)


def test_a_threshold_that_one_unit_reaches_alone_is_no_event() -> None:
    with pytest.raises(ValueError, match="expected 0 < rows < threshold, got 5 and 5"):
        Thresholded(Gaussian(1.0), 7, rows=5, threshold=5)


def test_the_records_hold_what_was_done_without_floats() -> None:
    assert Composed((thresholded(7),)).record()["events"] == [
        {
            "kind": "thresholded",
            "v": 1,
            "event": {"kind": "gaussian", "v": 1, "noise_multiplier": "20.0"},
            "delta": 7,
            "rows": 1,
            "threshold": 200,
        }
    ]
    assert Concentrated(0.1).record() == {"kind": "concentrated", "v": 1, "rho": "0.1"}


def test_the_pool_empties_exactly_and_then_refuses_with_both_numbers(bench: Any) -> None:
    purchase = replace(bench.purchase(population=3.0, quota=2.0), event=thresholded(POOL // 4, 200.0))
    for _ in range(4):
        bench.spent(purchase)
    before = bench.written()
    with pytest.raises(BudgetExhausted) as refused:
        bench.reserved(replace(purchase, event=thresholded(1, 200.0)))
    assert bench.written() == before
    assert refused.value.field == "delta"
    assert refused.value.facts["delta"] == 1e-18
    assert refused.value.facts["delta_left"] == 0.0
    assert "this costs delta 1e-18, but of the 1e-07 that your quota sets aside" in str(refused.value)
    assert checked(bench.database).valid
    bench.spent(replace(purchase, event=Gaussian(200.0)))


def test_a_delta_above_what_is_left_is_refused_with_one_that_fits(bench: Any) -> None:
    purchase = replace(bench.purchase(population=3.0, quota=2.0), event=thresholded(POOL // 3, 200.0))
    bench.spent(purchase)
    with pytest.raises(BudgetExhausted, match=r"6\.667e-08 is left; ask with delta=6\.66e-08 or less"):
        bench.reserved(replace(purchase, event=thresholded(POOL, 200.0)))
    bench.spent(replace(purchase, event=thresholded(to_fixed(6.66e-8, DELTA_UNITS), 200.0)))


def test_the_populations_pool_is_one_for_all_quotas(bench: Any) -> None:
    one = replace(bench.purchase(population=3.0, quota=2.0), event=thresholded(POOL // 2, 200.0))
    other = replace(one, quota_account=bench.purchase().quota_account)
    bench.spent(one)
    bench.spent(other)
    with pytest.raises(BudgetExhausted) as refused:
        bench.reserved(replace(other, event=thresholded(POOL // 4, 200.0)))
    assert refused.value.facts["kind"] == book.POPULATION


def test_a_quota_alone_pays_delta_too(bench: Any) -> None:
    purchase = replace(bench.purchase(population=3.0, quota=2.0), event=thresholded(POOL, 200.0))
    with bench.database.writing() as session:
        book.spend_of_quota(session, purchase)
    assert bench.account(purchase.quota_account).pool_left() == 0
    assert bench.account(purchase.population_account).pool_left() == POOL


def test_epsilon_is_what_is_named_where_epsilon_is_short(bench: Any) -> None:
    purchase = replace(bench.purchase(population=3.0, quota=0.2), event=thresholded(POOL // 4, 5.0))
    with pytest.raises(BudgetExhausted, match="this costs epsilon") as refused:
        bench.reserved(purchase)
    assert refused.value.field == "epsilon"


def test_held_delta_keeps_others_out_until_it_is_freed_and_the_chain_replays_it(bench: Any) -> None:
    purchase = replace(bench.purchase(population=3.0, quota=2.0), event=thresholded(POOL, 200.0))
    held = bench.reserved(purchase)
    with pytest.raises(BudgetExhausted):
        bench.reserved(purchase)
    bench.moved(book.free, held)
    settled = bench.reserved(purchase)
    bench.moved(book.begin, settled)
    bench.moved(book.settle, settled)
    account = bench.account(purchase.population_account)
    assert (account.spent_delta, account.held_delta, account.pool_left()) == (POOL, 0, 0)
    with bench.database.reading() as session:
        assert replay.first_difference(session) == ""
        assert replay.balances(session)[purchase.population_account].spent_delta == POOL
    bench.drop_triggers()
    bench.tamper("UPDATE account SET spent_delta = 0 WHERE id = :id", id=purchase.population_account)
    with bench.database.reading() as session:
        assert replay.first_difference(session) == purchase.population_account


def test_an_account_without_a_pool_takes_no_release_with_a_delta() -> None:
    account = Account.opened(to_fixed(3.0), terms_for(to_fixed(3.0), 10 * POOL))
    assert account.fits(accountant.charge(Gaussian(20.0), account.terms))
    assert not account.fits(accountant.charge(thresholded(1), account.terms))
    assert from_fixed(account.pool_left()) == 0
