"""A process killed at any point between asking and answering never makes a spend smaller, on either database."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from jali_node.actions.operations.read_ledger import checked
from jali_node.app import create_app
from jali_node.ledger import book
from jali_node.tables import AccountRow, ReleaseRow, SpendRow

DOOMED = Path(__file__).parent / "doomed.py"
COUNT = {"kind": "count"}
Amounts = dict[str, tuple[int, ...]]


@dataclass
class Mortal:
    """A house whose processes can be killed."""

    house: Any
    url: str

    def killed(self, point: str, epsilon: float = 0.2) -> None:
        """Ask for a count in a process that is killed at that point."""
        question = json.dumps(self.house.query(COUNT, epsilon))
        command = [sys.executable, str(DOOMED), str(self.house.folder), self.url, point, question]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr

    def reopened(self) -> None:
        """Start the node anew, as after an unclean end."""
        self.house.client.__exit__(None, None, None)
        app = create_app(self.house.node.settings)
        self.house.client = TestClient(app, raise_server_exceptions=False)
        self.house.client.__enter__()
        self.house.node = app.state.node

    def spent(self) -> Amounts:
        with self.house.node.database.reading() as session:
            return {row.id: tuple(json.loads(row.spent)) for row in session.scalars(select(AccountRow))}

    def held(self) -> set[int]:
        with self.house.node.database.reading() as session:
            return {amount for row in session.scalars(select(AccountRow)) for amount in json.loads(row.held)}

    def states(self) -> list[str]:
        with self.house.node.database.reading() as session:
            return list(session.scalars(select(SpendRow.state).order_by(SpendRow.created_at)))

    def releases(self) -> int:
        with self.house.node.database.reading() as session:
            return len(session.scalars(select(ReleaseRow.id)).all())

    def costs(self) -> list[tuple[int, ...]]:
        with self.house.node.database.reading() as session:
            return [tuple(json.loads(cost)[0]) for cost in session.scalars(select(SpendRow.cost))]

    def must_balance(self) -> None:
        """Check that accounts are what spends and chain add up to."""
        report = checked(self.house.node.database)
        assert report.valid, report.reason
        assert self.held() == {0}
        sums = tuple(sum(costs) for costs in zip(*self.costs(), strict=True)) if self.costs() else None
        for amounts in self.spent().values():
            assert amounts == (sums or (0,) * len(amounts)), "both accounts have paid for every spend"


@pytest.fixture
def mortal(build_house: Callable[..., Any], database_url: str) -> Iterator[Mortal]:
    """Return a furnished house on each kind of database, with access of epsilon 1."""
    house = build_house(database_url=database_url)
    house.grant()
    built = Mortal(house, database_url)
    yield built
    built.house.client.__exit__(None, None, None)


def test_killed_before_begin_is_durable_nothing_is_spent(mortal: Mortal) -> None:
    mortal.killed("before-begin")
    assert mortal.states() == []
    mortal.reopened()
    assert mortal.states() == []
    mortal.must_balance()
    assert mortal.house.ask(COUNT, 0.2).json()["repeated"] is False
    mortal.must_balance()


@pytest.mark.parametrize("point", ["after-begin", "while-storing"])
def test_killed_between_begin_and_commit_the_spend_stands_and_no_answer_is_kept(mortal: Mortal, point: str) -> None:
    mortal.killed(point)
    assert mortal.states() == [book.BEGUN]
    spent = mortal.spent()
    assert all(any(amounts) for amounts in spent.values())
    mortal.reopened()
    assert mortal.spent() == spent
    assert mortal.states() == [book.SETTLED]
    assert mortal.releases() == 0
    mortal.must_balance()
    again = mortal.house.ask(COUNT, 0.2).json()
    assert again["repeated"] is False, "what was lost is not found again: it is a new spend"
    assert mortal.states() == [book.SETTLED, book.COMMITTED]
    assert all(a > b for key, amounts in mortal.spent().items() for a, b in zip(amounts, spent[key], strict=True))
    mortal.must_balance()
    assert mortal.house.ask(COUNT, 0.2).json()["repeated"] is True
    assert len(mortal.states()) == 2


def test_killed_after_commit_the_stored_answer_is_found_for_free(mortal: Mortal) -> None:
    mortal.killed("after-commit")
    assert mortal.states() == [book.COMMITTED]
    spent = mortal.spent()
    mortal.reopened()
    assert mortal.states() == [book.COMMITTED]
    assert mortal.house.ask(COUNT, 0.2).json()["repeated"] is True
    assert mortal.spent() == spent
    assert mortal.releases() == 1
    mortal.must_balance()


@pytest.mark.slow
def test_ten_kills_at_alternating_points_use_up_the_budget_and_no_more(mortal: Mortal) -> None:
    points = ("after-begin", "before-begin", "while-storing", "before-begin", "after-begin") * 2
    left = mortal.house.population()["left"]
    for number, point in enumerate(points):
        before, states = mortal.spent(), mortal.states()
        mortal.killed(point, 0.2)
        mortal.reopened()
        lost = point != "before-begin"
        assert mortal.states() == states + [book.SETTLED] * lost, f"kill {number}, {point}"
        assert mortal.releases() == 0
        for account_id, amounts in mortal.spent().items():
            assert amounts > before[account_id] if lost else amounts == before[account_id]
        mortal.must_balance()
        now = mortal.house.population()["left"]
        assert now < left if lost else now == left
        left = now
    assert mortal.house.ask(COUNT, 0.2).json()["repeated"] is False
    mortal.must_balance()
