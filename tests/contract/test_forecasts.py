"""What a quote foretells is what an answer shows, and more epsilon never buys less."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from jali import estimates
from jali.wire.dataset import Column
from jali.wire.money import to_fixed
from jali.wire.release import Release
from jali.wire.statistics import Describe, Statistic
from jali_node.errors import EpsilonTooSmall
from jali_node.ledger import accountant
from jali_node.ledger.terms import terms_for
from jali_node.statistics import describe
from jali_node.statistics.plan import plan

ADAPTER: TypeAdapter[Any] = TypeAdapter(Statistic)
STATISTICS: list[dict[str, Any]] = [
    {"kind": "count"},
    {"kind": "mean", "column": "age"},
    {"kind": "mean", "column": "weight"},
    {"kind": "histogram", "column": "weight", "bins": 7},
    {"kind": "quantiles", "column": "age", "levels": [0.0, 0.1, 0.5, 1.0]},
    {"kind": "sum", "column": "age"},
    {"kind": "sum", "column": "weight"},
    {"kind": "spread", "column": "age", "figure": "std"},
    {"kind": "spread", "column": "weight", "figure": "var"},
    {"kind": "missing", "column": "site"},
    {"kind": "distinct", "column": "age"},
    {"kind": "distinct", "column": "site"},
    {"kind": "crosstab", "keys": ["site", "sex"]},
    {"kind": "covariance", "columns": ["age", "weight"], "figure": "covariance"},
    {"kind": "covariance", "columns": ["age", "weight"], "figure": "correlation"},
    {"kind": "profile", "columns": ["age", "weight", "site", "word"]},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "sum", "column": "age"}},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "quantiles", "column": "age", "levels": [0.1, 0.5]}},
    {"kind": "value_counts", "column": "site"},
    {"kind": "describe", "columns": ["age", "weight"]},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "mean", "column": "weight"}},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "count"}},
]
COLUMNS = (
    Column(name="age", type="integer", lower=0, upper=100),
    Column(name="weight", type="number", lower=0, upper=200),
    Column(name="site", type="category", categories=("north", "south", "east")),
    Column(name="sex", type="category", categories=("f", "m")),
    Column(name="word", type="text"),
)
ROWS = [
    {
        "age": (7 * i) % 101,
        "weight": 50 + (i * 37 % 1000) / 10,
        "site": ("north", "south", "east", "west")[i % 4],
        "sex": ("f", "m", None)[i % 3],
        "word": ("a", "b", None)[i % 3],
    }
    for i in range(2000)
]
TYPES = {"age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR", "sex": "VARCHAR", "word": "VARCHAR"}
TERMS = terms_for(to_fixed(10.0), 10**12, 10**11)
UNITS = 2000
EACH = pytest.mark.parametrize("asked", STATISTICS, ids=lambda s: f"{s['kind']}-{s.get('column', '')}")


@pytest.fixture
def furnished(build_house: Any) -> Any:
    """Return a node with a table that every statistic fits, and with access to it."""
    columns = [column.model_dump(mode="json") for column in COLUMNS]
    house = build_house(rows=ROWS, types=TYPES, columns=columns, cap=20.0)
    house.grant(epsilon=10.0)
    return house


@EACH
def test_a_forecast_is_what_the_answer_shows_if_it_measures_what_was_imagined(furnished: Any, asked: Any) -> None:
    house = furnished
    foretold = house.post("/v1/quotes", house.query(asked, 1.5)).json()["forecast"]
    release = Release.model_validate(house.ask(asked, 1.5).json())
    imagined = estimates.imagined(release.statistic, release.columns, release.units)
    assert {name: len(values) for name, values in imagined.items()} == {
        name: len(noised.values) for name, noised in release.measurements.items()
    }
    as_imagined = {
        name: noised.model_copy(update={"values": tuple(imagined[name])})
        for name, noised in release.measurements.items()
    }
    rows = estimates.rows(release.statistic, release.columns, as_imagined)
    shown = [(list(row.key), row.figure, row.value, (row.high - row.low) / 2) for row in rows]
    assert foretold
    assert [(f["key"], f["figure"], f["expected"], f["half_width"]) for f in foretold] == shown


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(STATISTICS), st.floats(0.02, 10), st.floats(0.02, 10))
def test_more_epsilon_never_gives_more_noise_nor_a_wider_forecast(asked: Any, one: float, other: float) -> None:
    small, large = sorted((one, other))
    statistic = ADAPTER.validate_python(asked)
    cheap, dear = plan(statistic, COLUMNS, small, TERMS), plan(statistic, COLUMNS, large, TERMS)
    for less, more in zip(cheap.event.events, dear.event.events, strict=True):
        assert more.noise_multiplier <= less.noise_multiplier
    for wide, narrow in zip(cheap.forecast(UNITS), dear.forecast(UNITS), strict=True):
        assert (wide.key, wide.figure) == (narrow.key, narrow.figure)
        assert narrow.half_width <= wide.half_width * (1 + 1e-9) + 1e-12


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(STATISTICS), st.floats(0.02, 10))
def test_a_plan_costs_at_most_what_was_offered_and_wastes_next_to_nothing(asked: Any, epsilon: float) -> None:
    planned = plan(ADAPTER.validate_python(asked), COLUMNS, epsilon, TERMS)
    price = accountant.price(accountant.charge(planned.event, TERMS), TERMS)
    assert price <= to_fixed(epsilon)
    assert price >= to_fixed(epsilon) - 1000  # in 1e-12


@EACH
def test_a_price_below_the_floor_is_refused_with_the_least_price(furnished: Any, asked: Any) -> None:
    house = furnished
    before = house.population()
    for path in ("/v1/quotes", "/v1/queries"):
        reply = house.post(path, house.query(asked, 1e-6))
        assert (reply.status_code, reply.json()["code"]) == (400, "epsilon_too_small")
        assert reply.json()["field"] == "epsilon"
        assert 1e-6 < reply.json()["facts"]["least"] < 0.1
    assert house.population() == before


@EACH
def test_the_stated_least_price_is_where_plans_begin(asked: Any) -> None:
    statistic = ADAPTER.validate_python(asked)
    with pytest.raises(EpsilonTooSmall) as refused:
        plan(statistic, COLUMNS, 1e-6, TERMS)
    least = refused.value.facts["least"]
    with pytest.raises(EpsilonTooSmall):
        plan(statistic, COLUMNS, least, TERMS)
    assert plan(statistic, COLUMNS, least + 1e-6, TERMS).event.events


@pytest.mark.parametrize("rows", [1000, 10_000])
def test_a_descriptions_split_is_near_the_best_by_the_geometric_mean_of_its_relative_half_widths(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doubling how exact any one of the nine figures is counts the same; see the page of `describe`."""
    ask, measured, column = Describe(columns=("weight",)), describe.of_column, COLUMNS[1]

    def score(weights: Sequence[int]) -> float:
        def weighted(column: Column) -> Any:
            return tuple(replace(part, weight=weight) for part, weight in zip(measured(column), weights, strict=True))

        monkeypatch.setattr(describe, "of_column", weighted)
        forecast = plan(ask, COLUMNS, 1.0, TERMS).forecast(rows)
        assert len(forecast) == 9
        return fmean(math.log(row.half_width) for row in forecast)

    ours = score([part.weight for part in measured(column)])
    best = min(score(weights) for weights in product((1, 2, 3), (1, 2, 3), (1, 2), (4, 5, 6)))
    assert math.exp(ours - best) <= 1.07


@EACH
def test_a_plan_reads_public_facts_alone(asked: Any) -> None:
    """The same statistic, card, price and terms give the same plan: no row, clock or chance enters."""
    statistic = ADAPTER.validate_python(asked)
    one, other = (plan(statistic, COLUMNS, 1.0, TERMS) for _ in range(2))
    assert one == other
    assert one.forecast(UNITS) == other.forecast(UNITS)
