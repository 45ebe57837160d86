"""A worker whose node's database does not answer, or whose clock is behind: it waits, loses no round, and goes on."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.ledger.test_database_gone import locked
from tests.node.test_jobs import begin, decide, form, submitted

from jali_node import audit, worker
from jali_node.actions.jobs import run_round
from jali_node.actions.operations.set_clock import accept_clock
from jali_node.errors import NodeUnavailable
from jali_node.ledger import chain


@pytest.fixture
def waiting(build_house: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, tuple[str, int, int]]:
    """Return a house with a round that waits for a worker."""
    monkeypatch.setattr(worker, "PAUSE_S", 0.1)
    house = build_house(database_wait_s=0.2)
    job = submitted(house)
    assert decide(house, job).status_code == 200
    assert begin(house, job, 1, form(house)["weights"]).status_code in (200, 202)
    [found] = run_round.waiting_rounds(house.node)
    return house, found


def claiming(house: Any, found: tuple[str, int, int], ended: threading.Event) -> tuple[threading.Thread, list[object]]:
    said: list[object] = []

    def claim() -> None:
        try:
            said.append(worker._as_soon_as_possible(ended, lambda: run_round.claim(house.node, *found, "worker-1")))
        except SystemExit:
            said.append("stopped")

    thread = threading.Thread(target=claim)
    thread.start()
    return thread, said


def test_a_claim_waits_for_the_database_and_is_made_once_it_answers(waiting: Any) -> None:
    house, found = waiting
    with locked(house):
        with pytest.raises(NodeUnavailable):
            run_round.claim(house.node, *found, "worker-1")
        thread, said = claiming(house, found, threading.Event())
        thread.join(1.0)
        assert said == []
    thread.join(60)
    assert said == [True]


def test_a_claim_waits_for_the_clock_and_a_worker_that_is_stopped_meanwhile_leaves_it_to_the_next(waiting: Any) -> None:
    house, found = waiting
    with house.node.database.writing() as session:
        chain.append(session, audit.NODE_CREATED, {}, at=datetime.now(UTC) + timedelta(hours=1))
    ended = threading.Event()
    thread, said = claiming(house, found, ended)
    thread.join(0.5)
    assert said == []
    ended.set()
    thread.join(60)
    assert said == ["stopped"]
    accept_clock(house.node)
    assert run_round.waiting_rounds(house.node) == [found], "its attempt is not used up"
    assert run_round.claim(house.node, *found, "worker-1")


def test_a_worker_looks_again_where_the_database_does_not_answer(waiting: Any) -> None:
    house, found = waiting
    with locked(house):
        assert worker._waiting(house.node) in ([], [found])  # a reader may not have to wait for a writer
    house.node.database.close()
    path = house.folder / "node.db"
    path.rename(house.folder / "away.db")
    assert worker._waiting(house.node) == []
    (house.folder / "away.db").rename(path)
    assert worker._waiting(house.node) == [found]
