"""Places and times of answers, and the same question asked at once while answers wait."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from jali_node.departure import PLACES, Departures
from jali_node.tables import ReleaseTimeRow, SpendRow


class Hand:
    """A clock that moves when somebody waits."""

    def __init__(self) -> None:
        self.moment = 0.0

    def now(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += seconds


@pytest.mark.parametrize(
    ("work_s", "left_s", "missed"),
    [(0.0, 1.0, 0), (0.5, 1.0, 0), (1.0, 1.0, 0), (1.25, 2.0, 1), (2.0, 2.0, 1), (3.0, 4.0, 2), (1000.0, 1024.0, 10)],
)
def test_a_block_ends_at_its_time_or_at_a_power_of_two_of_it(work_s: float, left_s: float, missed: int) -> None:
    hand = Hand()
    with Departures(clock=hand).leaving(1.0) as departure:
        hand.moment += work_s
    assert (hand.moment, departure.missed) == (left_s, missed)


def test_a_block_that_raises_ends_at_the_same_time() -> None:
    hand = Hand()
    with pytest.raises(MemoryError), Departures(clock=hand).leaving(1.0):
        raise MemoryError
    assert hand.moment == 1.0


def test_without_a_time_a_block_ends_when_it_is_done() -> None:
    hand = Hand()
    with Departures(clock=hand).leaving(None) as departure:
        hand.moment += 0.3
    assert (hand.moment, departure.missed) == (0.3, 0)


def test_a_place_is_free_again_only_when_somebody_has_left() -> None:
    departures, entered, doors = Departures(), threading.Semaphore(0), threading.Event()

    def stay() -> None:
        with departures.place():
            entered.release()
            doors.wait(30)

    guests = [threading.Thread(target=stay) for _ in range(PLACES + 1)]
    for guest in guests:
        guest.start()
    for _ in range(PLACES):
        assert entered.acquire(timeout=10)
    assert not entered.acquire(timeout=0.1), "one too many got in"
    doors.set()
    assert entered.acquire(timeout=10)
    for guest in guests:
        guest.join()


def at_once(run: Callable[[int], Any], number: int) -> list[Any]:
    found: list[Any] = [None] * number
    start = threading.Barrier(number)

    def one(i: int) -> None:
        start.wait()
        found[i] = run(i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_the_same_question_asked_at_once_is_charged_once_and_timed_once(build_house: Any) -> None:
    house = build_house(timed_release=True)
    house.grant()
    replies = at_once(lambda _: house.ask({"kind": "mean", "column": "age"}).json(), 6)
    assert len({str(reply["measurements"]) for reply in replies}) == 1
    assert sorted(reply["repeated"] for reply in replies) == [False, *[True] * 5]
    with house.node.database.reading() as session:
        assert len(list(session.scalars(select(SpendRow)))) == 1
        assert len(list(session.scalars(select(ReleaseTimeRow)))) == 1


def test_different_questions_asked_at_once_are_all_answered(build_house: Any) -> None:
    house = build_house(timed_release=True, cap=10.0)
    house.grant(epsilon=5.0)
    bins = range(2, 10)
    replies = at_once(lambda i: house.ask({"kind": "histogram", "column": "age", "bins": bins[i]}), len(bins))
    assert [reply.status_code for reply in replies] == [200] * len(bins)
    with house.node.database.reading() as session:
        assert {spend.state for spend in session.scalars(select(SpendRow))} == {"committed"}
