"""What has been paid for serves every later question that it holds the answer to: free, and never dearer."""

from typing import Any, cast

import pytest

from jali import estimates
from jali.wire.release import Release
from jali_node import repeats

AGE = {"kind": "mean", "column": "age"}
MEDIAN = {"kind": "quantiles", "column": "age", "levels": [0.5]}
BY_SITE = {"kind": "group_by", "keys": ["site"]}
MATRIX = {"kind": "covariance", "columns": ["age", "weight"], "figure": "covariance"}
PROFILE = {"kind": "profile", "columns": ["age", "weight", "site", "note"]}
SPREAD = {"kind": "spread", "column": "age", "figure": "std"}


def served(house: Any, first: Any, later: Any, dear: float = 0.4, cheap: float = 0.1) -> bool:
    """Ask one question, then another at a smaller price; say whether the second was free, as its quote said."""
    assert house.ask(first, dear).status_code == 200
    before = house.population()
    quote = house.post("/v1/quotes", house.query(later, cheap)).json()
    reply = house.ask(later, cheap)
    assert reply.status_code == 200, reply.text
    free = bool(reply.json()["repeated"])
    assert quote["repeated"] == free
    assert (quote["price"] == 0) == free
    assert (house.population() == before) == free
    return free


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (AGE, {"kind": "sum", "column": "age"}),
        ({"kind": "sum", "column": "age"}, AGE),
        (AGE, {"kind": "missing", "column": "age"}),
        (SPREAD, AGE),
        (SPREAD, SPREAD | {"figure": "var"}),
        (SPREAD, {"kind": "sum", "column": "age"}),
        ({"kind": "describe", "columns": ["age", "weight"]}, SPREAD),
        ({"kind": "describe", "columns": ["age", "weight"]}, {"kind": "histogram", "column": "age", "bins": 20}),
        ({"kind": "histogram", "column": "age", "bins": 40}, {"kind": "histogram", "column": "age", "bins": 10}),
        ({"kind": "value_counts", "column": "site"}, {"kind": "missing", "column": "site"}),
        ({"kind": "missing", "column": "note"}, {"kind": "count"}),
        (MATRIX, MATRIX | {"figure": "correlation"}),
        (BY_SITE | {"of": AGE}, BY_SITE | {"of": {"kind": "sum", "column": "age"}}),
        (BY_SITE | {"of": MEDIAN}, BY_SITE | {"of": MEDIAN | {"levels": [0.1, 0.9]}}),
    ],
    ids=str,
)
def test_an_answer_serves_later_cheaper_questions_about_its_parts(build_house: Any, first: Any, later: Any) -> None:
    house = build_house(cap=5.0)
    house.grant(epsilon=3.0)
    assert served(house, first, later, dear=1.0)


@pytest.mark.parametrize(
    "later",
    [
        {"kind": "count"},
        AGE,
        SPREAD,
        MEDIAN,
        {"kind": "sum", "column": "weight"},
        {"kind": "histogram", "column": "weight", "bins": 16},
        {"kind": "value_counts", "column": "site"},
        {"kind": "missing", "column": "note"},
        {"kind": "missing", "column": "site"},
        {"kind": "describe", "columns": ["age"]},
        PROFILE | {"columns": ["site", "age"]},
    ],
    ids=str,
)
def test_a_profile_serves_the_single_questions_that_it_is_made_of(build_house: Any, later: Any) -> None:
    house = build_house(cap=5.0)
    house.grant(epsilon=3.0)
    assert served(house, PROFILE, later, dear=2.0, cheap=0.1)


