"""The book's steps on both databases: each in its order, each all or nothing."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select

from jali_node.actions.operations.read_ledger import checked
from jali_node.actions.operations.recover import recover
from jali_node.engine.warehouse import Warehouse
from jali_node.errors import BudgetExhausted
from jali_node.ledger import accountant, book, chain, replay
from jali_node.tables import EntryRow, ReleaseRow, SpendRow

PATHS: dict[str, tuple[Callable[..., Any], ...]] = {
    book.HELD: (),
    book.BEGUN: (book.begin,),
    book.COMMITTED: (book.begin, book.commit),
    book.SETTLED: (book.begin, book.settle),
    book.FREED: (book.free,),
}
LEGAL = {
    (book.HELD, book.begin),
    (book.HELD, book.free),
    (book.BEGUN, book.commit),
    (book.BEGUN, book.settle),
}
STEPS = (book.begin, book.commit, book.settle, book.free)


@pytest.mark.parametrize("state", PATHS)
def test_from_each_state_only_the_legal_steps_lead_on_and_others_change_nothing(bench: Any, state: str) -> None:
    spend_id = bench.reserved(bench.purchase())
    for step in PATHS[state]:
        bench.moved(step, spend_id)
    assert [spend.state for spend in bench.spends()] == [state]
    before = bench.written()
    for step in STEPS:
        if (state, step) in LEGAL:
            continue
        with pytest.raises(book.IllegalStep, match=f"found {state}"):
            bench.moved(step, spend_id)
        assert bench.written() == before, f"{step.__name__} changed something"
    assert checked(bench.database).valid


def test_a_spend_that_was_never_reserved_cannot_be_moved(bench: Any) -> None:
    before = bench.written()
    for step in STEPS:
        with pytest.raises(book.IllegalStep, match="no such spend"):
            bench.moved(step, "spd_none")
    assert bench.written() == before


def test_each_step_moves_both_accounts_by_the_events_cost(bench: Any) -> None:
    purchase = bench.purchase(10.0, population=2.0, quota=1.0)
    both = purchase.population_account, purchase.quota_account
    nothing = (0,) * len(bench.account(both[0]).terms.orders)
    cost = accountant.charge(purchase.event, bench.account(both[0]).terms).rdp

    def amounts() -> set[tuple[Any, Any]]:
        return {(bench.account(account_id).held, bench.account(account_id).spent) for account_id in both}

    assert amounts() == {(nothing, nothing)}
    spend_id = bench.reserved(purchase)
    assert amounts() == {(cost, nothing)}
    bench.moved(book.begin, spend_id)
    assert amounts() == {(nothing, cost)}
    bench.moved(book.commit, spend_id)
    assert amounts() == {(nothing, cost)}
    freed = bench.reserved(purchase)
    bench.moved(book.free, freed)
    assert amounts() == {(nothing, cost)}
    settled = bench.reserved(purchase)
    bench.moved(book.begin, settled)
    bench.moved(book.settle, settled)
    assert amounts() == {(nothing, tuple(2 * amount for amount in cost))}
    assert checked(bench.database).valid


@pytest.mark.parametrize(("population", "quota", "kind"), [(0.2, 1.0, "population"), (1.0, 0.2, "quota")])
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    bench: Any, population: float, quota: float, kind: str
) -> None:
    purchase = bench.purchase(10.0, population, quota)
    before = bench.written()
    with pytest.raises(BudgetExhausted) as refused:
        bench.reserved(purchase)
    assert refused.value.facts["kind"] == kind
    assert refused.value.facts["price"] > 0.2 >= refused.value.facts["left"]
    assert bench.written() == before


def test_what_is_held_keeps_others_out_until_it_is_freed(bench: Any) -> None:
    purchase = bench.purchase_for(1)
    held = bench.reserved(purchase)
    with pytest.raises(BudgetExhausted):
        bench.reserved(purchase)
    bench.moved(book.free, held)
    bench.spent(purchase)
    with pytest.raises(BudgetExhausted):
        bench.reserved(purchase)


def test_an_error_after_a_step_takes_the_step_back(bench: Any) -> None:
    purchase = bench.purchase()
    before = bench.written()

    def failing() -> None:
        with bench.database.writing() as session:
            spend = book.reserve(session, purchase)
            book.begin(session, spend.id)
            raise LookupError

    with pytest.raises(LookupError):
        failing()
    assert bench.written() == before


def test_a_settled_spend_fences_off_its_own_late_answer(
    build_house: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build_house(database_url=database_url)
    house.grant()
    read = Warehouse.tallies

    def read_while_another_process_recovers(self: Warehouse, *args: Any) -> Any:
        assert recover(house.node) == (1, 0)
        return read(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(Warehouse, "tallies", read_while_another_process_recovers)
        late = house.ask({"kind": "count"}, 0.3)
    assert late.status_code == 503
    with house.node.database.reading() as session:
        assert session.scalars(select(SpendRow.state)).all() == [book.SETTLED]
        assert session.scalar(select(func.count()).select_from(ReleaseRow)) == 0
    assert house.population()["spent"] == pytest.approx(0.3)
    assert checked(house.node.database).valid
    again = house.ask({"kind": "count"}, 0.3)
    assert again.status_code == 200
    assert not again.json()["repeated"], "the lost answer is not found again: asking anew is a new spend"
    assert house.population()["spent"] > 0.3


def test_recovery_settles_what_began_frees_what_did_not_and_leaves_the_rest(bench: Any) -> None:
    purchase = bench.purchase(20.0)
    committed = bench.spent(purchase)
    begun, held, freed = (bench.reserved(purchase) for _ in range(3))
    bench.moved(book.begin, begun)
    bench.moved(book.free, freed)
    node: Any = SimpleNamespace(database=bench.database)
    assert recover(node) == (1, 1)
    states = {spend.id: spend.state for spend in bench.spends()}
    assert states == {committed: book.COMMITTED, begun: book.SETTLED, held: book.FREED, freed: book.FREED}
    cost = accountant.charge(purchase.event, bench.account(purchase.quota_account).terms).rdp
    for account_id in (purchase.population_account, purchase.quota_account):
        assert bench.account(account_id).spent == tuple(2 * amount for amount in cost)
        assert not any(bench.account(account_id).held)
    assert checked(bench.database).valid
    settled = bench.written()
    assert recover(node) == (0, 0)
    assert bench.written() == settled


def test_what_a_reader_sees_stands_still_while_others_write(bench: Any) -> None:
    purchase = bench.purchase(20.0)
    with bench.database.reading() as session:
        before = session.scalars(select(EntryRow.seq)).all()
        spend_id = bench.spent(purchase)
        assert session.scalars(select(EntryRow.seq)).all() == before
        assert session.scalars(select(SpendRow.id).where(SpendRow.id == spend_id)).all() == []
        assert chain.verify(session).valid, "a live chain is not called broken because it grows while it is walked"
        assert replay.first_difference(session) == ""
    assert [spend.id for spend in bench.spends()] == [spend_id]
