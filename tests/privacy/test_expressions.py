"""Expressions that are too deep, too large or make no sense are refused from public facts, before anything is charged.

What they do to rows is in `test_properties`.
"""

import json
import math
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from jali.wire import expression, interval
from jali.wire.dataset import Column
from jali.wire.expression import DEPTH_MAX, NODES_MAX, TEXT_MAX, ExpressionRefused
from jali.wire.selection import Selection
from jali_node.engine.tally import Tally

AGE = {"op": "column", "name": "age"}
WEIGHT = {"op": "column", "name": "weight"}
COLUMNS = {
    column.name: column
    for column in (
        Column(name="age", type="integer", lower=0, upper=100),
        Column(name="weight", type="number", lower=0, upper=200),
        Column(name="far", type="number", lower=1e200, upper=1e300),
        Column(name="tiny", type="number", lower=1e-200, upper=1e-150),
        Column(name="note", type="number"),
        Column(name="site", type="category", categories=("north", "south")),
    )
}
DERIVED: TypeAdapter[Any] = TypeAdapter(expression.Derived)
CONDITION: TypeAdapter[Any] = TypeAdapter(expression.Condition)


def nested(depth: int) -> dict[str, Any]:
    tree: dict[str, Any] = AGE
    for _ in range(depth - 1):
        tree = {"op": "negate", "of": tree}
    return tree


