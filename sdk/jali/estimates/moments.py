"""Mean and standard deviation from noised counts and centred sums on a lattice."""

import math
from statistics import NormalDist

from jali.estimates import noise
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.lattice import Lattice
from jali.wire.release import Noised

_EACH_OF_TWO = 1 - (1 - noise.CONFIDENCE) / 2
"""Two intervals of this confidence hold together with at least `CONFIDENCE` (Bonferroni)."""
_Z = NormalDist().inv_cdf((1 + noise.CONFIDENCE) / 2)


def mean_row(key: tuple[str, ...], lattice: Lattice, count: int, count_sd: float, total: int, total_sd: float) -> Row:
    """Return the mean, in the column's unit, from a noised count and a noised sum of codes."""
    within = (-float(lattice.steps), float(lattice.steps))
    low, high = noise.ratio_interval(total, total_sd, count, count_sd, within)
    code = min(max(total / max(count, 1), low), high)
    return Row(key, "mean", lattice.value(code), lattice.value(low), lattice.value(high))


def sum_row(key: tuple[str, ...], lattice: Lattice, count: int, count_sd: float, total: int, total_sd: float) -> Row:
    """Return the sum, in the column's unit: count times the middle of the range, and what the codes add to it."""
    value = (lattice.upper + lattice.lower) / 2 * count + lattice.width_of_code * total
    reach = sum_reach(lattice, count_sd, total_sd)
    return Row(key, "sum", value, value - reach, value + reach)


def sum_reach(lattice: Lattice, count_sd: float, total_sd: float) -> float:
    """Return half the width of a sum's interval: its noise is that of two independent integers, weighted.

    Where the noise of one is so small that it falls on few integers, its own half width counts.
    """
    parts = (((lattice.upper + lattice.lower) / 2, count_sd), (lattice.width_of_code, total_sd))
    return math.hypot(*(factor * max(_Z * sd, noise.half_width(sd)) for factor, sd in parts))


def std_row(key: tuple[str, ...], lattice: Lattice, count: Noised, total: Noised, squares: Noised) -> Row:
    """Return the standard deviation (of the rows themselves, n in the divisor), in the column's unit."""
    figures = [math.sqrt(v) * lattice.width_of_code for v in _variance(lattice, count, total, squares)]
    return Row(key, "std", *figures)


def var_row(key: tuple[str, ...], lattice: Lattice, count: Noised, total: Noised, squares: Noised) -> Row:
    """Return the variance (n in the divisor), in the square of the column's unit."""
    figures = [v * lattice.width_of_code**2 for v in _variance(lattice, count, total, squares)]
    return Row(key, "var", *figures)


def _variance(lattice: Lattice, count: Noised, total: Noised, squares: Noised) -> tuple[float, float, float]:
    """Return the variance of the codes with its interval.

    It joins one for the mean with one for the mean square, so it covers at least 95 %.
    """
    steps = float(lattice.steps)
    n, sd = count.values[0], count.noise_stddev
    first = noise.ratio_interval(total.values[0], total.noise_stddev, n, sd, (-steps, steps), _EACH_OF_TWO)
    second = noise.ratio_interval(squares.values[0], squares.noise_stddev, n, sd, (0.0, steps**2), _EACH_OF_TWO)
    smallest = 0.0 if first[0] <= 0 <= first[1] else min(first[0] ** 2, first[1] ** 2)
    low = max(0.0, second[0] - max(first[0] ** 2, first[1] ** 2))
    high = min(steps**2, max(0.0, second[1] - smallest))
    variance = squares.values[0] / max(n, 1) - (total.values[0] / max(n, 1)) ** 2
    return min(max(variance, low), high), low, high


def count_rows(key: tuple[str, ...], count: Noised) -> list[Row]:
    """Return how many values are present and how many are missing."""
    names = ("count", "missing")
    return [
        Row(key, name, *noise.counted(value, count.noise_stddev))
        for name, value in zip(names, count.values, strict=True)
    ]


def imagined_moments(column: Column, units: int) -> dict[str, list[int]]:
    """Return what a flat column of `units` present values would measure."""
    return {
        f"count:{column.name}": [units, 0],
        f"sum:{column.name}": [0],
        f"squares:{column.name}": [units * Lattice.of(column).steps ** 2 // 3],
    }
