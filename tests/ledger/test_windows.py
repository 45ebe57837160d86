"""Windows that refresh: what was begun in one stays in it, nothing refreshes twice, and no race passes a cap."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.ledger.conftest import room
from tests.ledger.test_races import SPENDER, Race, race  # noqa: F401 - a fixture

from jali.wire.money import to_fixed
from jali_node.actions.operations.read_ledger import checked
from jali_node.errors import BudgetExhausted
from jali_node.ledger import accountant, book, chain, replay
from jali_node.ledger.event import Gaussian
from jali_node.ledger.terms import terms_for
from jali_node.ledger.window import Window
from jali_node.store import clock as store_clock
from jali_node.tables import AccountRow, EntryRow

WEEK, NOISE, CAP = 7, 8.0, 0.8


@dataclass
class Clock:
    """The node's clock, so many days from the machine's."""

    days: float = 0.0

    def now(self, zone: Any) -> datetime:
        return datetime.now(zone) + timedelta(days=self.days)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (book, chain, store_clock):
        monkeypatch.setattr(module, "datetime", made)
    return made


def opened(bench: Any, population_days: int | None, quota_days: int | None, cap: float = CAP) -> book.Purchase:
    """Return a purchase from two accounts with windows."""
    terms = terms_for(to_fixed(cap), 10**12, 10**11)
    with bench.database.writing() as session:
        whole = book.open_account(session, book.POPULATION, to_fixed(cap), terms, {}, population_days)
        own = book.open_account(session, book.QUOTA, to_fixed(cap), terms, {"under": whole.id}, quota_days)
    return book.Purchase(Gaussian(NOISE), whole.id, own.id, question="0" * 64, **bench.ids)


def spend_all(bench: Any, purchase: book.Purchase) -> int:
    """Spend until refused, and return how often it went."""
    for number in range(1000):
        try:
            bench.spent(purchase)
        except BudgetExhausted:
            return number
    raise AssertionError("no cap stopped it")


def refreshed(bench: Any, account_id: str) -> list[dict[str, Any]]:
    with bench.database.reading() as session:
        bodies = session.scalars(select(EntryRow.body).where(EntryRow.kind == book.REFRESHED).order_by(EntryRow.seq))
        return [body["window"] for body in map(json.loads, bodies) if body["account"] == account_id]


def holds(bench: Any) -> bool:
    with bench.database.reading() as session:
        assert replay.first_difference(session) == ""
    return bool(checked(bench.database).valid)


def test_a_quota_refreshes_under_a_cap_that_does_not(bench: Any, clock: Clock) -> None:
    purchase = opened(bench, None, WEEK, cap=3.0)
    often = room(3.0, NOISE)
    assert spend_all(bench, purchase) == often
    clock.days = 8.0
    with pytest.raises(BudgetExhausted) as refused:
        bench.spent(purchase)
    assert refused.value.facts["kind"] == book.POPULATION, "the quota has room again, the promise has not"
    assert holds(bench)


def test_what_fits_in_a_window_fits_in_the_next_and_no_more(bench: Any, clock: Clock) -> None:
    purchase, often = opened(bench, WEEK, WEEK), room(CAP, NOISE)
    for number, days in enumerate((0.0, 6.9, 7.1, 13.9, 30.0)):
        clock.days = days
        assert spend_all(bench, purchase) == (0 if days in (6.9, 13.9) else often), number
    windows = refreshed(bench, purchase.population_account)
    assert [window["number"] for window in windows] == [2, 3], "a window in which nothing happened is passed over"
    starts = [datetime.fromisoformat(window["since"]) for window in windows]
    assert starts[1] - starts[0] == timedelta(days=21)
    account = bench.account(purchase.population_account)
    assert account.spent == tuple(often * cost for cost in accountant.charge(purchase.event, account.terms).rdp)
    assert holds(bench)


def test_what_was_begun_stays_in_its_window_and_what_is_held_is_charged_where_it_begins(
    bench: Any, clock: Clock
) -> None:
    purchase = opened(bench, WEEK, None, cap=3.0)
    account_id = purchase.population_account
    begun, held = bench.reserved(purchase), bench.reserved(purchase)
    bench.moved(book.begin, begun)
    each = accountant.charge(purchase.event, bench.account(account_id).terms).rdp
    clock.days = 8.0
    third = bench.reserved(purchase)
    account = bench.account(account_id)
    assert (account.spent, account.held) == ((0,) * len(each), tuple(2 * cost for cost in each)), "held stays held"
    bench.moved(book.commit, begun)
    assert bench.account(account_id) == account, "storing an answer of the former window costs this one nothing"
    bench.moved(book.begin, held)
    bench.moved(book.free, third)
    account = bench.account(account_id)
    assert (account.spent, account.held) == (each, (0,) * len(each))
    assert bench.account(purchase.quota_account).spent == tuple(2 * cost for cost in each), "this one never refreshes"
    assert holds(bench)


def test_a_step_after_the_boundary_begins_the_window_by_itself(bench: Any, clock: Clock) -> None:
    purchase = opened(bench, WEEK, WEEK)
    first, second = bench.reserved(purchase), bench.reserved(purchase)
    bench.moved(book.begin, first)
    clock.days = 8.0
    bench.moved(book.begin, second)
    account = bench.account(purchase.population_account)
    assert account.spent == accountant.charge(purchase.event, account.terms).rdp
    assert holds(bench)


def test_a_clock_that_is_set_back_never_refreshes_twice(bench: Any, clock: Clock) -> None:
    purchase, often = opened(bench, WEEK, WEEK), room(CAP, NOISE)
    clock.days = 8.0
    assert spend_all(bench, purchase) == often
    for days in (0.0, 6.0, 8.0, 13.9):
        clock.days = days
        assert spend_all(bench, purchase) == 0, f"at day {days}"
    assert len(refreshed(bench, purchase.population_account)) == 1


def test_a_window_that_ended_waits_until_the_clock_is_past_the_newest_entry(bench: Any, clock: Clock) -> None:
    purchase, often = opened(bench, WEEK, WEEK), room(CAP, NOISE)
    assert spend_all(bench, purchase) == often
    clock.days = 60.0
    bench.entries(1)
    clock.days = 8.0
    assert spend_all(bench, purchase) == 0, "which of the two clocks was right, nobody knows"
    clock.days = 60.1
    assert spend_all(bench, purchase) == often
    assert holds(bench)


def test_another_period_frees_nothing_and_one_that_ends_is_the_last(bench: Any, clock: Clock) -> None:
    purchase, often = opened(bench, None, None), room(CAP, NOISE)
    assert spend_all(bench, purchase) == often

    def chosen(days: int | None) -> None:
        for account_id in (purchase.population_account, purchase.quota_account):
            with bench.database.writing() as session:
                book.set_window(session, account_id, days)

    chosen(30)
    assert spend_all(bench, purchase) == 0
    clock.days = 29.0
    chosen(2)
    assert spend_all(bench, purchase) == 0, "a shorter window begins when it is chosen"
    clock.days = 31.5
    assert spend_all(bench, purchase) == often
    chosen(None)
    clock.days = 5000.0
    assert spend_all(bench, purchase) == 0
    window = bench.account(purchase.population_account).window
    assert (window.days, window.number) == (None, 2)
    assert holds(bench)


def test_a_cap_that_was_written_off_does_not_come_back_with_a_window(bench: Any, clock: Clock) -> None:
    purchase = opened(bench, WEEK, WEEK)
    with bench.database.writing() as session:
        book.write_off(session, {"after": 1, "checkpoint": None, "checkpoint_hash": None})
    clock.days = 100.0
    assert spend_all(bench, purchase) == 0
    assert holds(bench)


def test_readers_see_a_new_window_before_anybody_spends_in_it(bench: Any, clock: Clock) -> None:
    purchase = opened(bench, WEEK, None)
    spend_all(bench, purchase)
    with bench.database.reading() as session:
        row = session.get_one(AccountRow, purchase.population_account)
        assert book.present(row).left() < to_fixed(CAP)
        clock.days = 7.5
        assert book.present(row).left() == to_fixed(CAP)
        assert book.present(row).window == book.account(row).window.at(clock.now(UTC))


def test_the_events_of_the_present_window_are_told_from_those_before(bench: Any, clock: Clock) -> None:
    purchase = opened(bench, WEEK, None, cap=3.0)
    for days in (0.0, 1.0, 9.0):
        clock.days = days
        bench.spent(purchase)
    with bench.database.reading() as session:
        found = replay.charged(session, purchase.population_account)
    assert (len(found.events), len(found.window), found.windows) == (3, 1, 2)


def test_whoever_moves_a_window_behind_the_ledger_s_back_is_found(bench: Any, clock: Clock) -> None:
    purchase = opened(bench, WEEK, None)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    for column, value in (("window_days", 1), ("window_since", long_ago), ("window_number", 9)):
        with bench.tampered("account", column, value, "id", purchase.population_account):
            assert purchase.population_account in checked(bench.database).reason
    assert holds(bench)


@pytest.mark.slow
def test_two_processes_that_meet_at_a_boundary_refresh_once_and_pass_no_cap(
    bench: Any,
    race: Race,  # noqa: F811
) -> None:
    cap = 0.05
    while room(cap, 30.0) < 15:
        cap *= 1.02
    often = room(cap, 30.0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(book, "datetime", Clock(-8.0))  # windows that began then; entries are of the machine's time
        purchases = [
            book.Purchase(**{**vars(opened(bench, WEEK, WEEK, cap)), "event": Gaussian(30.0)}) for _ in range(4)
        ]
        assert [spend_all(bench, purchase) for purchase in purchases] == [often] * 4
    for purchase in purchases:
        assert sum(race(purchase)) == often, "in the present window, by the machine's clock"
        for account_id in (purchase.population_account, purchase.quota_account):
            assert len(refreshed(bench, account_id)) == 1
    assert holds(bench)


def test_windows_never_begin_earlier_and_follow_each_other_without_gaps() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    window = Window(3, start)
    for hours in (0, 71, 72, 50, 400, 100, 1000):
        after = window.at(start + timedelta(hours=hours))
        assert after.since >= window.since
        assert (after.since - start) % timedelta(days=3) == timedelta(0)
        assert after.number - window.number == (after.since > window.since)
        window = after
