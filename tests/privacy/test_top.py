"""The most frequent values of a column without a public list: what the engine counts, and what a plan lets out."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from jali.wire.dataset import Column
from jali.wire.expression import IsIn
from jali.wire.money import DELTA_UNITS, to_fixed
from jali.wire.selection import Selection
from jali.wire.statistics import Count, Top
from jali_node.engine.tally import KeyCounts
from jali_node.errors import InvalidRequest, UnknownColumn, WrongColumnType
from jali_node.ledger import accountant
from jali_node.ledger.event import Composed, Thresholded
from jali_node.mechanisms import gaussian, thresholded
from jali_node.statistics.plan import Plan, plan

ALARM = 1e-7
TYPES = {"drug": "VARCHAR", "code": "BIGINT", "site": "VARCHAR"}
COLUMNS = (
    Column(name="drug", type="text"),
    Column(name="code", type="integer"),
    Column(name="site", type="category", categories=("north", "south")),
    Column(name="dose", type="number", lower=0, upper=1),
    Column(name="age", type="integer", lower=0, upper=10),
)
READ = COLUMNS[:3]
STRANGE = ("", " ", "a b", "'; DROP TABLE t; --", "naïve", "日本", "\x00x", "%_", "NULL", "true", "1", "01", "🙂" * 150)


def rows(drugs: Sequence[str | None]) -> list[dict[str, Any]]:
    return [{"drug": drug, "code": i % 3, "site": ("north", "south", "west")[i % 3]} for i, drug in enumerate(drugs)]


def counted(laboratory: Any, table: Any, column: Column, above: int = 0, **how: Any) -> dict[str, int]:
    asked = KeyCounts(column, above)
    return dict(laboratory.warehouse.tallies(table, [asked], **how)[asked])


def planned(terms: Any, column: str = "drug", delta: float = 1e-8, epsilon: float = 0.5, **how: Any) -> Plan:
    return plan(Top(column=column, delta=delta), COLUMNS, epsilon, terms, **how)


def test_values_are_counted_as_they_are_written_and_missing_ones_left_out(laboratory: Any) -> None:
    drugs = [*itertools.chain.from_iterable([value] * (i + 1) for i, value in enumerate(STRANGE)), None, None]
    table = laboratory.table(rows(drugs), TYPES, READ)
    assert counted(laboratory, table, COLUMNS[0]) == {value: i + 1 for i, value in enumerate(STRANGE)}


def test_long_values_are_told_apart_by_their_first_200_characters(laboratory: Any) -> None:
    table = laboratory.table(rows(["é" * 300, "é" * 200 + "x", "é" * 199]), TYPES, READ)
    assert counted(laboratory, table, COLUMNS[0]) == {"é" * 200: 2, "é" * 199: 1}


def test_whole_numbers_and_declared_categories_may_be_counted_too(laboratory: Any) -> None:
    table = laboratory.table(rows(["x"] * 9), TYPES, READ)
    assert counted(laboratory, table, COLUMNS[1]) == {"0": 3, "1": 3, "2": 3}
    assert counted(laboratory, table, COLUMNS[2]) == {"north": 3, "south": 3}, "undeclared ones count as missing"


def test_a_filter_comes_first_and_rare_values_never_reach_the_node(laboratory: Any) -> None:
    table = laboratory.table(rows(["a"] * 5 + ["b"] * 2 + ["c"]), TYPES, READ)
    assert counted(laboratory, table, COLUMNS[0], above=1) == {"a": 5, "b": 2}
    north = Selection(where=IsIn(column="site", values=("north",)))
    assert counted(laboratory, table, COLUMNS[0], selection=north) == {"a": 2, "b": 1}
    nobody = Selection(where=IsIn(column="drug", values=("nobody has it",)))
    assert counted(laboratory, table, COLUMNS[0], selection=nobody) == {}


@pytest.mark.parametrize("removed", range(7))
def test_one_row_moves_one_count_by_one(laboratory: Any, removed: int) -> None:
    drugs = ["a", "a", "b", "c", "c", None, ""]
    whole = counted(laboratory, laboratory.table(rows(drugs), TYPES, READ), COLUMNS[0])
    fewer = [drug for i, drug in enumerate(drugs) if i != removed]
    less = counted(laboratory, laboratory.table(rows(fewer), TYPES, READ), COLUMNS[0])
    moved = [whole.get(key, 0) - less.get(key, 0) for key in whole.keys() | less.keys()]
    assert sorted(moved)[-1:] == ([0] if drugs[removed] is None else [1])
    assert sum(map(abs, moved)) == (0 if drugs[removed] is None else 1)


def test_a_plan_charges_the_gaussian_and_the_delta_that_its_threshold_follows_from(terms: Any) -> None:
    found = planned(terms)
    (event,) = found.event.events
    assert isinstance(event, Thresholded)
    assert event.delta == to_fixed(1e-8, DELTA_UNITS)
    assert event.threshold == thresholded.threshold(event.gaussian.noise_multiplier, 1, event.delta)
    assert accountant.charge(found.event, terms).delta == event.delta
    assert accountant.price(accountant.charge(found.event, terms), terms) <= to_fixed(0.5)
    counting = plan(Count(), COLUMNS, 0.5, terms)
    assert found.noise["keys:drug:1e-08"] == counting.noise["rows"], "the threshold takes delta, not noise"


@pytest.mark.parametrize("rows_each", [2, 10])
def test_an_entity_with_m_rows_multiplies_noise_and_threshold(terms: Any, rows_each: int) -> None:
    one, many = planned(terms), planned(terms, max_rows=rows_each)
    assert many.noise["keys:drug:1e-08"] == pytest.approx(rows_each * one.noise["keys:drug:1e-08"])
    (event,) = many.event.events
    assert isinstance(event, Thresholded)
    assert (event.rows, event.threshold) > (1, rows_each * (one.event.events[0].threshold - 2))  # type: ignore[union-attr]
    assert many.tallies == (KeyCounts(COLUMNS[0], above=rows_each),)


def test_another_k_is_the_same_measurement_and_another_delta_is_not(terms: Any) -> None:
    few, many = (Top(column="drug", k=k, delta=1e-8) for k in (1, 1000))
    assert few.measured == many.measured
    assert plan(few, COLUMNS, 0.5, terms).noise == plan(many, COLUMNS, 0.5, terms).noise
    assert planned(terms).noise.keys().isdisjoint(planned(terms, delta=2e-8).noise)


def test_nothing_of_an_empty_table_shows_and_a_failure_is_that(terms: Any) -> None:
    (noised,) = planned(terms).of_nothing().values()
    assert (noised.values, noised.keys) == ((), ())
    assert noised.threshold == planned(terms).event.events[0].threshold  # type: ignore[union-attr]


def test_what_shows_has_the_stated_noise(terms: Any) -> None:
    """20,000 values of 5,000 rows: chi-square law, false-alarm rate ALARM; each shows but for a chance below 1e-100."""
    found, number = planned(terms), 20_000
    exact = {f"v{i}": 5000 for i in range(number)}
    noised = found.noised({found.tallies[0]: exact})["keys:drug:1e-08"]
    assert set(noised.keys or ()) == set(exact)
    low, high = stats.chi2.interval(1 - ALARM, number)
    assert low <= float(np.sum(((np.array(noised.values) - 5000) / noised.noise_stddev) ** 2)) <= high


def test_what_shows_is_at_or_above_the_threshold_and_largest_first(terms: Any) -> None:
    found = planned(terms, delta=9e-8, epsilon=5.0)
    exact = {f"v{i}": i for i in range(100)}
    noised = found.noised({found.tallies[0]: exact})["keys:drug:9e-08"]
    assert min(noised.values) >= (noised.threshold or 0) > 2
    assert list(noised.values) == sorted(noised.values, reverse=True)


@pytest.mark.parametrize(
    ("column", "error"), [("dose", WrongColumnType), ("drugs", UnknownColumn), ("nothing", UnknownColumn)]
)
def test_a_column_that_will_not_do_is_refused_by_name(terms: Any, column: str, error: type[Exception]) -> None:
    with pytest.raises(error) as refused:
        planned(terms, column)
    assert refused.value.field == "statistic.column"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("delta", "max_rows"), [(1.1e-7, None), (1e-6, None), (9e-15, 10)])
def test_a_delta_that_the_account_never_had_or_that_cannot_be_verified_is_refused(
    terms: Any, delta: float, max_rows: int | None
) -> None:
    with pytest.raises(InvalidRequest, match=rf"<= delta <= 1e-07 .*, got {delta:.3g}") as refused:
        planned(terms, delta=delta, max_rows=max_rows)
    assert refused.value.field == "statistic.delta"


def test_the_neighbour_that_makes_a_value_present_shows_it_as_rarely_as_was_charged(
    laboratory: Any, discrete_gaussian: Any
) -> None:
    """A value that one row has never shows; one that two rows have shows with at most delta. Exact, by the engine."""
    alone = counted(laboratory, laboratory.table(rows(["a"]), TYPES, READ), COLUMNS[0])
    twice = counted(laboratory, laboratory.table(rows(["a", "a"]), TYPES, READ), COLUMNS[0])
    delta, multiplier = 4 * 10**17, 1.0
    assert all(thresholded.noised(alone, 1, multiplier, delta) == {} for _ in range(200))
    least = thresholded.threshold(multiplier, 1, delta)
    support, mass = discrete_gaussian(gaussian.scale(multiplier, 1)).mass()
    assert float(mass[support + twice["a"] >= least].sum()) <= 0.4


def test_composed_with_others_the_delta_is_charged_once(terms: Any) -> None:
    found = planned(terms)
    both = Composed((*found.event.events, *plan(Count(), COLUMNS, 0.5, terms).event.events))
    assert accountant.charge(both, terms).delta == to_fixed(1e-8, DELTA_UNITS)
