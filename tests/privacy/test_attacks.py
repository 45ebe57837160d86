"""What somebody would try who is allowed to ask: averaging, differencing, and rows made to show themselves."""

import math
from typing import Any

import numpy as np
import pytest

from jali.wire.dataset import Column
from jali.wire.selection import Selection
from jali_node.engine.bounded import Bound
from jali_node.statistics import BY_KIND
from jali_node.statistics.plan import plan

HISTOGRAM = {"kind": "histogram", "column": "weight", "bins": 512}


def younger_than(age: int) -> dict[str, Any]:
    compared = {"op": "lt", "left": {"op": "column", "name": "age"}, "right": {"op": "number", "value": age}}
    return {"where": compared}


def answered(house: Any, statistic: Any, epsilon: float, **other: Any) -> dict[str, Any]:
    reply = house.post("/v1/queries", house.query(statistic, epsilon, **other))
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def values(answer: dict[str, Any]) -> np.ndarray[Any, Any]:
    (noised,) = answer["measurements"].values()
    return np.array(noised["values"])


@pytest.fixture
def house(build_house: Any) -> Any:
    built = build_house(cap=50.0)
    built.grant(epsilon=40.0)
    return built


def test_averaging_gets_the_same_answer_each_time_and_costs_once(house: Any) -> None:
    first = answered(house, HISTOGRAM, 1.0)
    spent = house.population()["spent"]
    for _ in range(3):
        again = answered(house, HISTOGRAM, 1.0)
        assert (again["measurements"], again["id"]) == (first["measurements"], first["id"])
    cheaper = answered(house, HISTOGRAM, 0.5)
    assert cheaper["measurements"] == first["measurements"], "a worse answer would average with the better one"
    assert house.population()["spent"] == spent


def test_the_same_filter_written_with_another_bracket_is_no_new_draw_for_free(house: Any) -> None:
    """Trees that differ are different questions; each is charged."""
    answered(house, HISTOGRAM, 1.0, selection=younger_than(50))
    before = house.population()["spent"]
    twice = {"op": "not", "of": {"op": "not", "of": younger_than(50)["where"]}}
    answered(house, HISTOGRAM, 1.0, selection={"where": twice})
    assert house.population()["spent"] > before


def test_the_same_question_at_another_price_composes(house: Any) -> None:
    """512 noised values agree by chance with probability below 1e-300."""
    first = answered(house, HISTOGRAM, 0.5)
    before = house.population()["spent"]
    dearer = answered(house, HISTOGRAM, 1.0)
    assert house.population()["spent"] > before
    assert (values(dearer) != values(first)).any()


def test_differencing_two_overlapping_filters_pays_twice_and_meets_independent_noise(house: Any) -> None:
    """512 pairs of noise: a correlation beyond 0.25 has probability below 1e-7; shared noise would have 1."""
    exact = {}
    for age in (60, 61):
        spent = house.population()["spent"]
        answer = answered(house, HISTOGRAM, 0.5, selection=younger_than(age))
        assert house.population()["spent"] > spent
        counts, _ = np.histogram([row["weight"] for row in rows() if row["age"] < age], 512, (0.0, 200.0))
        exact[age] = values(answer)[:512] - counts
    assert abs(np.corrcoef(exact[60], exact[61])[0, 1]) < 0.25
    assert all(np.std(noise) > 1 for noise in exact.values())


def rows() -> list[dict[str, Any]]:
    """Return the house's rows, as its own file says how they are made."""
    return [{"age": (7 * i) % 101, "weight": 50 + (i * 37 % 1000) / 10} for i in range(2000)]


NOTHING, EVERYTHING = younger_than(-5), younger_than(101)


@pytest.mark.parametrize("kind", [{"kind": "count"}, HISTOGRAM, {"kind": "mean", "column": "weight"}], ids=str)
def test_a_filter_that_matches_nothing_is_answered_like_one_that_matches_all(house: Any, kind: Any) -> None:
    none, every = (answered(house, kind, 1.0, selection=where) for where in (NOTHING, EVERYTHING))
    assert none["measurements"].keys() == every["measurements"].keys()
    for name, noised in none["measurements"].items():
        other = every["measurements"][name]
        assert (len(noised["values"]), noised["noise_stddev"]) == (len(other["values"]), other["noise_stddev"])


