"""Where values fall: bins are numpy's bins, and lattice codes of whole numbers lose nothing."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jali import estimates
from jali.estimates import tree
from jali.wire.dataset import Column
from jali.wire.lattice import STEPS_MAX, Lattice
from jali.wire.statistics import Histogram, Mean, Quantiles


def edges(column: Column, bins: int) -> list[float]:
    return list(estimates.histogram.edges(Histogram(column=column.name, bins=bins), column))


def stored(laboratory: Any, column: Column, values: Any) -> Any:
    kind = "BIGINT" if column.type == "integer" else "DOUBLE"
    rows = [{column.name: value} for value in np.asarray(values).tolist()]
    return laboratory.table(rows, {column.name: kind}, (column,))


def integers(lower: int, upper: int) -> Column:
    return Column(name="age", type="integer", lower=lower, upper=upper)


SPANS = [(0, 1), (0, 7), (0, 100), (-50, 49), (-(2**40), -(2**40) + 1000), (1, 81921), (0, 1_000_003), (-3, 2**33)]


@pytest.mark.parametrize("bins", [1, 2, 3, 7, 10, 64, 99, 511])
@pytest.mark.parametrize("span", SPANS, ids=str)
def test_whole_numbers_are_counted_exactly_as_numpy_counts_them(laboratory: Any, span: Any, bins: int) -> None:
    column, rng = integers(*span), np.random.default_rng(bins)
    cuts = np.unique(np.clip(np.round(edges(column, bins)).astype(np.int64) + np.array([[-1], [0], [1]]), *span))
    values = np.concatenate([rng.integers(span[0], span[1], 300, endpoint=True), cuts])
    counts, _ = laboratory.measured(Histogram(column="age", bins=bins), stored(laboratory, column, values))[
        f"bins:age:{bins}"
    ]
    # Integer arithmetic on both sides: value v lies in bin floor((v - lower) * bins / span), the last one closed.
    exact = [min((int(v) - span[0]) * bins // (span[1] - span[0]), bins - 1) for v in values]
    assert counts == [*np.bincount(exact, minlength=bins).tolist(), 0]
    assert counts[:-1] == np.histogram(values, edges(column, bins))[0].tolist()


REAL_SPANS = [(0.0, 1.0), (0.0, 200.0), (-0.1, 0.2), (-1e-3, 7e5), (1e10, 1e10 + 3.3)]


@pytest.mark.parametrize("bins", [1, 3, 7, 10, 512])
@pytest.mark.parametrize("span", REAL_SPANS, ids=str)
def test_numbers_are_counted_as_numpy_counts_them(laboratory: Any, span: Any, bins: int) -> None:
    column = Column(name="weight", type="number", lower=span[0], upper=span[1])
    values = np.random.default_rng(bins).uniform(*span, 600)
    counts, _ = laboratory.measured(Histogram(column="weight", bins=bins), stored(laboratory, column, values))[
        f"bins:weight:{bins}"
    ]
    assert counts[:-1] == np.histogram(values, edges(column, bins))[0].tolist()


@pytest.mark.parametrize("span", REAL_SPANS, ids=str)
def test_numbers_within_a_rounding_of_an_edge_fall_into_one_of_its_two_bins(laboratory: Any, span: Any) -> None:
    bins, column = 7, Column(name="weight", type="number", lower=span[0], upper=span[1])
    for number, edge in enumerate(edges(column, bins)):
        for value in (np.nextafter(edge, -np.inf), edge, np.nextafter(edge, np.inf)):
            table = stored(laboratory, column, [value])
            counts, _ = laboratory.measured(Histogram(column="weight", bins=bins), table)[f"bins:weight:{bins}"]
            assert sum(counts) == sum(counts[max(number - 1, 0) : number + 1]) == 1


@pytest.mark.parametrize(
    ("value", "expected"), [(-1.0, 0), (-np.inf, 0), (0.0, 0), (200.0, 9), (201.0, 9), (np.inf, 9)]
)
def test_values_beyond_the_bounds_count_in_the_outer_bins(laboratory: Any, value: float, expected: int) -> None:
    column = Column(name="weight", type="number", lower=0, upper=200)
    counts, _ = laboratory.measured(Histogram(column="weight", bins=10), stored(laboratory, column, [value]))[
        "bins:weight:10"
    ]
    assert counts.index(1) == expected
    assert sum(counts) == 1


@pytest.mark.parametrize("span", [s for s in SPANS if s[1] - s[0] <= STEPS_MAX], ids=str)
def test_the_lattice_mean_of_whole_numbers_is_their_mean(laboratory: Any, span: Any) -> None:
    column = integers(*span)
    values = np.random.default_rng(11).integers(span[0], span[1], 997, endpoint=True)
    total, _ = laboratory.measured(Mean(column="age"), stored(laboratory, column, values))["sum:age"]
    assert total == [sum(2 * (int(v) - span[0]) - (span[1] - span[0]) for v in values)]
    mean = Lattice.of(column).value(total[0] / len(values))
    assert mean == pytest.approx(float(values.mean()), abs=1e-9 * max(1, abs(span[0])))


@pytest.mark.parametrize("column", [integers(0, 1_000_003), Column(name="age", type="number", lower=-1, upper=3)])
def test_the_lattice_mean_of_finer_values_is_within_half_a_step_and_not_off_to_one_side(
    laboratory: Any, column: Column
) -> None:
    """Seeded. Rounding errors are uniform within half a step, so their mean over 5000 stays within 5/sqrt(12*5000)."""
    rng, lattice = np.random.default_rng(5), Lattice.of(column)
    values = rng.uniform(lattice.lower, lattice.upper, 5000)
    values = values.round().astype(np.int64) if lattice.whole else values
    total, _ = laboratory.measured(Mean(column="age"), stored(laboratory, column, values))["sum:age"]
    step = 2 * lattice.width_of_code
    off = (lattice.value(total[0] / len(values)) - float(values.mean())) / step
    assert abs(off) < 5 / np.sqrt(12 * len(values))


@settings(max_examples=200, deadline=None)
@example(-7, 44_485_844, 960)  # a width divided first and multiplied afterwards overshoots here
@given(
    st.integers(-(2**40), 2**40),
    st.one_of(st.integers(1, 5000), st.integers(1, 2**40)),
    st.integers(0, tree.LEAVES - 1),
)
def test_a_leaf_of_the_tree_shows_every_whole_number_that_falls_into_it(lower: int, span: int, leaf: int) -> None:
    """Otherwise an interval that holds the right leaf would not hold the true quantile."""
    lattice = Lattice.of(integers(lower, lower + span))
    first = lower - (-leaf * span // tree.LEAVES)
    beyond = lower - (-(leaf + 1) * span // tree.LEAVES)
    last = lower + span if leaf == tree.LEAVES - 1 else beyond - 1
    if first <= last:
        assert tree._edge(lattice, leaf) <= first
        assert tree._upper_edge(lattice, leaf) >= last


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 120), min_size=1, max_size=30))
def test_every_level_of_a_tree_adds_up_to_the_rows(laboratory: Any, values: list[int]) -> None:
    table = stored(laboratory, integers(0, 100), values)
    nodes, _ = laboratory.measured(Quantiles(column="age"), table)["tree:age"]
    ends = np.cumsum([0, *tree.LEVELS])
    for start, end in itertools.pairwise(ends):
        assert sum(nodes[start:end]) == len(values)
    leaves = np.array(nodes[ends[-2] :])
    expected = [min(min(v, 100) * tree.LEAVES // 100, tree.LEAVES - 1) for v in values]
    assert leaves.tolist() == np.bincount(expected, minlength=tree.LEAVES).tolist()
    assert np.allclose(tree.consistent_leaves(np.array(nodes, dtype=float)), leaves)
