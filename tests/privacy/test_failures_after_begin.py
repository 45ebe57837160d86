"""What fails after the charge is answered like an empty table: same status, same shape, the spend stands."""

import json
import logging
from typing import Any

import duckdb
import pytest
from sqlalchemy import select

from jali_node.engine.warehouse import Warehouse
from jali_node.mechanisms import gaussian
from jali_node.tables import ReleaseRow, SpendRow

TELLTALE = "patient-4711-is-positive"
FAILURES: dict[str, Exception] = {
    "memory": MemoryError(TELLTALE),
    "engine": duckdb.InvalidInputException(TELLTALE),
    "engine out of memory": duckdb.OutOfMemoryException(TELLTALE),
    "engine conversion": duckdb.ConversionException(TELLTALE),
    "disk": OSError(28, TELLTALE),
    "recursion": RecursionError(TELLTALE),
    "arithmetic": OverflowError(TELLTALE),
    "unicode": UnicodeDecodeError("utf-8", TELLTALE.encode(), 0, 1, TELLTALE),
    "assertion": AssertionError(TELLTALE),
}
STATISTICS: list[dict[str, Any]] = [
    {"kind": "count"},
    {"kind": "mean", "column": "age"},
    {"kind": "histogram", "column": "weight", "bins": 7},
    {"kind": "quantiles", "column": "age"},
    {"kind": "value_counts", "column": "site"},
    {"kind": "sum", "column": "age"},
    {"kind": "spread", "column": "age", "figure": "std"},
    {"kind": "missing", "column": "site"},
    {"kind": "distinct", "column": "age"},
    {"kind": "describe", "columns": ["age", "weight"]},
    {"kind": "covariance", "columns": ["age", "weight"]},
    {"kind": "profile", "columns": ["age", "site", "note"]},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "quantiles", "column": "age", "levels": [0.5]}},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "mean", "column": "weight"}},
]


def raiser(error: Exception) -> Any:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def skeleton(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: item if key == "noise_stddev" else skeleton(item) for key, item in value.items()}
    return [skeleton(item) for item in value] if isinstance(value, list) else type(value).__name__


def releases(house: Any) -> list[ReleaseRow]:
    with house.node.database.reading() as session:
        return list(session.scalars(select(ReleaseRow).order_by(ReleaseRow.created_at)))


def said(caplog: pytest.LogCaptureFixture) -> str:
    """Return all that was logged, tracebacks included."""
    formatter = logging.Formatter()
    return "\n".join(formatter.format(record) for record in caplog.records)


RARE = ("engine conversion", "recursion", "arithmetic", "assertion")


