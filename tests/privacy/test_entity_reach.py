"""Neighbouring tables of entities: one entity moves every measurement by at most what is charged for its rows."""

import random
from typing import Any

import pytest

from jali.wire.dataset import Column
from jali_node.engine.bounded import Bound
from jali_node.statistics import BY_KIND

KEY, MAX_ROWS = bytes(range(32)), 5
COLUMNS = (
    Column(name="person", type="text"),
    Column(name="age", type="integer", lower=0, upper=100),
    Column(name="weight", type="number", lower=0, upper=200),
    Column(name="site", type="category", categories=("north", "south")),
    Column(name="sex", type="category", categories=("f", "m")),
)
BY_NAME = {column.name: column for column in COLUMNS}
TYPES = {"person": "VARCHAR", "age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR", "sex": "VARCHAR"}
EVERY: list[dict[str, Any]] = [
    {"kind": "count"},
    {"kind": "mean", "column": "age"},
    {"kind": "sum", "column": "weight"},
    {"kind": "spread", "column": "age"},
    {"kind": "missing", "column": "site"},
    {"kind": "distinct", "column": "person"},
    {"kind": "distinct", "column": "weight"},
    {"kind": "histogram", "column": "age", "bins": 7},
    {"kind": "quantiles", "column": "weight"},
    {"kind": "value_counts", "column": "site"},
    {"kind": "crosstab", "keys": ["site", "sex"]},
    {"kind": "covariance", "columns": ["age", "weight"]},
    {"kind": "describe", "columns": ["age", "weight"]},
    {"kind": "profile", "columns": ["person", "age", "site"]},
    {"kind": "group_by", "keys": ["site", "sex"], "of": {"kind": "mean", "column": "age"}},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "quantiles", "column": "weight"}},
]
NAMED = pytest.mark.parametrize("asked", EVERY, ids=lambda s: f"{s['kind']}-{s.get('column', '')}")


def visit(person: str, draw: random.Random) -> dict[str, Any]:
    return {
        "person": person,
        "age": draw.choice([None, 0, 41, 100, 999]),
        "weight": draw.choice([None, 0.0, 70.5, 200.0, float("nan"), draw.uniform(0, 200)]),
        "site": draw.choice([None, "north", "south", "elsewhere"]),
        "sex": draw.choice(["f", "m", None]),
    }


def moved(laboratory: Any, asked: Any, rows: list[Any], gone: str) -> dict[str, tuple[int, int]]:
    """Return how far (squared) taking an entity away moves each measurement, and how far it is claimed to reach."""
    parts = BY_KIND[asked.kind].measurements(asked, BY_NAME)
    found = []
    for kept in (rows, [row for row in rows if row["person"] != gone]):
        path = laboratory.write(kept, TYPES)
        table = laboratory.warehouse.register(f"ver_{path.stem}", path, COLUMNS, Bound("person", MAX_ROWS, KEY))
        exact = laboratory.tallies(table, list(dict.fromkeys(part.tally for part in parts)))
        found.append([part.read(exact[part.tally]).tolist() for part in parts])
    distances = [sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) for one, other in zip(*found, strict=True)]
    reaches = [part.reach(MAX_ROWS, "person") for part in parts]
    return {part.name: (far, reach) for part, far, reach in zip(parts, distances, reaches, strict=True)}


@NAMED
def test_an_entity_moves_no_measurement_beyond_its_reach(laboratory: Any, statistic: Any, asked: Any) -> None:
    draw = random.Random(3)  # noqa: S311 - a table for tests
    for _ in range(2):
        rows = [visit(f"p{draw.randrange(6)}", draw) for _ in range(60)]
        for name, (squared, reach) in moved(laboratory, statistic(asked), rows, "p1").items():
            assert squared <= reach**2, f"{name} moved by {squared**0.5}, charged for {reach}"


@NAMED
def test_an_entity_with_all_its_rows_in_a_corner_reaches_that_far(laboratory: Any, statistic: Any, asked: Any) -> None:
    """What is charged is not more than what can happen."""
    corner = {"person": "p1", "age": 100, "weight": 200.0, "site": "north", "sex": "f"}
    rows = [corner] * 9
    if asked["kind"] == "distinct":
        rows = [{**corner, "weight": 10.0 * i} for i in range(1, 10)]
    for name, (squared, reach) in moved(laboratory, statistic(asked), rows, "p1").items():
        assert squared == reach**2, name
    if asked == {"kind": "distinct", "column": "person"}:
        assert reach == 1
