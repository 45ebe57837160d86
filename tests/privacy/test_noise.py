"""Noise is what the plan says it is: its spread, its shape, and the same check can fail."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from jali.wire.dataset import Column
from jali_node.mechanisms import gaussian
from jali_node.statistics.plan import Plan, plan

DRAWS = 30_000
ALARM = 1e-7
"""Each check's false-alarm rate by its limiting law; ten times below what is promised, for the limit's own error."""
COLUMNS = (
    Column(name="age", type="integer", lower=0, upper=100),
    Column(name="weight", type="number", lower=0, upper=200),
    Column(name="site", type="category", categories=("north", "south", "east")),
    Column(name="sex", type="category", categories=("f", "m")),
    Column(name="word", type="text"),
)
STATISTICS: list[dict[str, Any]] = [
    {"kind": "count"},
    {"kind": "mean", "column": "age"},
    {"kind": "mean", "column": "weight"},
    {"kind": "histogram", "column": "weight", "bins": 7},
    {"kind": "quantiles", "column": "age"},
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
    {"kind": "describe", "columns": ["weight"]},
    {"kind": "group_by", "keys": ["site"], "of": {"kind": "mean", "column": "age"}},
]


def spread_fits(draws: NDArray[np.int64], scale: float) -> bool:
    """Say whether the mean square is that of noise of this scale (chi-square law, `ALARM`)."""
    low, high = stats.chi2.interval(1 - ALARM, len(draws))
    return bool(low <= float(np.sum((draws / scale) ** 2)) <= high)


def shape_fits(draws: NDArray[np.int64], law: Any) -> bool:
    """Say whether the counts in cells fit the discrete Gaussian (Pearson's chi-square, `ALARM`)."""
    width = max(1, int(law.scale / 6))
    cuts = np.arange(-int(2.6 * law.scale), int(2.6 * law.scale) + 1, width)
    expected = np.diff(np.concatenate([[0.0], law.below(cuts), [1.0]])) * len(draws)
    assert expected.min() >= 40, "cells too small for Pearson's statistic"
    found = np.bincount(np.searchsorted(cuts, draws, side="right"), minlength=len(cuts) + 1)
    distance = float(np.sum((found - expected) ** 2 / expected))
    return distance <= float(stats.chi2.isf(ALARM, len(expected) - 1))


def magnified(planned: Plan) -> Plan:
    """Return the plan with `DRAWS` zeros in place of each vector, so that one release shows its noise many times."""
    zeros = np.zeros(DRAWS, dtype=np.int64)
    return replace(
        planned,
        parts=tuple(replace(p, measurement=replace(p.measurement, read=lambda _: zeros)) for p in planned.parts),
    )


@pytest.mark.parametrize("asked", STATISTICS, ids=lambda s: f"{s['kind']}-{s.get('column', '')}")
def test_noise_of_each_measurement_has_the_stated_spread_and_shape(
    asked: Any, statistic: Any, terms: Any, discrete_gaussian: Any
) -> None:
    """Up to ten measurements with three checks each: false-alarm rate at most 30 ALARM."""
    planned = plan(statistic(asked), COLUMNS, 1.0, terms)
    released = magnified(planned).of_nothing()
    for part in planned.parts:
        name, event = part.measurement.name, part.event
        noised = released[name]
        draws = np.array(noised.values)
        assert noised.noise_stddev >= event.noise_multiplier * part.sensitivity
        assert noised.noise_stddev == pytest.approx(event.noise_multiplier * part.sensitivity, rel=1e-9)
        assert spread_fits(draws, noised.noise_stddev), name
        assert shape_fits(draws, discrete_gaussian(noised.noise_stddev)), name
        neighbours = float(np.mean(draws[1:] * 1.0 * draws[:-1]) / np.mean(draws * 1.0 * draws))
        assert abs(neighbours) < stats.norm.isf(ALARM / 2) / np.sqrt(DRAWS), f"{name}: draws hang together"


def test_measurements_of_one_answer_have_independent_noise(statistic: Any, terms: Any) -> None:
    """Six pairs, correlations are normal with deviation 1/sqrt(30000): false-alarm rate 6e-7."""
    planned = plan(statistic({"kind": "describe", "columns": ["age"]}), COLUMNS, 1.0, terms)
    draws = np.array([noised.values for noised in magnified(planned).of_nothing().values()], dtype=float)
    between = np.abs(np.corrcoef(draws) - np.eye(len(draws)))
    assert between.max() < stats.norm.isf(ALARM / 2) / np.sqrt(DRAWS)


@pytest.mark.parametrize(("sensitivity", "multiplier"), [(1, 0.9), (1, 8.0), (2, 30.0), (81920, 5.0), (81920**2, 4.0)])
def test_the_sampler_follows_the_discrete_gaussian_law(
    sensitivity: int, multiplier: float, discrete_gaussian: Any
) -> None:
    """Two checks of 1e-7: false-alarm rate 2e-7. Below scale 1 the law's own variance is what counts."""
    draws = np.array(gaussian.noised([0] * DRAWS, sensitivity, multiplier))
    law = discrete_gaussian(gaussian.scale(multiplier, sensitivity))
    assert shape_fits(draws, law)
    if law.scale < 1:
        support, mass = law.mass()
        fourth, second = float(np.sum(support**4 * mass)), float(np.sum(support**2 * mass))
        error = np.sqrt((fourth - second**2) / DRAWS)
        assert abs(float(np.mean(draws**2)) - second) < stats.norm.isf(ALARM / 2) * error
    else:
        assert spread_fits(draws, law.scale)


@pytest.mark.parametrize(("sensitivity", "multiplier"), [(1, 8.0), (100, 5.0), (81920, 5.0)])
def test_ten_percent_too_little_noise_is_caught(sensitivity: int, multiplier: float, discrete_gaussian: Any) -> None:
    """Neither check can pass by chance: the statistics lie more than ten deviations beyond their thresholds."""
    scale = gaussian.scale(multiplier, sensitivity)
    draws = np.array(gaussian.noised([0] * DRAWS, sensitivity, 0.9 * multiplier))
    assert not spread_fits(draws, scale)
    assert not shape_fits(draws, discrete_gaussian(scale))


def test_rounded_uniform_noise_of_the_right_spread_is_caught_by_its_shape(discrete_gaussian: Any) -> None:
    rng = np.random.default_rng(1)
    draws = np.rint(rng.uniform(-1, 1, DRAWS) * 20 * np.sqrt(3)).astype(np.int64)
    assert spread_fits(draws, 20.0)
    assert not shape_fits(draws, discrete_gaussian(20.0))


def test_noise_is_added_and_not_put_in_place_of_the_value() -> None:
    """The mean of 30000 draws is normal with deviation 8/sqrt(30000): false-alarm rate 1e-7."""
    draws = np.array(gaussian.noised([1000] * DRAWS, 1, 8.0))
    assert abs(draws.mean() - 1000) < stats.norm.isf(ALARM / 2) * 8.0 / np.sqrt(DRAWS)


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 2**62, -(2**62)])
def test_extreme_aggregates_saturate_and_never_raise(value: int) -> None:
    drawn = gaussian.noised([value], 81920**2, 50.0)[0]
    assert abs(abs(drawn) - 2**62) < 81920**2 * 50 * 20
    assert (drawn > 0) == (value > 0)


def test_a_mechanism_dearer_than_its_event_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian, "scale", lambda multiplier, sensitivity: 0.9 * multiplier * sensitivity)
    with pytest.raises(RuntimeError, match="costs more than the event"):
        gaussian.noised([0], 1, 4.0)
