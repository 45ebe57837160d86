"""Neighbouring tables: one row moves every measurement by at most the sensitivity that is charged for it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jali.wire.dataset import Column
from jali.wire.statistics import Statistic
from jali_node.statistics.plan import plan

NUMBERS = st.one_of(
    st.none(),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -0.0, 0.0, 100.0, 200.0, 1e300]),
    st.floats(-250, 250),
    st.floats(),
)
INTEGERS = st.one_of(
    st.none(),
    st.sampled_from([2**63 - 1, -(2**63), 0, 100, 101, -1, 2**53, 2**53 + 1]),
    st.integers(-5, 105),
    st.integers(-(2**63), 2**63 - 1),
)
HUGE = st.one_of(st.none(), st.sampled_from([2**127 - 1, -(2**127), 2**63, 7]), st.integers(-(2**127), 2**127 - 1))
NOT_NUL = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        ["north", "south", "North", "north ", "", "x" * 10_000, "abc", "99999999999999999999", "12", "nan", "-inf"]
    ),
    st.sampled_from(["1e400", "0x1F", "1_000", " 7 ", "1,5", "NULL", "'; DROP TABLE t; --", "\ufeffnorth", "true"]),
    st.text(NOT_NUL, max_size=20),
)
PHYSICAL = {"BIGINT": INTEGERS, "HUGEINT": HUGE, "DOUBLE": NUMBERS, "VARCHAR": TEXTS}


@st.composite
def bounds(draw: Any, whole: bool) -> tuple[float, float]:
    """Return public bounds: ordinary ones, and ones at the edges of what a card may say."""
    if whole:
        ordinary = [(0.0, 100.0), (0.0, 1.0), (-(2.0**53), 2.0**53), (0.0, 81920.0), (0.0, 81921.0), (-7.0, 1e12)]
        free = st.tuples(st.integers(-(2**53), 2**53 - 1), st.integers(1, 10**6)).map(
            lambda pair: (float(pair[0]), float(min(pair[0] + pair[1], 2**53)))
        )
    else:
        ordinary = [(0.0, 200.0), (-1e300, 1e300), (0.0, 1e-300), (-0.1, 0.2), (1e16, 1e16 + 2), (-math.pi, math.e)]
        free = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6)).map(lambda pair: (pair[0], pair[0] + pair[1]))
    return draw(st.one_of(st.sampled_from(ordinary), free))


@st.composite
def cards(draw: Any) -> tuple[Column, ...]:
    low, high = draw(bounds(whole=True))
    lower, upper = draw(bounds(whole=False))
    return (
        Column(name="age", type="integer", lower=low, upper=high),
        Column(name="weight", type="number", lower=lower, upper=upper),
        Column(name="site", type="category", categories=("north", "south", "12", "x" * 200)),
        Column(name="sex", type="category", categories=("north", "nan", "true")),
        Column(name="word", type="text"),
    )


@st.composite
def questions(draw: Any) -> dict[str, Any]:
    column = draw(st.sampled_from(["age", "weight"]))
    kinds: list[dict[str, Any]] = [
        {"kind": "count"},
        {"kind": "mean", "column": column},
        {"kind": "histogram", "column": column, "bins": draw(st.integers(1, 512))},
        {"kind": "quantiles", "column": column},
        {"kind": "value_counts", "column": "site"},
        {"kind": "sum", "column": column},
        {"kind": "spread", "column": column, "figure": "std"},
        {"kind": "missing", "column": draw(st.sampled_from(["age", "weight", "site", "word"]))},
        {"kind": "distinct", "column": draw(st.sampled_from(["age", "weight", "site", "word"]))},
        {"kind": "describe", "columns": ["age", "weight"]},
        {"kind": "crosstab", "keys": ["site", "sex"]},
        {"kind": "covariance", "columns": ["age", "weight"]},
        {"kind": "profile", "columns": ["age", "weight", "site", "word"]},
        {"kind": "group_by", "keys": ["site", "sex"], "of": {"kind": "sum", "column": column}},
        {"kind": "group_by", "keys": ["site"], "of": {"kind": "quantiles", "column": column}},
        {"kind": "group_by", "keys": ["site"], "of": {"kind": "count"}},
        {"kind": "group_by", "keys": ["site"], "of": {"kind": "mean", "column": column}},
    ]
    return draw(st.sampled_from(kinds))


@st.composite
def tables(draw: Any) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return rows, at least one, and the physical types that they are stored as."""
    types = {name: draw(st.sampled_from(sorted(PHYSICAL))) for name in ("age", "weight", "site", "sex", "word")}
    row = st.fixed_dictionaries({name: PHYSICAL[kind] for name, kind in types.items()})
    return draw(st.lists(row, min_size=1, max_size=6)), types


