"""The precision attack (Mironov 2012; Haney et al. 2022): which values can come out says nothing of what went in.

Noise in doubles has gaps that move with the value it is added to. Releases here are integers on a lattice, and every
integer can come out whatever the rows are.
"""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from jali.wire.dataset import Column
from jali_node.mechanisms import gaussian

DRAWS = 50_000
ALARM = 1e-6


def reached(value: int, scale: float) -> set[int]:
    return set(gaussian.noised([value] * (DRAWS // 10), 1, scale))


def test_neighbours_reach_the_same_outputs() -> None:
    """Each of 10 outputs has a chance above 8e-3 at both: missed by 5000 draws with probability below 1e-15 in all."""
    scale = 2.0
    common = set(range(-3, 7))
    assert common <= reached(1, scale)
    assert common <= reached(2, scale)


@pytest.mark.parametrize("value", [0, 1, 2, 1000, 1001, -(2**40), 2**40 + 1])
@pytest.mark.parametrize("step", [2, 3, 7])
def test_every_residue_is_reached_equally_often_whatever_the_value(value: int, step: int) -> None:
    """Pearson's chi-square at 1e-7: false-alarm rate 1e-7 for each of the 21 (noise of scale 50 is even to 1e-50)."""
    residues = np.array([drawn % step for drawn in gaussian.noised([value] * 10_000, 1, 50.0)])
    found = np.bincount(residues, minlength=step)
    expected = len(residues) / step
    assert float(np.sum((found - expected) ** 2) / expected) <= stats.chi2.isf(ALARM / 10, step - 1)


def test_sums_of_even_codes_come_out_odd_half_of_the_time(laboratory: Any, statistic: Any) -> None:
    """Centred codes of an even lattice are all even; parity must not survive the noise. False-alarm rate 1e-6."""
    age = Column(name="age", type="integer", lower=0, upper=100)
    table = laboratory.table([{"age": i % 101} for i in range(40)], {"age": "BIGINT"}, (age,))
    values, sensitivity = laboratory.measured(statistic({"kind": "mean", "column": "age"}), table)["sum:age"]
    assert values[0] % 2 == 0
    odd = sum(drawn % 2 for drawn in gaussian.noised(values * DRAWS, sensitivity, 3.0))
    low, high = stats.binom.interval(1 - ALARM, DRAWS, 0.5)
    assert low <= odd <= high


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "count"},
        {"kind": "mean", "column": "weight"},
        {"kind": "histogram", "column": "weight"},
        {"kind": "describe", "columns": ["age", "weight"]},
        {"kind": "group_by", "keys": ["site"], "of": {"kind": "mean", "column": "weight"}},
    ],
    ids=lambda s: str(s["kind"]),
)
def test_only_integers_leave_the_node(house: Any, asked: Any) -> None:
    reply = house.ask(asked)
    assert reply.status_code == 200, reply.text
    for measurement in reply.json()["measurements"].values():
        assert measurement["values"]
        assert all(type(value) is int for value in measurement["values"])


def multiples_of_a_fine_grid(outputs: Any) -> bool:
    return bool(np.all(np.asarray(outputs) * 2.0**53 % 2 == 0))


def test_the_attack_works_against_noise_in_doubles() -> None:
    """Why all this: 0 plus double noise has finer digits than 1 plus double noise, so one look tells them apart."""
    rng = np.random.default_rng(7)
    noise = rng.laplace(0.0, 1.0, 1000)
    near = noise[np.abs(noise) < 0.5]
    assert not multiples_of_a_fine_grid(0.0 + near)
    assert multiples_of_a_fine_grid(1.0 + near[near > 0])
    whole = gaussian.noised([0] * 1000, 1, 3.0) + gaussian.noised([1] * 1000, 1, 3.0)
    assert multiples_of_a_fine_grid(whole)
