"""What pages show, as plain values."""

import doctest
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jali_portal import words
from jali_portal.components import cost_gauge, model_graph
from jali_portal.components.model_graph import GraphNode
from jali_portal.viewmodels import cost, inbox, ledger

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("module", [words, ledger, inbox])
def test_examples_in_docstrings_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(hours=1), "today at 12:00"),
        (timedelta(hours=14), "yesterday at 23:00"),
        (timedelta(days=40), "20 January 2026, 13:00"),
    ],
)
def test_moments_are_said_in_the_reader_s_zone(ago: timedelta, said: str) -> None:
    assert words.moment(NOW - ago, NOW, ZoneInfo("Europe/Zurich")) == said


def test_ages_are_whole_and_never_negative() -> None:
    ages = [timedelta(seconds=-5), timedelta(minutes=1), timedelta(hours=30), timedelta(days=9)]
    assert [words.age(NOW - ago, NOW) for ago in ages] == ["under a minute", "1 minute", "30 hours", "9 days"]


def population(portal: Any) -> tuple[Any, Any, Any]:
    desk = portal.reception.desk(portal.session)
    [found] = desk.populations()
    book = desk.accounts()
    return desk, found, book.account(found.account)


def test_the_books_read_from_the_ledger_agree_with_the_node(portal: Any) -> None:
    house = portal.house
    house.grant(2.5)
    for epsilon, column in ((0.3, "age"), (0.7, "weight"), (0.05, "age")):
        assert house.ask({"kind": "mean", "column": column}, epsilon).status_code == 200
        _, found, account = population(portal)
        assert account.terms.price(account.room) == pytest.approx(found.budget.left, rel=1e-9)


def test_what_is_left_after_a_quota_is_what_the_node_has_left_when_it_was_used(portal: Any) -> None:
    house = portal.house
    house.grant(0.8)
    assert house.ask({"kind": "count"}, 0.8).status_code == 200
    house.grant(1.2)
    _, found, account = population(portal)
    foreseen = cost.cost(found, account, (), 1.2)
    assert house.ask({"kind": "mean", "column": "age"}, 1.2).status_code == 200
    _, after, _ = population(portal)
    assert foreseen.fits_after == pytest.approx(after.budget.left, rel=1e-6)
    assert foreseen.fits_now == found.budget.left


def test_a_quota_used_by_many_questions_leaves_no_less_than_foreseen(portal: Any) -> None:
    house = portal.house
    house.grant(1.0)
    _, found, account = population(portal)
    foreseen = cost.cost(found, account, (), 1.0)
    asked = 0
    while house.ask({"kind": "histogram", "column": "age", "bins": asked + 2}, 0.3).status_code == 200:
        asked += 1
    assert asked > 2
    _, after, _ = population(portal)
    assert after.budget.left >= foreseen.fits_after * (1 - 1e-9)


def test_shares_sum_to_one_and_say_what_is_too_much(portal: Any) -> None:
    house = portal.house
    house.grant(2.0)
    desk, found, account = population(portal)
    rivals = cost.open_quotas(desk.requests(), desk.accounts().quotas(account.id), datetime.now(UTC))
    assert len(rivals) == 1
    for asked in (0.1, 1.0, 2.9, 3.0, 5.0):
        seen = cost.cost(found, account, rivals, asked)
        assert seen.used + seen.quota + seen.promised + seen.left == pytest.approx(1)
        assert seen.above_cap == (asked > 3.0)
        assert seen.overbooked == (asked > 2.4)
        assert "%" in cost_gauge.html(seen)
    assert not cost.open_quotas(
        desk.requests(), desk.accounts().quotas(account.id), datetime.now(UTC) + timedelta(days=91)
    )


def test_the_ledger_is_read_on_and_never_again(portal: Any) -> None:
    desk, _, _ = population(portal)
    read = desk.accounts().entries
    portal.house.request(1.0)
    seen: list[int] = []
    desk.accounts().read_on(lambda after: seen.append(after) or iter(()))
    assert seen == [read + 1]


def test_the_inbox_puts_the_longest_wait_first(portal: Any) -> None:
    desk, _, _ = population(portal)
    first, second = portal.house.request(0.1), portal.house.request(0.2)
    page = inbox.inbox(map(inbox.of_access, desk.requests()), inbox.Shown.ALL, datetime.now(UTC))
    assert [row.id for row in page.rows] == [first["id"], second["id"]]


NODES = [
    {"id": "x", "kind": "input", "inputs": [], "settings": {}},
    {"id": "a", "kind": "linear", "inputs": ["x"], "settings": {"out": 16}},
    {"id": "b", "kind": "<script>alert(1)</script>", "inputs": ["x"], "settings": {"p": "<b>"}},
    {"id": "y", "kind": "add", "inputs": ["a", "b"], "settings": None},
]


def test_a_graph_is_drawn_in_layers_and_escaped() -> None:
    nodes = [GraphNode.from_record(record) for record in NODES]
    assert [[node.id for node in row] for row in model_graph.layers(nodes)] == [["x"], ["a", "b"], ["y"]]
    picture, width = model_graph.svg(nodes)
    assert "<script" not in picture
    assert "<b>" not in picture
    assert picture.count("marker-end") == 4
    assert width > 2 * model_graph.BOX_WIDTH


def test_a_graph_in_a_circle_or_with_unknown_inputs_is_drawn_all_the_same() -> None:
    circle = [GraphNode("a", "linear", ("b", "none")), GraphNode("b", "linear", ("a",))]
    assert [[node.id for node in row] for row in model_graph.layers(circle)] == [["a", "b"]]
    assert model_graph.svg(circle)[0].startswith("<svg")
    assert model_graph.layers([]) == []


def test_a_noted_head_is_checked_before_anything_is_downloaded() -> None:
    assert ledger.checkpoint(None, " ") == ({}, "")
    assert ledger.checkpoint(3, "AB" * 32) == ({3: "ab" * 32}, "")
    assert ledger.checkpoint(3, "xy")[1]
    assert ledger.checkpoint(None, "ab" * 32)[1]


def test_every_entry_falls_on_one_page() -> None:
    for entries in (0, 1, 19, 20, 21, 45):
        windows = [ledger.window(entries, page) for page in range(ledger.last_page(entries) + 1)]
        assert sum(limit for _, limit in windows) == entries