def moved(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, int]:
    """Return each measurement's squared Euclidean distance."""
    return {name: sum((a - b) ** 2 for a, b in zip(one[name][0], other[name][0], strict=True)) for name in one}


def check_neighbours(
    laboratory: Any, asked: Statistic, columns: Sequence[Column], rows: Sequence[Any], types: Mapping[str, str]
) -> None:
    whole = laboratory.measured(asked, laboratory.table(rows, types, columns))
    without = laboratory.measured(asked, laboratory.table(rows[1:], types, columns))
    backwards = laboratory.measured(asked, laboratory.table(rows[::-1], types, columns))
    for name, squared in moved(whole, without).items():
        assert squared <= whole[name][1] ** 2, f"{name} moved by {math.sqrt(squared)}, charged for {whole[name][1]}"
    assert backwards == whole


ONE_EXAMPLE_AFTER_ANOTHER = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=40, deadline=None, suppress_health_check=ONE_EXAMPLE_AFTER_ANOTHER)
@given(asked=questions(), columns=cards(), table=tables())
def test_one_row_moves_no_measurement_beyond_its_sensitivity_and_order_moves_none(
    laboratory: Any, statistic: Any, asked: Any, columns: Any, table: Any
) -> None:
    check_neighbours(laboratory, statistic(asked), columns, *table)


@pytest.mark.slow
@settings(max_examples=800, deadline=None, suppress_health_check=ONE_EXAMPLE_AFTER_ANOTHER)
@given(asked=questions(), columns=cards(), table=tables())
def test_one_row_moves_no_measurement_beyond_its_sensitivity_in_many_tables(
    laboratory: Any, statistic: Any, asked: Any, columns: Any, table: Any
) -> None:
    check_neighbours(laboratory, statistic(asked), columns, *table)


COLUMNS = (
    Column(name="age", type="integer", lower=0, upper=100),
    Column(name="weight", type="number", lower=0, upper=200),
    Column(name="site", type="category", categories=("north", "south")),
)
EVERY = [
    {"kind": "count"},
    {"kind": "mean", "column": "age"},
    {"kind": "mean", "column": "weight"},
    {"kind": "histogram", "column": "weight", "bins": 7},
    {"kind": "quantiles", "column": "age"},
    {"kind": "value_counts", "column": "site"},
    {"kind": "sum", "column": "age"},
    {"kind": "spread", "column": "weight", "figure": "std"},
    {"kind": "missing", "column": "site"},
    {"kind": "distinct", "column": "age"},
    {"kind": "distinct", "column": "weight"},
    {"kind": "distinct", "column": "site"},
    {"kind": "describe", "columns": ["age", "weight"]},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "mean", "column": "weight"}},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "quantiles", "column": "weight"}},
    {"kind": "covariance", "columns": ["age", "weight"]},
    {"kind": "profile", "columns": ["age", "weight", "site"]},
]


@pytest.mark.parametrize("asked", EVERY, ids=lambda s: f"{s['kind']}-{s.get('column', '')}")
def test_a_row_at_the_upper_bounds_reaches_each_sensitivity(laboratory: Any, statistic: Any, asked: Any) -> None:
    """What is charged is not more than what can happen: the bound is met with equality."""
    types = {"age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR"}
    row = {"age": 100, "weight": 200.0, "site": "north"}
    none = laboratory.measured(statistic(asked), laboratory.table([], types, COLUMNS))
    one = laboratory.measured(statistic(asked), laboratory.table([row], types, COLUMNS))
    assert moved(one, none) == {name: sensitivity**2 for name, (_, sensitivity) in one.items()}


