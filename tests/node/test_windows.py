"""Quotas and caps that refresh, as owners and askers meet them: chosen explicitly, and said wherever a cap is shown."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.node.test_commands import typed
from tests.node.test_jobs import put_policy

from jali_node.actions.budgets.set_window import refresh_grant, refresh_population
from jali_node.errors import InvalidRequest
from jali_node.ledger import book, chain
from jali_node.store import clock
from jali_portal.viewmodels import ledger
from jali_portal.viewmodels.accounts import AccountBook

MEAN, COUNT = {"kind": "mean", "column": "age"}, {"kind": "count"}


class Later:
    """A clock that many days ahead."""

    def __init__(self, days: float) -> None:
        self.days = days

    def now(self, zone: Any) -> datetime:
        return datetime.now(zone) + timedelta(days=self.days)


def later(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    for module in (book, chain, clock):
        monkeypatch.setattr(module, "datetime", Later(days))


def decided(house: Any, **decision: Any) -> Any:
    wish = house.request(1.0)
    form = {"digest": wish["digest"], "outcome": "granted", **decision}
    return house.post(f"/v1/requests/{wish['id']}/decision", form, house.owner)


def budget(house: Any) -> dict[str, Any]:
    return dict(house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).json())


def test_a_quota_refreshes_and_the_population_s_cap_does_not(build_house: Any, monkeypatch: Any) -> None:
    house = build_house()
    granted = decided(house, epsilon=0.5, refresh_days=7).json()
    assert granted["refresh_days"] == 7
    assert house.ask(MEAN, 0.5).status_code == 200
    assert house.ask(COUNT, 0.5).json()["code"] == "budget_exhausted"
    before = house.population()
    assert before["window"] is None
    later(monkeypatch, 7.01)
    assert budget(house)["left"] == 0.5
    assert budget(house)["window"]["number"] == 2, "before anybody has spent in it"
    assert house.ask(COUNT, 0.5).status_code == 200
    assert house.population()["spent"] > before["spent"]
    view = house.sdk()["visits"].budget
    assert "refreshes every 7 days, next on 20" in f"{view}"
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_the_sdk_grants_a_quota_that_refreshes_and_refuses_an_odd_period(build_house: Any) -> None:
    house = build_house()
    house.request(0.5)
    owner = house.sdk(house.owner).owner
    [wish] = owner.requests()
    assert owner.decide(wish, "granted", refresh_days=30).refresh_days == 30
    for odd in (0, 3651, 1.5, "7"):
        refused = decided(house, refresh_days=odd)
        assert (refused.status_code, refused.json()["field"]) == (400, "refresh_days"), odd


def test_the_sum_over_all_windows_is_what_two_persons_must_agree_to(build_house: Any) -> None:
    house = build_house()
    put_policy(house, "[approval]\ntwo_persons_above_epsilon = 1.2\n")
    assert decided(house, epsilon=0.3, expires_days=28, refresh_days=7).json()["status"] == "granted", "4 x 0.3"
    waiting = decided(house, epsilon=0.3, expires_days=29, refresh_days=7).json()
    assert (waiting["status"], waiting["waiting_for"]) == (
        "submitted",
        "a second person: above epsilon 1.2 two must agree, and one has",
    )


def test_more_budget_keeps_the_period_or_sets_another(build_house: Any) -> None:
    house = build_house()
    grant = decided(house, epsilon=0.3, refresh_days=7).json()["grant"]
    for more, days in ((None, 7), (14, 14)):
        form = {"kind": "budget", "grant": grant, "purpose": "one more table", "epsilon": 0.2}
        wish = house.post("/v1/requests", form).json()
        decision = {"digest": wish["digest"], "outcome": "granted", "refresh_days": more}
        assert house.post(f"/v1/requests/{wish['id']}/decision", decision, house.owner).status_code == 200
        assert budget(house)["window"]["days"] == days
    assert budget(house)["cap"] == pytest.approx(0.7)


def test_a_population_s_cap_refreshes_only_when_told_to_and_everything_says_so(house: Any, monkeypatch: Any) -> None:
    card = house.sdk()["visits"]
    assert card.card.population.refresh_days is None
    assert "refreshes" not in repr(card)
    refresh_population(house.node, "people", 20)
    owner = house.sdk(house.owner).owner
    [found] = owner.populations()
    assert found.budget.window.days == 20
    assert "over k windows at most k times epsilon 2" in found.describe()
    assert "38 in a year" in found.describe()
    assert "For all time there is no bound" in found.describe()
    card = house.sdk()["visits"]
    assert card.card.population.refresh_days == 20
    assert "over k windows at most k times as much is spent on the same people" in repr(card)
    assert house.ask(MEAN, 0.5).status_code == 200
    later(monkeypatch, 21.0)
    assert house.ask(COUNT, 0.4).status_code == 200
    report = owner.report(found.id)
    assert (report.events, report.window.number) == (1, 2)
    assert report.tighter < report.lifetime
    assert "all windows together" in report.describe()
    assert "account.windowed" in {entry["kind"] for entry in house.ledger()}


def test_the_portal_s_own_sum_follows_a_refresh(house: Any, monkeypatch: Any) -> None:
    refresh_population(house.node, "people", 20)
    assert house.ask(MEAN, 0.5).status_code == 200
    later(monkeypatch, 21.0)
    assert house.ask(COUNT, 0.4).status_code == 200
    owner = house.sdk(house.owner).owner
    [found] = owner.populations()
    book_of = AccountBook()
    book_of.read_on(owner.ledger)
    account = book_of.account(found.account)
    assert account is not None
    assert account.terms.price(account.room) == pytest.approx(found.budget.left, rel=1e-6)
    shown = ledger.account_card(found, account, datetime.now(UTC)).about
    assert "in one window" in shown
    assert "For all time there is no bound" in shown


def test_a_period_must_be_one_and_must_change_something(house: Any) -> None:
    grant = house.get("/v1/requests").json()[0]["grant"]
    for days, said in ((0, "1 <= days <= 3650, got 0"), (None, "it does not refresh already")):
        with pytest.raises(InvalidRequest, match=said):
            refresh_population(house.node, "people", days)
        with pytest.raises(InvalidRequest, match=said):
            refresh_grant(house.node, grant, days)
    with pytest.raises(InvalidRequest, match="no such grant"):
        refresh_grant(house.node, "grt_none", 7)
    assert refresh_grant(house.node, grant, 7).window.number == 1


def test_at_the_machine_a_refreshing_cap_is_warned_about_and_confirmed(tmp_path: Any) -> None:
    folder = tmp_path / "node"
    typed(folder, "init", "--name", "Clinic", "--owner", "Olga")
    plain = typed(folder, "population", "add", "people", "--units", "1234", "--epsilon", "2").output
    assert "refresh" not in plain
    opened = ("population", "add", "meters", "--units", "1234", "--epsilon", "1", "--refresh-days", "7")
    assert (
        "at most k times epsilon 1 (and k times delta) is spent on the same people, 53 in a year"
        in typed(folder, *opened).output
    )
    asked = typed(folder, "population", "refresh", "people", "--every", "30", code=1).output
    assert "For all time there is no bound" in asked
    assert "Aborted" in asked
    assert typed(folder, "population", "list").output.count("there is no bound") == 1
    typed(folder, "population", "refresh", "people", "--every", "30", "--yes")
    assert typed(folder, "population", "list").output.count("there is no bound") == 2
    ended = typed(folder, "population", "refresh", "people", "--never").output
    assert "refresh" not in ended, "it never did"
    assert "either --every DAYS or --never" in typed(folder, "population", "refresh", "people", code=2).output
    assert "days: expected 1 <= days" in typed(folder, "population", "refresh", "people", "--every", "0", code=1).output
