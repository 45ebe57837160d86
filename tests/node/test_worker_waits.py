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
from jali_node.errors import InvalidRequest
from jali_node.ledger import chain
from jali_node.sandbox import cell
from jali_node.tables import WorkerRow


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PAUSE_S", 0.1)
    monkeypatch.setattr(worker, "BEAT_S", 0.2)


@pytest.fixture
def waiting(build_house: Any) -> tuple[Any, tuple[str, int, int]]:
    """Return a house with a round that waits for a worker."""
    house = build_house(database_wait_s=0.2)
    job = submitted(house)
    assert decide(house, job).status_code == 200
    assert begin(house, job, 1, form(house)["weights"]).status_code in (200, 202)
    [found] = run_round.waiting_rounds(house.node)
    return house, found


def claimed(house: Any) -> Any:
    """Return what a worker that looks once would run."""
    return worker._claimed(house.node, "worker-1", lambda *_: True, lambda *_: True)


def test_nothing_is_begun_while_the_database_does_not_answer_and_the_round_is_once_it_does(waiting: Any) -> None:
    house, found = waiting
    with locked(house):
        assert claimed(house) is None
    name, _, arguments = claimed(house)
    assert (name, arguments) == (".".join(map(str, found)), found)
    assert claimed(house) is None, "it is somebody's already"


def test_nothing_is_begun_while_the_clock_is_behind(waiting: Any) -> None:
    house, found = waiting
    with house.node.database.writing() as session:
        chain.append(session, audit.NODE_CREATED, {}, at=datetime.now(UTC) + timedelta(hours=1))
    assert claimed(house) is None
    accept_clock(house.node)
    assert run_round.waiting_rounds(house.node) == [found], "its attempt is not used up"
    assert claimed(house)[2] == found


def test_a_worker_looks_again_where_the_database_was_gone(waiting: Any) -> None:
    house, found = waiting
    house.node.database.close()
    path = house.folder / "node.db"
    path.rename(house.folder / "away.db")
    assert claimed(house) is None
    (house.folder / "away.db").rename(path)
    assert claimed(house)[2] == found


def test_a_worker_s_name_is_one_process_at_a_time(house: Any) -> None:
    said: list[str] = []
    with worker._enlisted(house.node, "worker-1", 4, threading.Event(), said.append):
        with (
            pytest.raises(InvalidRequest, match="a worker named worker-1 runs on"),
            worker._enlisted(house.node, "worker-1", 4, threading.Event(), said.append),
        ):
            pass
        assert "waiting whether it is seen again" in said[0]
        with worker._enlisted(house.node, "worker-2", 4, threading.Event(), said.append):
            pass
    with worker._enlisted(house.node, "worker-1", 4, threading.Event(), said.append):
        assert len(said) == 1, "a name that was given back is free at once"


def test_a_worker_whose_name_was_taken_over_stops(house: Any) -> None:
    ended = threading.Event()
    with worker._enlisted(house.node, "worker-1", 4, ended, print):
        with house.node.database.writing() as session:
            session.get_one(WorkerRow, "worker-1").process = "another"
        assert ended.wait(60)


def test_a_worker_below_the_owners_tier_does_not_start(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell, "tier", lambda: 3)
    house.node.settings.__dict__["sandbox_tier_min"] = 4
    with pytest.raises(InvalidRequest, match="reaches tier 3, and sandbox_tier_min is 4"):
        worker.work(house.node, threading.Event(), print)