@pytest.mark.parametrize(
    "failure", [pytest.param(failure, marks=pytest.mark.slow if failure in RARE else []) for failure in FAILURES]
)
def test_a_failing_engine_changes_neither_status_nor_shape_nor_price(
    build_house: Any, failure: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    house = build_house()
    house.grant()
    sound = house.ask({"kind": "mean", "column": "age"})
    before = house.population()["spent"]
    monkeypatch.setattr(Warehouse, "tallies", raiser(FAILURES[failure]))
    failed = house.ask({"kind": "mean", "column": "weight"})
    assert failed.status_code == sound.status_code == 200
    named = {name.replace("weight", "age") for name in failed.json()["measurements"]}
    assert named == sound.json()["measurements"].keys()
    assert skeleton({**failed.json(), "measurements": 0}) == skeleton({**sound.json(), "measurements": 0}) | {
        "columns": skeleton(failed.json()["columns"])
    }
    assert house.population()["spent"] > before
    assert [row.from_failure for row in releases(house)] == [False, True]
    assert TELLTALE not in failed.text
    assert "fail" not in failed.text
    assert TELLTALE not in said(caplog)


@pytest.mark.parametrize("asked", STATISTICS, ids=lambda s: str(s["kind"]))
def test_a_failed_answer_looks_like_a_sound_one(
    build_house: Any, asked: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    replies = []
    for name in ("sound", "failing"):
        house = build_house(name=name, cap=10.0)
        house.grant(epsilon=5.0)
        if name == "failing":
            monkeypatch.setattr(Warehouse, "tallies", raiser(MemoryError(TELLTALE)))
        replies.append(house.ask(asked, 0.5))
        assert releases(house)[-1].from_failure == (name == "failing")
    sound, failed = replies
    assert sound.status_code == failed.status_code == 200
    assert skeleton(sound.json()) == skeleton(failed.json())
    assert [sound.json()[key] for key in ("loss", "left", "epsilon")] == [
        failed.json()[key] for key in ("loss", "left", "epsilon")
    ]
    assert sound.headers.keys() == failed.headers.keys()


def test_a_failed_answer_is_the_noise_of_an_empty_table(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A count near 0 where 2000 rows are: noise beyond 12 deviations has probability below 1e-30."""
    monkeypatch.setattr(Warehouse, "tallies", raiser(MemoryError(TELLTALE)))
    noised = house.ask({"kind": "count"}).json()["measurements"]["rows"]
    assert abs(noised["values"][0]) < 12 * noised["noise_stddev"] < 2000


def test_a_failed_answer_is_stored_and_given_again_for_free(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Warehouse, "tallies", raiser(duckdb.IOException(TELLTALE)))
        first = house.ask({"kind": "count"}).json()
        second = house.ask({"kind": "count"}).json()
    healed = house.ask({"kind": "count"}).json()
    spent = house.population()["spent"]
    assert first["measurements"] == second["measurements"] == healed["measurements"]
    assert (first["repeated"], second["repeated"], healed["repeated"]) == (False, True, True)
    assert house.population()["spent"] == spent
    assert len(releases(house)) == 1


def test_the_spend_of_a_failed_answer_stands_in_account_and_chain(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Warehouse, "tallies", raiser(MemoryError(TELLTALE)))
    house.ask({"kind": "count"})
    with house.node.database.reading() as session:
        states = [row.state for row in session.scalars(select(SpendRow))]
    assert states == ["committed"]
    assert house.population()["held"] == 0
    assert TELLTALE not in json.dumps(house.ledger())
    assert "from_failure" not in json.dumps(house.ledger())
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_a_vector_that_cannot_be_noised_is_answered_with_noise_alone(
    house: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sound = gaussian.noised

    def refusing(values: Any, *rest: Any) -> Any:
        if any(values):
            raise RuntimeError(f"{TELLTALE}: {values}")
        return sound(values, *rest)

    monkeypatch.setattr(gaussian, "noised", refusing)
    reply = house.ask({"kind": "describe", "columns": ["age"]})
    assert reply.status_code == 200
    assert [row.from_failure for row in releases(house)] == [True]
    assert TELLTALE not in reply.text + said(caplog)


def test_noise_that_cannot_be_drawn_at_all_leaves_the_spend_and_says_nothing(
    house: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a sampler there is no answer to give; this depends on no row. The spend stands."""
    before = house.population()
    monkeypatch.setattr(gaussian, "noised", raiser(RuntimeError(TELLTALE)))
    reply = house.ask({"kind": "count"})
    assert reply.status_code == 503
    assert reply.json()["code"] == "node_unavailable"
    assert TELLTALE not in reply.text + said(caplog)
    assert house.population()["left"] < before["left"]


def test_a_file_that_vanishes_before_the_charge_costs_nothing(house: Any) -> None:
    before = house.population()
    (house.folder / "visits.parquet").unlink()
    reply = house.ask({"kind": "count"})
    assert (reply.status_code, reply.json()["code"]) == (409, "dataset_changed")
    assert house.population() == before


def test_a_file_that_vanishes_after_the_charge_is_answered_with_noise(
    house: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tally = Warehouse.tallies

    def late(self: Warehouse, *question: Any) -> Any:
        (house.folder / "visits.parquet").unlink(missing_ok=True)
        return tally(self, *question)

    monkeypatch.setattr(Warehouse, "tallies", late)
    reply = house.ask({"kind": "mean", "column": "age"})
    assert reply.status_code == 200
    assert [row.from_failure for row in releases(house)] == [True]
    assert "visits.parquet" not in reply.text + said(caplog)