def wide(parts: int) -> dict[str, Any]:
    """Return a balanced tree of at least so many parts."""
    level = [AGE] * ((parts + 1) // 2)
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [{"op": "add", "left": p[0], "right": p[1]} if len(p) == 2 else p[0] for p in pairs]
    return level[0]


@pytest.mark.parametrize("tree", [nested(DEPTH_MAX), wide(NODES_MAX - 1)], ids=["deep", "wide"])
def test_the_largest_expression_that_is_allowed_is_allowed(tree: Any) -> None:
    assert Selection(derived=(tree,))


@pytest.mark.parametrize(
    ("tree", "bound", "found"),
    [
        (nested(DEPTH_MAX + 1), f"{DEPTH_MAX} deep", f"{DEPTH_MAX + 1}"),
        (nested(100), f"{DEPTH_MAX} deep", "got "),
        (wide(NODES_MAX + 1), f"{NODES_MAX} parts", f"{NODES_MAX + 1}"),
        (
            {"op": "truth", "of": {"op": "isin", "column": "site", "values": ["x" * 199] * 11}},
            f"{TEXT_MAX} characters",
            "got 2",
        ),
    ],
    ids=["one too deep", "far too deep", "one too many", "too long"],
)
def test_an_expression_past_a_bound_is_refused_with_both_numbers(tree: Any, bound: str, found: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Selection(derived=(tree,))
    assert bound in str(refused.value)
    assert found in str(refused.value)


def deep_body(house: Any, depth: int, kind: str) -> str:
    """Return a question's text with a tree of any depth, which no JSON writer needs to be deep for."""
    body = json.dumps(house.query({"kind": "count"}, selection={"where": "HERE"}))
    opened = {"not": '{"op": "not", "of": ', "list": "[", "and": '{"op": "and", "left": '}[kind]
    closed = {"not": "}", "list": "]", "and": "}"}[kind]
    return body.replace('"HERE"', opened * depth + '{"op": "missing", "column": "age"}' + closed * depth)


def refused(house: Any, body: str) -> list[str]:
    """Send a body to each route that takes a question; return what they say, which must be a refusal."""
    headers = {**house.bearer(house.scientist), "content-type": "application/json"}
    replies = [house.client.post(path, content=body, headers=headers) for path in ("/v1/queries", "/v1/quotes")]
    for reply in replies:
        assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request"), reply.text[:300]
    return [reply.text for reply in replies]


def test_a_body_of_any_depth_is_refused_as_invalid_in_few_words(house: Any) -> None:
    before = house.population()
    for kind in ("not", "list", "and"):
        for depth in (DEPTH_MAX, 200, 900, 5_000, 30_000):
            assert all(len(said) < 1000 for said in refused(house, deep_body(house, depth, kind)))
    assert house.population() == before


def test_a_number_that_is_none_is_refused(house: Any) -> None:
    age = '{"op": "column", "name": "age"}'
    selections = (
        f'{{"where": {{"op": "lt", "left": {age}, "right": {{"op": "number", "value": X}}}}}}',
        f'{{"derived": [{{"op": "clip", "of": {age}, "lower": 0, "upper": X}}]}}',
        f'{{"derived": [{{"op": "cut", "of": {age}, "edges": [0, X]}}]}}',
    )
    body = json.dumps(house.query({"kind": "count"}, selection="HERE"))
    for selection in selections:
        for written in ("NaN", "Infinity", "-Infinity", "1e999"):
            refused(house, body.replace('"HERE"', selection.replace("X", written)))
        reply = house.client.post(
            "/v1/queries",
            content=body.replace('"HERE"', selection.replace("X", "5")),
            headers={**house.bearer(house.scientist), "content-type": "application/json"},
        )
        assert reply.status_code == 200, "the same with a number is answered"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a divisor that may be 0": ({"op": "divide", "left": AGE, "right": WEIGHT}, "between 0 and 200"),
    "a divisor that may be tiny": ({"op": "divide", "left": AGE, "right": {"op": "column", "name": "tiny"}}, "between"),
    "a root of something negative": ({"op": "square_root", "of": {"op": "negate", "of": AGE}}, "may be -100"),
    "a logarithm of 0": ({"op": "logarithm", "of": AGE}, "may be 0"),
    "more than can be": ({"op": "power", "of": {"op": "power", "of": {"op": "column", "name": "note"}, "exponent": 4},
                          "exponent": 4}, "1e+100"),
    "a column of far numbers": ({"op": "negate", "of": {"op": "column", "name": "far"}}, "no public bounds"),
    "an unknown column": ({"op": "negate", "of": {"op": "column", "name": "no_such"}}, "no column no_such"),
    "a category as a number": ({"op": "negate", "of": {"op": "column", "name": "site"}}, "category"),
    "nothing but one number": ({"op": "add", "left": {"op": "number", "value": 1},
                                "right": {"op": "number", "value": 1}}, "always about 2"),
    "no bounds": ({"op": "negate", "of": {"op": "column", "name": "note"}}, "no public bounds"),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_what_has_no_value_for_some_row_that_could_exist_is_refused_from_the_card(why: str) -> None:
    tree, said = REFUSED[why]
    with pytest.raises(ExpressionRefused, match=said.replace("+", r"\+")):
        interval.derived_column(DERIVED.validate_python(tree), COLUMNS)


def test_a_category_that_the_card_does_not_have_is_refused() -> None:
    node = CONDITION.validate_python({"op": "isin", "column": "site", "values": ["moon"]})
    with pytest.raises(ExpressionRefused, match="has no category"):
        interval.check(node, COLUMNS)


def test_bounds_are_never_the_wrong_way_round() -> None:
    for name, column in COLUMNS.items():
        if column.type in ("integer", "number"):
            low, high = interval.bounds(expression.ColumnValue(name=name), COLUMNS)
            assert low <= high
            assert math.isfinite(high - low)


TREES = [
    nested(3),
    {"op": "power", "of": {"op": "negate", "of": AGE}, "exponent": 2},
    {"op": "negate", "of": {"op": "power", "of": AGE, "exponent": 2}},
    {"op": "power", "of": {"op": "number", "value": -2}, "exponent": 2},
    {"op": "add", "left": AGE, "right": {"op": "number", "value": -2}},
    {"op": "subtract", "left": AGE, "right": {"op": "number", "value": 2}},
    {"op": "add", "left": {"op": "add", "left": AGE, "right": AGE}, "right": AGE},
    {"op": "add", "left": AGE, "right": {"op": "add", "left": AGE, "right": AGE}},
    {"op": "truth", "of": {"op": "not", "of": {"op": "missing", "column": "age"}}},
    {"op": "truth", "of": {"op": "missing", "column": "age"}},
    {"op": "truth", "of": {"op": "isin", "column": "site", "values": ["north', 'south"]}},
    {"op": "truth", "of": {"op": "isin", "column": "site", "values": ["north", "south"]}},
    {"op": "cut", "of": AGE, "edges": [0, 1]},
    {"op": "cut", "of": AGE, "edges": [0, 1.0000000000000002]},
    {"op": "clip", "of": AGE, "lower": 0, "upper": 1},
]


def test_different_trees_never_read_the_same() -> None:
    """Derived columns are known by their text, and an answer is reused by it."""
    texts = [expression.text(DERIVED.validate_python(tree)) for tree in TREES]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("divisor", [1e-90, 4e-4, 0.3, 7.0, 1e15, 1e17, 1e90])
def test_a_divisor_of_any_size_divides(laboratory: Any, divisor: float) -> None:
    """Cast to a decimal of three places, a small divisor would be 0 and a large one an error that a row decides."""
    columns = (Column(name="over", type="number", lower=divisor / 100, upper=divisor * 100),)
    over = {"op": "column", "name": "over"}
    share = {"op": "divide", "left": {"op": "number", "value": divisor}, "right": over}
    table = laboratory.table([{"over": divisor}, {"over": divisor * 2}, {"over": None}], {"over": "DOUBLE"}, columns)
    for bound, selected in ((1.0, 1), (0.5, 2), (0.1, 2)):
        where = {"op": "ge", "left": share, "right": {"op": "number", "value": bound}}
        found = laboratory.warehouse.tallies(table, [Tally()], Selection(where=where))
        assert found[Tally()].tolist() == [selected]