@pytest.mark.parametrize("asked", EVERY, ids=lambda s: f"{s['kind']}-{s.get('column', '')}")
def test_an_empty_table_measures_nothing_but_zeros_of_the_usual_length(
    laboratory: Any, statistic: Any, terms: Any, asked: Any
) -> None:
    types = {"age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR"}
    measured = laboratory.measured(statistic(asked), laboratory.table([], types, COLUMNS))
    of_nothing = plan(statistic(asked), COLUMNS, 1.0, terms).of_nothing()
    assert {name: len(values) for name, (values, _) in measured.items()} == {
        name: len(noised.values) for name, noised in of_nothing.items()
    }
    assert not any(any(values) for values, _ in measured.values())


def test_a_count_counts_the_rows(laboratory: Any, statistic: Any) -> None:
    """A bare count(*) that names no table is 1, whatever the table holds."""
    types = {"age": "BIGINT"}
    for number in (0, 1, 2, 137):
        table = laboratory.table([{"age": None}] * number, types, COLUMNS[:1])
        assert laboratory.measured(statistic({"kind": "count"}), table) == {"rows": ([number], 1)}


def test_distinct_values_of_whole_numbers_texts_categories_and_lattice_steps_are_counted(
    laboratory: Any, statistic: Any
) -> None:
    columns = (*COLUMNS, Column(name="word", type="text"), Column(name="number", type="integer"))
    types = {"age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR", "word": "VARCHAR", "number": "BIGINT"}
    rows = [
        {"age": age, "weight": weight, "site": site, "word": word, "number": number}
        for age, weight, site, word, number in [
            (1, 1.0, "north", "a", 2**62),
            (1, 1.0 + 1e-9, "south", "A", 2**62 + 1),
            (100, -0.0, "west", "", 2**62),
            (10_000, 0.0, None, None, None),
            (None, math.nan, "north", "a ", -5),
        ]
    ]
    table = laboratory.table(rows, types, columns)
    expected = {"age": 2, "weight": 2, "site": 2, "word": 4, "number": 3}
    for name, number in expected.items():
        assert laboratory.measured(statistic({"kind": "distinct", "column": name}), table) == {
            f"distinct:{name}": ([number], 1)
        }


def test_an_entity_moves_a_number_of_distinct_values_by_its_rows_but_that_of_entities_by_one(
    statistic: Any, terms: Any
) -> None:
    columns = (Column(name="patient", type="text"), *COLUMNS)
    for name, reach in (("patient", 1), ("age", 7), ("site", 7)):
        asked = statistic({"kind": "distinct", "column": name})
        planned = plan(asked, columns, 1.0, terms, max_rows=7, entity="patient")
        assert [part.sensitivity for part in planned.parts] == [reach]
    counted = plan(
        statistic({"kind": "missing", "column": "patient"}), columns, 1.0, terms, max_rows=7, entity="patient"
    )
    assert [part.sensitivity for part in counted.parts] == [7]


def test_a_shuffled_table_gives_the_same_integers_to_the_last_digit(laboratory: Any, statistic: Any) -> None:
    """Sums of doubles would not: 1e16 + 1 - 1e16 depends on the order."""
    types = {"age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR"}
    columns = (COLUMNS[0], Column(name="weight", type="number", lower=-1e16, upper=1e16), COLUMNS[2])
    rows = [
        {"age": i % 101, "weight": weight, "site": "north"}
        for i, weight in enumerate([1e16, 1.0, -1e16, 3.7, math.pi] * 200)
    ]
    asked = statistic({"kind": "describe", "columns": ["age", "weight"]})
    orders = [rows, rows[::-1], sorted(rows, key=lambda row: row["weight"]), rows[500:] + rows[:500]]
    results = [laboratory.measured(asked, laboratory.table(order, types, columns)) for order in orders]
    assert all(result == results[0] for result in results)


def test_the_same_check_catches_a_sensitivity_that_is_too_small(
    laboratory: Any, statistic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = type(laboratory).measured
    monkeypatch.setattr(
        type(laboratory),
        "measured",
        lambda self, *question: {name: (v, s - 1) for name, (v, s) in measured(self, *question).items()},
    )
    types = {"age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR"}
    row = {"age": 100, "weight": 1.0, "site": "north"}
    with pytest.raises(AssertionError, match="charged for"):
        check_neighbours(laboratory, statistic({"kind": "mean", "column": "age"}), COLUMNS, [row], types)
