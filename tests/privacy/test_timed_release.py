"""Answers leave at a time that was fixed before their rows were read. The clock here moves only when told to."""

import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pytest
from sqlalchemy import select

from jali.wire.person import Role
from jali_node.actions.datasets.twins import twin_of
from jali_node.actions.people.add_person import add_person, add_project
from jali_node.actions.people.create_token import create_token
from jali_node.actions.queries import timetable
from jali_node.departure import Departures
from jali_node.engine.warehouse import Warehouse
from jali_node.statistics.plan import Plan
from jali_node.store import catalog
from jali_node.tables import ReleaseRow, ReleaseTimeRow, SpendRow

TRIAL_S = 0.1
AFTER_S = 0.22  # a trial doubled, and the floor
MEAN = {"kind": "mean", "column": "age"}
OLD = {"op": "gt", "left": {"op": "column", "name": "age"}, "right": {"op": "number", "value": 100}}
ANY = {"op": "gt", "left": {"op": "column", "name": "age"}, "right": {"op": "number", "value": -1}}


class Hand:
    """A clock whose hand moves when somebody waits, or when a test says that work took time."""

    def __init__(self) -> None:
        self.moment = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.moment += seconds


class Timed:
    """A house whose questions take as long as a test says: `TRIAL_S` on made-up rows, `takes` on real ones."""

    def __init__(self, house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.house, self.hand, self.takes = house, Hand(), 0.0
        self.trials = 0
        self.failure: Exception | None = None
        object.__setattr__(house.node, "departures", Departures(clock=self.hand))
        with house.node.database.reading() as session:
            twin_of(house.node, catalog.registered(session, house.dataset))
        sound = Warehouse.tallies

        def slowly(warehouse: Warehouse, snapshot: Any, *rest: Any) -> Any:
            made_up = snapshot.version.startswith("twin_")
            self.trials += made_up
            self.hand.moment += TRIAL_S if made_up else self.takes
            if self.failure is not None and not made_up:
                raise self.failure
            return sound(warehouse, snapshot, *rest)

        monkeypatch.setattr(Warehouse, "tallies", slowly)

    def ask(self, statistic: Any, epsilon: float = 0.1, token: str | None = None, **other: Any) -> tuple[Any, float]:
        """Return a reply and how long it took from the charge on."""
        begun: list[float] = []
        with self.watched(begun):
            reply = self.house.post("/v1/queries", self.house.query(statistic, epsilon, **other), token)
        return reply, round(self.hand.moment - begun[0], 9) if begun else 0.0

    @contextmanager
    def watched(self, begun: list[float]) -> Iterator[None]:
        leaving = Departures.leaving

        @contextmanager
        def noted(departures: Departures, after_s: float | None) -> Iterator[Any]:
            begun.append(self.hand.moment)
            with leaving(departures, after_s) as departure:
                yield departure

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Departures, "leaving", noted)
            yield

    def late(self) -> int:
        return int(self.house.get(f"/v1/datasets/{self.house.dataset}").json()["late"])


@pytest.fixture
def timed(build_house: Any, monkeypatch: pytest.MonkeyPatch) -> Timed:
    house = build_house(timed_release=True, cap=20.0)
    house.grant(epsilon=10.0)
    return Timed(house, monkeypatch)


def released(house: Any) -> list[ReleaseRow]:
    with house.node.database.reading() as session:
        return list(session.scalars(select(ReleaseRow).order_by(ReleaseRow.created_at)))


def test_an_answer_leaves_at_its_time_however_soon_it_is_ready(timed: Timed) -> None:
    for i, timed.takes in enumerate([0.0, 0.001, 0.1, 0.219]):
        reply, after_s = timed.ask(MEAN, 0.1 + i / 100)
        assert (reply.status_code, after_s) == (200, AFTER_S)
    assert timed.late() == 0


def test_an_overrun_leaves_at_a_power_of_two_of_its_time_and_is_counted(timed: Timed) -> None:
    for i, (timed.takes, doublings) in enumerate([(0.3, 1), (0.5, 2), (1.7, 3), (100.0, 9)]):
        reply, after_s = timed.ask(MEAN, 0.1 + i / 100)
        assert (reply.status_code, after_s) == (200, pytest.approx(AFTER_S * 2**doublings))
        assert timed.late() == i + 1
    assert timed.house.get("/v1/datasets").json()[0]["timed_release"] is True


def test_late_answers_are_counted_across_versions_and_restarts(timed: Timed) -> None:
    timed.takes = 1.0
    for epsilon in (0.1, 0.2, 0.3):
        timed.ask(MEAN, epsilon)
    assert timed.late() == 3
    with timed.house.node.database.reading() as session:
        assert [row.late for row in session.scalars(select(ReleaseTimeRow))] == [3]


