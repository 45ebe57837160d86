"""Asked for an error instead of a price: what can be promised, and what has to be asked first."""

from typing import Any

import pytest

from jali import estimates
from jali.wire.release import Release

COMPLETE: list[dict[str, Any]] = [
    {"name": "age", "type": "integer", "lower": 0, "upper": 100, "complete": True},
    {"name": "weight", "type": "number", "lower": 0, "upper": 200},
    {"name": "site", "type": "category", "categories": ["north", "south", "east"]},
    {"name": "note", "type": "number"},
]
OLD = {"where": {"op": "gt", "left": {"op": "column", "name": "age"}, "right": {"op": "number", "value": 50}}}


@pytest.fixture
def complete(build_house: Any) -> Any:
    house = build_house(columns=COMPLETE, cap=40.0)
    house.grant(epsilon=20.0)
    return house


def wished(house: Any, statistic: Any, error: float, **other: Any) -> Any:
    body = {"dataset": house.dataset, "project": house.project, "statistic": statistic, "error": error, **other}
    return house.post("/v1/quotes", body)


def widest(reply: Any, figure: str) -> float:
    release = Release.model_validate(reply.json())
    rows = estimates.rows(release.statistic, release.columns, release.measurements)
    return max((row.high - row.low) / 2 for row in rows if row.figure == figure)


@pytest.mark.parametrize(
    ("statistic", "figure", "error"),
    [
        ({"kind": "count"}, "count", 20.0),
        ({"kind": "histogram", "column": "age", "bins": 7}, "count", 30.0),
        ({"kind": "value_counts", "column": "site"}, "count", 12.0),
        ({"kind": "mean", "column": "age"}, "mean", 0.8),
        ({"kind": "group_by", "keys": ["site"], "of": {"kind": "count"}}, "count", 25.0),
    ],
    ids=lambda value: str(value.get("kind")) if isinstance(value, dict) else "",
)
def test_the_quoted_price_gives_the_error_and_is_not_much_more_than_it_takes(
    complete: Any, statistic: Any, figure: str, error: float
) -> None:
    quote = wished(complete, statistic, error).json()
    assert quote["first"] == []
    answer = complete.ask(statistic, quote["epsilon"])
    assert widest(answer, figure) <= error
    # Counts of whole rows come in steps, and a mean's promise holds for every mean and 95 % of the public figure.
    cheaper = complete.post("/v1/quotes", complete.query(statistic, quote["epsilon"] * 0.6)).json()["forecast"]
    assert max(row["half_width"] for row in cheaper if row["figure"] == figure) > error * 0.7


def test_quoting_an_error_spends_nothing(complete: Any) -> None:
    before = complete.population()
    wished(complete, {"kind": "mean", "column": "age"}, 0.5)
    assert complete.population() == before


@pytest.mark.parametrize(
    ("statistic", "selection"),
    [({"kind": "mean", "column": "age"}, OLD), ({"kind": "mean", "column": "weight"}, {})],
    ids=["after a filter", "with missing values"],
)
def test_a_mean_over_an_unknown_number_of_rows_lists_a_count_first(
    complete: Any, statistic: Any, selection: Any
) -> None:
    quote = wished(complete, statistic, 2.0, selection=selection).json()
    (first,) = quote["first"]
    assert "is not public" in first["why"]
    paid = complete.post("/v1/queries", complete.query(first["statistic"], first["epsilon"], selection=selection))
    assert paid.status_code == 200, paid.text
    settled = wished(complete, statistic, 2.0, selection=selection).json()
    assert settled["first"] == []
    answer = complete.post("/v1/queries", complete.query(statistic, settled["epsilon"], selection=selection))
    assert widest(answer, "mean") <= 2.0


@pytest.mark.parametrize(
    "statistic",
    [
        {"kind": "quantiles", "column": "age", "levels": [0.5]},
        {"kind": "describe", "columns": ["age"]},
        {"kind": "group_by", "keys": ["site"], "of": {"kind": "mean", "column": "age"}},
    ],
    ids=lambda s: str(s["kind"]),
)
def test_what_depends_on_how_values_are_spread_is_not_promised(complete: Any, statistic: Any) -> None:
    reply = wished(complete, statistic, 1.0)
    assert (reply.status_code, reply.json()["field"]) == (400, "error")
    assert "cannot be promised" in reply.json()["detail"]


def test_an_error_that_no_price_gives_is_refused_with_both_numbers(complete: Any) -> None:
    reply = wished(complete, {"kind": "mean", "column": "age"}, 1e-12)
    assert (reply.status_code, reply.json()["field"]) == (400, "error")
    assert "expected an error of at least" in reply.json()["detail"]
    assert "got 1e-12" in reply.json()["detail"]


def test_a_price_and_an_error_are_not_given_together(complete: Any) -> None:
    body = {**complete.query({"kind": "count"}, 0.1), "error": 3.0}
    assert complete.post("/v1/quotes", body).status_code == 400


def test_an_answer_that_could_tell_nothing_is_refused_before_anything_is_spent(build_house: Any) -> None:
    house = build_house(units=20)
    house.grant(epsilon=2.0)
    before = house.population()
    reply = house.ask({"kind": "count"}, 0.06)
    assert (reply.status_code, reply.json()["code"]) == (400, "answer_useless")
    assert house.population() == before
    assert 0.06 < reply.json()["facts"]["enough"] < 2
    assert house.ask({"kind": "count"}, reply.json()["facts"]["enough"]).status_code == 200


def test_who_insists_is_answered(build_house: Any) -> None:
    house = build_house(units=20)
    house.grant(epsilon=2.0)
    reply = house.post("/v1/queries", house.query({"kind": "count"}, 0.06, insist=True))
    assert reply.status_code == 200


def test_a_description_serves_a_later_cheaper_mean_for_nothing(house: Any) -> None:
    described = house.ask({"kind": "describe", "columns": ["age", "weight"]}, 0.5).json()
    spent = house.population()["spent"]
    quote = house.post("/v1/quotes", house.query({"kind": "mean", "column": "age"}, 0.05)).json()
    assert (quote["price"], quote["repeated"]) == (0.0, True)
    mean = house.ask({"kind": "mean", "column": "age"}, 0.05).json()
    assert (mean["id"], mean["repeated"]) == (described["id"], True)
    assert house.population()["spent"] == spent
    dear = house.ask({"kind": "mean", "column": "age"}, 0.4).json()
    assert not dear["repeated"], "more exact than what the description holds"


def test_a_description_of_other_rows_serves_nothing(house: Any) -> None:
    house.ask({"kind": "describe", "columns": ["age", "weight"]}, 0.5)
    mean = house.post("/v1/queries", house.query({"kind": "mean", "column": "age"}, 0.05, selection=OLD)).json()
    assert not mean["repeated"]


def test_a_paid_count_makes_the_next_forecast_about_the_rows_that_were_counted(complete: Any) -> None:
    mean = {"kind": "mean", "column": "age"}
    before = complete.post("/v1/quotes", complete.query(mean, 1.0, selection=OLD)).json()
    assert "not public" in before["warnings"][0]
    complete.post("/v1/queries", complete.query({"kind": "count"}, 1.0, selection=OLD))
    after = complete.post("/v1/quotes", complete.query(mean, 1.0, selection=OLD)).json()
    assert after["warnings"] == []
    widths = [quote["forecast"][0]["half_width"] for quote in (before, after)]
    assert 1.5 < widths[1] / widths[0] < 3, "half of the rows are older than 50"
