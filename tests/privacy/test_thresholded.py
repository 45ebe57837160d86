"""The threshold for unknown keys: how often a key shows that one unit made present, and what noise the others have.

The chances are exact sums over the discrete Gaussian where that can be; sampled checks state their false-alarm rate.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy import stats

from jali_node.mechanisms import gaussian, thresholded

DRAWS = 50_000
ALARM = 1e-7
MULTIPLIERS = (0.3, 1.0, 3.7, 20.0, 400.0)
DELTAS = (10**16, 10**12, 10**11, 10**8, 10**5)
"""In 1e-18: from 0.01 to 1e-13."""


def reaches(law: Any, least: int) -> float:
    """Return the exact probability that the noise alone is `least` or more."""
    support, mass = law.mass()
    return float(mass[support >= least].sum())


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("noise_multiplier", MULTIPLIERS)
@pytest.mark.parametrize("rows", [1, 3, 20])
def test_keys_that_a_unit_makes_present_show_with_at_most_the_charged_probability(
    discrete_gaussian: Any, noise_multiplier: float, rows: int, delta: int
) -> None:
    """Exact: a unit's rows on one key, on many, and the proof's m keys of m rows; each key at the edge of absence."""
    least = thresholded.threshold(noise_multiplier, rows, delta)
    law = discrete_gaussian(gaussian.scale(noise_multiplier, rows))
    for keys, each in [(1, rows), (rows, 1), (rows, rows), ((rows + 1) // 2, min(2, rows))]:
        chance = -math.expm1(keys * math.log1p(-reaches(law, least - rows - each)))
        assert chance <= delta / 1e18 * (1 + 1e-9)


@pytest.mark.parametrize("noise_multiplier", MULTIPLIERS)
def test_the_threshold_is_at_most_two_above_the_least_that_holds(
    discrete_gaussian: Any, noise_multiplier: float
) -> None:
    delta = 10**14
    least = thresholded.threshold(noise_multiplier, 1, delta)
    law = discrete_gaussian(gaussian.scale(noise_multiplier, 1))
    assert reaches(law, least - 1 - 3 - 1) > delta / 1e18, "three less would break the promise"


def test_a_key_at_the_edge_shows_as_often_as_delta_allows_and_no_oftener(discrete_gaussian: Any) -> None:
    """50,000 keys of two rows at a delta of 0.01: binomial, false-alarm rate 2 ALARM. Two less would fail."""
    delta = 10**16
    least = thresholded.threshold(4.0, 1, delta)
    shown = len(thresholded.noised(dict.fromkeys(range(DRAWS), 2), 1, 4.0, delta))
    assert shown <= stats.binom.isf(ALARM, DRAWS, delta / 1e18)
    law = discrete_gaussian(gaussian.scale(4.0, 1))
    assert shown >= stats.binom.ppf(ALARM, DRAWS, reaches(law, least - 2))
    assert stats.binom.isf(ALARM, DRAWS, delta / 1e18) < DRAWS * reaches(law, least - 4)


@pytest.mark.parametrize("rows", [1, 5])
def test_what_one_unit_alone_can_have_never_shows(rows: int) -> None:
    """At a delta of almost a half, where every second key at the edge may show: no chance in this one."""
    assert thresholded.noised(dict.fromkeys(range(DRAWS), rows), rows, 1.0, 10**17 * 4) == {}
    assert thresholded.noised(dict.fromkeys(range(DRAWS), 2 * rows), rows, 1.0, 10**17 * 4) != {}


def test_a_key_that_many_have_shows_with_the_stated_noise() -> None:
    """50,000 keys with a count of 10,000: chi-square law, false-alarm rate ALARM."""
    shown = thresholded.noised(dict.fromkeys(range(DRAWS), 10_000), 1, 4.0, 10**11)
    assert len(shown) == DRAWS
    draws = np.array(list(shown.values())) - 10_000
    low, high = stats.chi2.interval(1 - ALARM, DRAWS)
    assert low <= float(np.sum((draws / gaussian.scale(4.0, 1)) ** 2)) <= high


def test_an_empty_map_and_a_map_of_rare_keys_look_alike() -> None:
    """Each key of two rows shows with probability 1e-7 at most: false-alarm rate 1e-5."""
    assert thresholded.noised({}, 1, 4.0, 10**11) == {}
    assert thresholded.noised(dict.fromkeys(range(100), 2), 1, 4.0, 10**11) == {}


def test_keys_leave_in_the_order_of_their_noised_counts_not_of_the_rows() -> None:
    counts = {f"k{i}": 500 for i in range(200)}
    shown = thresholded.noised(counts, 1, 4.0, 10**11)
    assert list(shown.values()) == sorted(shown.values(), reverse=True)
    assert list(shown) != list(counts)


@pytest.mark.parametrize(("rows", "delta"), [(1, 999), (5, 4999), (0, 10**11), (1, 10**18)])
def test_a_delta_too_small_to_verify_is_refused(rows: int, delta: int) -> None:
    with pytest.raises(ValueError, match=rf"expected {1000 * rows} <= delta < 5e17 .*, got {delta} and {rows}"):
        thresholded.threshold(4.0, rows, delta)


def test_nothing_is_drawn_where_opendp_finds_the_release_dearer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian, "_ABOVE", 0.5)
    with pytest.raises(RuntimeError, match="costs more than the event"):
        thresholded.noised({"a": 10_000}, 1, 4.0, 10**11)


def test_opendps_own_delta_for_the_same_threshold_is_too_small(discrete_gaussian: Any) -> None:
    """Why the map is asked about one threshold less; when this fails, OpenDP has changed and the page should too."""
    least, law = 9, discrete_gaussian(gaussian.scale(3.0, 1))
    truth = reaches(law, least - 2)
    assert thresholded.delta_of(3.0, 1, least + 1) < Fraction(truth) <= thresholded.delta_of(3.0, 1, least)


def test_the_threshold_grows_with_noise_and_with_rows_and_falls_with_delta() -> None:
    by_noise = [thresholded.threshold(z, 1, 10**11) for z in MULTIPLIERS]
    by_rows = [thresholded.threshold(4.0, rows, 10**11) for rows in (1, 2, 5, 50)]
    by_delta = [thresholded.threshold(4.0, 1, delta) for delta in DELTAS]
    assert by_noise == sorted(by_noise)
    assert by_rows == sorted(by_rows)
    assert by_delta == sorted(by_delta)
    assert math.isclose(by_noise[-1], 400 * 5.2, rel_tol=0.01)