CARD = (
    Column(name="age", type="integer", lower=0, upper=100),
    Column(name="weight", type="number", lower=0, upper=200),
    Column(name="site", type="category", categories=("north", "south")),
)
TYPES = {"age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR"}
FORMS: dict[str, dict[str, Any]] = {
    "count": {},
    "value_counts": {"column": "site"},
    "histogram": {"column": "weight", "bins": 9},
    "spread": {"column": "weight", "figure": "std"},
    "describe": {"columns": ["age", "weight"]},
    "covariance": {"columns": ["age", "weight"]},
    "profile": {"columns": ["age", "weight", "site"]},
    "crosstab": {"keys": ["site", "cut(age, [0, 50, 100])"]},
    "group_by": {"keys": ["site"], "of": {"kind": "mean", "column": "age"}},
}
CUT = {"op": "cut", "of": {"op": "column", "name": "age"}, "edges": [0, 50, 100]}
LEAVING = [
    {"age": -(2**63), "weight": -1e308, "site": "north"},
    {"age": 2**63 - 1, "weight": math.inf, "site": "south"},
    {"age": 101, "weight": 200.0000001, "site": "North"},
    {"age": -1, "weight": -math.inf, "site": ""},
    {"age": None, "weight": math.nan, "site": None},
]
CLAMPED = [
    {"age": 0, "weight": 0.0, "site": "north"},
    {"age": 100, "weight": 200.0, "site": "south"},
    {"age": 100, "weight": 200.0, "site": None},
    {"age": 0, "weight": 0.0, "site": None},
    {"age": None, "weight": None, "site": None},
]


@pytest.mark.parametrize("kind", sorted(BY_KIND.keys() - {"top"}))
def test_values_beyond_their_bounds_count_as_the_bounds(laboratory: Any, statistic: Any, terms: Any, kind: str) -> None:
    """No statistic, one that is added later included, tells a value that left its bounds from the bound.

    `top` is left out: values without a public list are told apart as they are written.
    """
    asked = statistic({"kind": kind, **FORMS.get(kind, {"column": "weight"})})
    selection = Selection.model_validate({"derived": [CUT]})
    planned = plan(asked, CARD, 5.0, terms, selection=selection)
    found = []
    for table in (LEAVING, CLAMPED):
        exact = laboratory.warehouse.tallies(laboratory.table(table, TYPES, CARD), planned.tallies, selection)
        found.append([part.measurement.read(exact[part.measurement.tally]).tolist() for part in planned.parts])
    assert found[0] == found[1]


def test_a_sum_that_would_overflow_saturates_and_noise_is_still_drawn(
    laboratory: Any, statistic: Any, terms: Any
) -> None:
    """The largest codes there are, squared, of as many rows as fit a test: no overflow, whatever is added up."""
    column = Column(name="weight", type="number", lower=-1e300, upper=1e300)
    asked = statistic({"kind": "describe", "columns": ["weight"]})
    table = laboratory.table([{"weight": 1e308}] * 5000, {"weight": "DOUBLE"}, (column,))
    planned = plan(asked, (column,), 5.0, terms)
    exact = laboratory.warehouse.tallies(table, planned.tallies)
    assert planned.noised(exact).keys() == planned.noise.keys()
    squares = {part.measurement.name: part.measurement.read(exact[part.measurement.tally]) for part in planned.parts}
    assert squares["squares:weight"].tolist() == [5000 * 81920**2]


@pytest.fixture(scope="module")
def crowd(laboratory: Any) -> list[Any]:
    """Return a table of entities where one has 10,000 rows at the upper bounds, and the same without it."""
    columns = (*CARD, Column(name="person", type="text"))
    others = [{"age": i, "weight": 2.0 * i, "site": "north", "person": f"p{i % 20}"} for i in range(100)]
    heavy = [{"age": 100, "weight": 200.0, "site": "south", "person": "heavy"}] * 10_000
    found = []
    for rows in ([*others, *heavy], others):
        path = laboratory.write(rows[:100], {**TYPES, "person": "VARCHAR"})
        if rows[100:]:
            again = "INSERT INTO t SELECT ?, ?, ?, ? FROM range(?)"
            laboratory.writer.execute(again, [*heavy[0].values(), len(heavy)])
            laboratory.writer.table("t").write_parquet(str(path))
        bound = Bound("person", 4, bytes(32))
        found.append(laboratory.warehouse.register(f"ver_{path.stem}", path, columns, bound))
    return found


@pytest.mark.parametrize("kind", sorted(BY_KIND.keys() - {"top"}))
def test_an_entity_with_ten_thousand_rows_moves_no_answer_beyond_its_charge(
    laboratory: Any, statistic: Any, terms: Any, crowd: list[Any], kind: str
) -> None:
    selection = Selection.model_validate({"derived": [CUT]})
    asked = statistic({"kind": kind, **FORMS.get(kind, {"column": "weight"})})
    planned = plan(asked, crowd[0].columns, 5.0, terms, selection=selection, max_rows=4, entity="person")
    with_it, without = (laboratory.warehouse.tallies(table, planned.tallies, selection) for table in crowd)
    for part in planned.parts:
        one, other = (part.measurement.read(exact[part.measurement.tally]) for exact in (with_it, without))
        squared = sum(int(a - b) ** 2 for a, b in zip(one.tolist(), other.tolist(), strict=True))
        assert squared <= part.sensitivity**2, f"{part.measurement.name} moved by {math.sqrt(squared)}"
    if kind == "count":
        assert squared == 16, "four of its rows are read"
