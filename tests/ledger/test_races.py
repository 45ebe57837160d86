"""Two real processes race for the last of a budget, on each database. Right locks never lose a race: no false alarms.

A lost race is a matter of chance, so one run may miss a broken lock: without FOR UPDATE on the accounts, PostgreSQL
oversold in 3 runs of 3; with a deferred BEGIN, SQLite failed in 2 of 2.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jali_node.actions.operations.read_ledger import checked
from jali_node.ledger import accountant, book

SPENDER = Path(__file__).parent / "spender.py"
Race = Callable[[book.Purchase], list[int]]


@pytest.fixture
def race(bench: Any) -> Iterator[Race]:
    """Return a function that lets two processes spend at once, and tells how often each could."""
    command = [sys.executable, str(SPENDER), bench.url]
    spenders = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) for _ in "ab"
    ]

    def run(purchase: book.Purchase) -> list[int]:
        assert isinstance(purchase.event, accountant.Gaussian)
        line = json.dumps({**vars(purchase), "event": purchase.event.noise_multiplier}) + "\n"
        for spender in spenders:
            _written(spender.stdin).write(line)
        return [int(_written(spender.stdout).readline()) for spender in spenders]

    assert [_written(spender.stdout).readline() for spender in spenders] == ["ready\n", "ready\n"]
    yield run
    for spender in spenders:
        spender.communicate(timeout=30)
        assert spender.returncode == 0


def _written(pipe: Any) -> Any:
    assert pipe is not None
    return pipe


def test_two_processes_together_spend_exactly_what_one_could(bench: Any, race: Race) -> None:
    for _ in range(3):
        purchase = bench.purchase_for(20, 30.0)
        before = len(bench.spends())
        won = race(purchase)
        assert sum(won) == 20
        assert len(bench.spends()) == before + 20
        account = bench.account(purchase.population_account)
        each = accountant.charge(purchase.event, account.terms)
        assert account.spent == tuple(20 * cost for cost in each.rdp)
        assert not any(account.held)
        assert not account.fits(each)
    assert checked(bench.database).valid


def test_where_there_is_room_for_one_exactly_one_of_two_processes_wins(bench: Any, race: Race) -> None:
    for _ in range(25):
        assert sorted(race(bench.purchase_for(1))) == [0, 1]
    assert {spend.state for spend in bench.spends()} == {book.COMMITTED}
    assert len(bench.spends()) == 25
    assert checked(bench.database).valid


def test_room_for_one_in_the_quota_is_won_once_too(bench: Any, race: Race) -> None:
    price = bench.price(10.0)
    for _ in range(10):
        assert sorted(race(bench.purchase(10.0, population=3.0, quota=price))) == [0, 1]
    assert checked(bench.database).valid
