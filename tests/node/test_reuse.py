"""What has been paid for serves every later question that it holds the answer to: free, and never dearer."""

from typing import Any

import pytest

AGE = {"kind": "mean", "column": "age"}
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
    ],
    ids=str,
)
def test_an_answer_serves_later_cheaper_questions_about_its_parts(build_house: Any, first: Any, later: Any) -> None:
    house = build_house(cap=5.0)
    house.grant(epsilon=3.0)
    assert served(house, first, later, dear=1.0)


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