def test_a_failure_leaves_at_the_same_time_as_an_answer(timed: Timed) -> None:
    timed.ask(MEAN)
    errors = [MemoryError("4711"), duckdb.OutOfMemoryException("4711"), OSError(28, "4711"), RecursionError("4711")]
    for i, timed.failure in enumerate(errors):
        failed, after_s = timed.ask({"kind": "mean", "column": "weight"}, 0.1 + i / 100)
        assert (failed.status_code, after_s) == (200, AFTER_S)
    assert [row.from_failure for row in released(timed.house)] == [False, True, True, True, True]


def test_even_an_answer_without_any_noise_to_give_waits_for_its_time(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed.ask(MEAN)
    timed.failure = MemoryError()
    with monkeypatch.context() as broken:
        broken.setattr(Plan, "of_nothing", lambda self: 1 / 0)
        reply, after_s = timed.ask(MEAN, 0.2)
    assert (reply.status_code, after_s) == (503, AFTER_S)


def test_a_filter_that_matches_nothing_leaves_when_one_that_matches_all_does(timed: Timed) -> None:
    """Both are of one class, which is tried as if every row matched."""
    times = []
    for takes, where in ((0.001, OLD), (0.1, ANY)):
        timed.takes = takes
        reply, after_s = timed.ask(MEAN, selection={"where": where})
        assert reply.status_code == 200
        times.append(after_s)
    assert times[0] == times[1] == pytest.approx(2 * 2 * TRIAL_S + timetable.FLOOR_S)
    assert timed.trials == 2 * timetable.RUNS


def test_a_class_is_tried_once_and_a_restart_keeps_its_time(timed: Timed) -> None:
    timed.ask(MEAN)
    timed.ask(MEAN, 0.2)
    timed.ask({"kind": "mean", "column": "age"}, 0.3)
    assert timed.trials == timetable.RUNS
    object.__setattr__(timed.house.node, "twins", {})
    timed.ask(MEAN, 0.4)
    assert timed.trials == timetable.RUNS
    timed.ask({"kind": "value_counts", "column": "site"})
    read_anew = len(timed.house.card.columns)
    assert timed.trials == timetable.RUNS + read_anew + timetable.RUNS


SOUND = {"age": 30, "weight": 70.0, "site": "north", "note": 1.5}
BREAKING = {"age": 2**63 - 1, "weight": math.nan, "site": "x" * 1_000_000, "note": -math.inf}
BELOW = {"op": "clip", "of": {"op": "column", "name": "note"}, "lower": 1e-90, "upper": 1e90}
SHARE = {"op": "divide", "left": {"op": "column", "name": "age"}, "right": BELOW}
ABOVE_0 = {"op": "add", "left": {"op": "column", "name": "weight"}, "right": {"op": "number", "value": 1e-90}}
LOGARITHM = {"op": "logarithm", "of": ABOVE_0}
PLANS: list[dict[str, Any]] = [
    {"statistic": {"kind": "count"}},
    {"statistic": MEAN},
    {"statistic": {"kind": "describe", "columns": ["age", "weight"]}},
    {"statistic": {"kind": "value_counts", "column": "site"}},
    {"statistic": {"kind": "group_by", "keys": ["site"], "of": {"kind": "mean", "column": "weight"}}},
    {"statistic": {"kind": "count"}, "selection": {"where": {"op": "gt", "left": SHARE, "right": LOGARITHM}}},
    {"statistic": {"kind": "mean", "column": "logarithm((weight + 1e-90))"}, "selection": {"derived": [LOGARITHM]}},
]


def skeleton(value: Any) -> Any:
    """Return the keys, types and lengths of a reply, and the noise that it states."""
    if isinstance(value, dict):
        return {
            key: item if key in ("noise_stddev", "epsilon", "loss") else skeleton(item) for key, item in value.items()
        }
    return [skeleton(item) for item in value] if isinstance(value, list) else type(value).__name__


def test_each_plan_on_a_table_and_on_its_neighbour_gives_the_same_status_shape_and_time(
    build_house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The neighbour has a row made to break the plan, and the work takes longer on it. No plan fails on either."""
    found = []
    for name, content in (("with", [SOUND, BREAKING, SOUND]), ("without", [SOUND, SOUND])):
        house = build_house(rows=content, name=name, timed_release=True, cap=50.0)
        house.grant(epsilon=40.0)
        with monkeypatch.context() as patch:
            timed = Timed(house, patch)
            timed.takes = TRIAL_S if name == "with" else 0.001
            replies = [timed.ask(question["statistic"], 1.0, **{k: v for k, v in question.items() if k != "statistic"})
                       for question in PLANS]  # fmt: skip
        assert not any(row.from_failure for row in released(house))
        found.append([(reply.status_code, skeleton(reply.json()), after_s) for reply, after_s in replies])
    assert found[0] == found[1]
    assert {(status, after_s >= AFTER_S) for status, _, after_s in found[0]} == {(200, True)}


def test_a_projects_own_answer_is_there_at_once_and_anothers_at_the_usual_time(timed: Timed) -> None:
    house = timed.house
    first, _ = timed.ask(MEAN)
    before = timed.hand.moment
    again, _ = timed.ask(MEAN)
    assert timed.hand.moment == before
    assert again.json()["repeated"]

    project = add_project(house.node, "other study", "to test")
    add_person(house.node, "Otto Other", Role.DATA_SCIENTIST, ("other study",))
    token, _ = create_token(house.node, "Otto Other", 30)
    house.grant(epsilon=1.0, token=token, project=project.id)
    timed.takes = 0.1
    shared, after_s = timed.ask(MEAN, token=token, project=project.id)
    assert (shared.json()["repeated"], after_s) == (False, AFTER_S)
    assert shared.json()["measurements"] == first.json()["measurements"]


def test_nothing_of_an_answer_can_be_seen_before_it_leaves(timed: Timed) -> None:
    """Neither the list of releases nor a quote nor the same question asked again tells when it was ready."""
    seen: list[Any] = []
    sleep = timed.hand.sleep

    def peeking(seconds: float) -> None:
        house = timed.house
        seen.append(house.get("/v1/releases", project=house.project).json())
        wish = {key: value for key, value in house.query(MEAN).items() if key != "insist"}
        seen.append(house.post("/v1/quotes", wish).json()["repeated"])
        with house.node.database.reading() as session:
            seen.append([row.state for row in session.scalars(select(SpendRow))])
        sleep(seconds)

    timed.hand.sleep = peeking  # type: ignore[method-assign]
    assert timed.ask(MEAN)[0].status_code == 200
    assert seen == [[], False, ["begun"]]


def test_what_made_up_rows_break_is_refused_before_anything_is_spent(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = timed.house.population()

    def broken(*_: Any) -> Any:
        raise MemoryError("4711")

    monkeypatch.setattr(Warehouse, "tallies", broken)
    reply, _ = timed.ask(MEAN)
    assert (reply.status_code, reply.json()["code"]) == (503, "node_unavailable")
    assert "4711" not in reply.text
    assert timed.house.population() == before


def test_a_twin_is_made_of_the_card_and_not_of_rows(build_house: Any) -> None:
    house = build_house(timed_release=True, units=300)
    (path,) = (house.folder / "twins").glob("*.parquet")
    with duckdb.connect() as connection:
        found = connection.from_parquet(str(path))
        assert len(found) == 300
        assert dict(zip(found.columns, map(str, found.types), strict=True)) == {
            "age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR", "note": "DOUBLE",
        }  # fmt: skip
        ranges = found.aggregate(
            "min(age) >= 0, max(age) <= 100, count(distinct site), count(note) between 200 and 300"
        )
        assert ranges.fetchall() == [(True, True, 3, True)]


def test_without_timed_release_an_answer_leaves_when_it_is_ready(build_house: Any) -> None:
    house = build_house()
    house.grant()
    assert house.ask(MEAN).status_code == 200
    assert house.get("/v1/datasets").json()[0]["timed_release"] is False
    assert not (house.folder / "twins").exists()
    with house.node.database.reading() as session:
        assert not list(session.scalars(select(ReleaseTimeRow)))


def test_waiting_answers_leave_other_routes_their_threads(build_house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty answers wait; a quote and the card come through, which forty threads in all would not have allowed."""
    house = build_house(timed_release=True)
    house.grant()
    open_doors, waiting = threading.Event(), threading.Semaphore(0)

    def held(*_: Any) -> Any:
        waiting.release()
        open_doors.wait(30)
        raise ValueError("enough")

    monkeypatch.setattr("jali_node.routes.queries.ask", held)
    askers = [threading.Thread(target=house.ask, args=(MEAN,)) for _ in range(60)]
    for asker in askers:
        asker.start()
    try:
        for _ in askers:
            assert waiting.acquire(timeout=20)
        assert house.get("/v1/datasets").status_code == 200
    finally:
        open_doors.set()
        for asker in askers:
            asker.join()


def test_real_answers_keep_to_real_time(build_house: Any) -> None:
    """The only test by the wall clock: eight answers, none before its time, and the fastest of them soon after it.

    Never early, whatever the machine does. The upper bound fails only if all eight are delayed by over 2 s each.
    """
    import time

    house = build_house(timed_release=True, cap=20.0)
    house.grant(epsilon=10.0)
    house.ask(MEAN, 0.05)
    with house.node.database.reading() as session:
        after_s = session.scalars(select(ReleaseTimeRow.after_ns)).one() / 1e9
    took = []
    for i in range(8):
        begun = time.monotonic()
        reply = house.ask(MEAN, 0.1 + i / 100)
        took.append(time.monotonic() - begun)
        assert reply.status_code == 200
    assert all(seconds >= after_s for seconds in took)
    assert min(took) < after_s + 2.0
    assert json.loads(reply.text)["epsilon"] == pytest.approx(0.17)