def test_a_histogram_read_off_a_tree_has_the_bins_that_the_tree_says(build_house: Any) -> None:
    """Noise of deviation below 1 a bin: one of eleven off by 8 has probability below 1e-9."""
    house = build_house(cap=900.0)
    house.grant(epsilon=800.0)
    histogram = {"kind": "histogram", "column": "age", "bins": 10}
    assert house.ask({"kind": "describe", "columns": ["age"]}, 300.0).status_code == 200
    release = Release.model_validate(house.ask(histogram, 50.0).json())
    assert release.repeated
    rows = estimates.rows(release.statistic, release.columns, release.measurements)
    ages = [(7 * i) % 101 for i in range(2000)]
    expected = [sum(min(age // 10, 9) == i for age in ages) for i in range(10)]
    assert [row.value for row in rows[:-1]] == pytest.approx(expected, abs=8)
    assert rows[-1].value == pytest.approx(0, abs=8)


def test_the_same_question_asked_later_and_cheaper_never_costs_more(build_house: Any) -> None:
    """Any question, after any other: free, or the price that it would have had first."""
    kinds = [{"kind": "count"}, AGE, SPREAD, MEDIAN, PROFILE, {"kind": "histogram", "column": "age", "bins": 10}]
    for number, first in enumerate(kinds):
        house = build_house(cap=9.0, name=f"house {number}")
        house.grant(epsilon=8.0)
        assert house.ask(first, 1.0).status_code == 200
        for later in kinds:
            alone = house.post("/v1/quotes", house.query(later, 0.2)).json()
            assert alone["price"] in (0.0, pytest.approx(0.2, abs=1e-9))
            assert alone["repeated"] == (alone["price"] == 0)
            if later == first:
                assert alone["repeated"]


def test_mean_and_sum_are_one_release_at_one_price(house: Any) -> None:
    mean, total = house.ask(AGE, 0.2).json(), house.ask({"kind": "sum", "column": "age"}, 0.2).json()
    assert total["repeated"]
    assert total["id"] == mean["id"]
    assert total["measurements"] == mean["measurements"]


def test_an_answer_does_not_serve_what_it_does_not_hold(build_house: Any) -> None:
    house = build_house(cap=5.0)
    house.grant(epsilon=3.0)
    assert not served(house, {"kind": "missing", "column": "age"}, AGE, dear=1.0)
    assert not served(house, AGE, {"kind": "mean", "column": "weight"}, dear=1.0)
    assert not served(house, AGE, {"kind": "distinct", "column": "age"}, dear=1.0)


def test_a_repeated_question_is_judged_anew_as_soon_as_anything_is_recorded(house: Any) -> None:
    """Answers of a moment ago are handed out again while the chain's head stands still, and not a moment longer."""
    for _ in range(3):
        reply = house.ask(AGE, 0.2)
    assert reply.json()["repeated"]
    left = reply.json()["left"]
    assert house.ask({"kind": "mean", "column": "weight"}, 0.2).status_code == 200
    assert house.ask(AGE, 0.2).json()["left"] < left
    deny = '[[rule]]\nname = "halt"\neffect = "deny"\nstatistics = ["mean"]\n'
    assert house.client.put("/v1/policy", headers=house.bearer(house.owner), json={"text": deny}).status_code == 200
    assert house.ask(AGE, 0.2).status_code == 403


def test_an_answer_of_a_moment_ago_is_for_the_same_person_and_the_same_words_alone(house: Any) -> None:
    for _ in range(2):
        assert house.ask(AGE, 0.2).status_code == 200
    assert house.ask(AGE, 0.2, token=house.owner).status_code == 403
    cheaper = house.ask(AGE, 0.1).json()
    assert cheaper["repeated"]
    assert cheaper["statistic"] == AGE


def test_what_the_clock_changes_is_looked_at_again_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(repeats.time, "monotonic", lambda: clock[0])
    kept, caller, query, release = repeats.Repeats(), cast("Any", "caller"), cast("Any", "query"), cast("Any", "it")
    kept.put(caller, query, "head", release)
    assert kept.get(caller, query, "head") == release
    assert kept.get(caller, query, "another head") is None
    clock[0] = repeats.SECONDS
    assert kept.get(caller, query, "head") is None
    for number in range(repeats.KEPT + 1):
        kept.put(caller, cast("Any", number), "head", release)
    assert kept.get(caller, cast("Any", 0), "head") is None
    assert kept.get(caller, cast("Any", repeats.KEPT), "head") == release
