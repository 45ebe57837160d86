"""Figures of covariances and correlations.

An interval joins one for each of the moments that a figure is computed from, each so likely that all hold together with
at least 95 % (Bonferroni), by interval arithmetic: it is wider than it need be, and never covers less than it says.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement

from jali.estimates import moments, noise
from jali.estimates.row import Row
from jali.wire.dataset import Column
from jali.wire.lattice import Lattice
from jali.wire.release import Noised
from jali.wire.statistics import Covariance

Interval = tuple[float, float]


def within(ask: Covariance) -> str:
    """Return the end of a measurement's name that says over which rows: those where all the columns are present."""
    return f" within {', '.join(ask.columns)}"


def complete(ask: Covariance) -> str:
    """Return the name of the counts of complete and of other rows."""
    return f"complete{within(ask)}"


def sum_of(ask: Covariance, column: str) -> str:
    """Return the name of a column's sum over the complete rows."""
    return f"sum:{column}{within(ask)}"


def product_of(ask: Covariance, one: str, other: str) -> str:
    """Return the name of the sum of two columns' products over the complete rows."""
    return f"product:{one}, {other}{within(ask)}"


def pairs(ask: Covariance) -> list[tuple[str, str]]:
    """Return every pair of columns once, each column with itself too, in the order of the question."""
    return list(combinations_with_replacement(ask.columns, 2))


@dataclass(frozen=True)
class Moments:
    """The noised moments of the complete rows' codes, each divided by its columns' steps: shares between -1 and 1."""

    count: Noised
    sums: Mapping[str, Noised]
    products: Mapping[tuple[str, str], Noised]
    lattices: Mapping[str, Lattice]

    @classmethod
    def of(cls, ask: Covariance, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> "Moments":
        """Return the moments of a release."""
        sums = {name: measurements[sum_of(ask, name)] for name in ask.columns}
        products = {pair: measurements[product_of(ask, *pair)] for pair in pairs(ask)}
        lattices = {name: Lattice.of(columns[name]) for name in ask.columns}
        return cls(measurements[complete(ask)], sums, products, lattices)

    def mean(self, name: str, confidence: float) -> Interval:
        """Return what a column's mean may be."""
        return self._ratio(self.sums[name], self.lattices[name].steps, (-1.0, 1.0), confidence)

    def product(self, pair: tuple[str, str], confidence: float) -> Interval:
        """Return what the mean of two columns' products may be."""
        steps = self.lattices[pair[0]].steps * self.lattices[pair[1]].steps
        lowest = 0.0 if pair[0] == pair[1] else -1.0
        return self._ratio(self.products[pair], steps, (lowest, 1.0), confidence)

    def covariance(self, pair: tuple[str, str]) -> float:
        """Return the covariance as it was measured."""
        one, other = (self.lattices[name].steps for name in pair)
        number = max(self.count.values[0], 1)
        means = [self.sums[name].values[0] / number / self.lattices[name].steps for name in pair]
        return self.products[pair].values[0] / number / one / other - means[0] * means[1]

    def _ratio(self, total: Noised, steps: int, limits: Interval, confidence: float) -> Interval:
        ends = (limits[0] * steps, limits[1] * steps)
        value, count = total.values[0], self.count
        found = noise.ratio_interval(value, total.noise_stddev, count.values[0], count.noise_stddev, ends, confidence)
        return found[0] / steps, found[1] / steps


def rows(ask: Covariance, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return the matrix, row by row, and the counts of complete and of other rows."""
    measured = Moments.of(ask, columns, measurements)
    figure = _correlation if ask.figure == "correlation" else _covariance
    upper = {pair: figure(measured, pair) for pair in pairs(ask)}
    matrix = [
        Row((one, other), ask.figure, *upper[(one, other) if (one, other) in upper else (other, one)])
        for one in ask.columns
        for other in ask.columns
    ]
    return [*matrix, *moments.count_rows((), measured.count)]


def imagined(ask: Covariance, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return flat columns that have nothing to do with each other."""
    steps = {name: Lattice.of(columns[name]).steps for name in ask.columns}
    sums = {sum_of(ask, name): [0] for name in ask.columns}
    products = {product_of(ask, i, j): [units * steps[i] ** 2 // 3 if i == j else 0] for i, j in pairs(ask)}
    return {complete(ask): [units, 0]} | sums | products


def _covariance(measured: Moments, pair: tuple[str, str]) -> tuple[float, float, float]:
    """Return a covariance in the columns' units, with its interval."""
    moments_used = 2 if pair[0] == pair[1] else 3
    low, high = _centred(measured, pair, _each_of(moments_used))
    scale = math.prod((lattice.upper - lattice.lower) / 2 for lattice in (measured.lattices[name] for name in pair))
    value = min(max(measured.covariance(pair), low), high)
    return value * scale, low * scale, high * scale


def _correlation(measured: Moments, pair: tuple[str, str]) -> tuple[float, float, float]:
    """Return a correlation with its interval, within +-1; of a column with itself it is 1."""
    one, other = pair
    if one == other:
        return 1.0, 1.0, 1.0
    confidence = _each_of(5)
    low, high = _centred(measured, pair, confidence)
    spreads = [_centred(measured, (name, name), confidence) for name in pair]
    least, most = (math.sqrt(spreads[0][end] * spreads[1][end]) for end in (0, 1))
    low, high = _over(low, most if low >= 0 else least), _over(high, least if high >= 0 else most)
    variances = math.prod(max(measured.covariance((name, name)), 0.0) for name in pair)
    value = _over(measured.covariance(pair), math.sqrt(variances))
    return min(max(value, low), high), low, high


def _over(covariance: float, spread: float) -> float:
    if spread <= 0:
        return math.copysign(1.0, covariance) if covariance else 0.0
    return min(max(covariance / spread, -1.0), 1.0)


def _centred(measured: Moments, pair: tuple[str, str], confidence: float) -> Interval:
    """Return what a covariance may be where its moments are each in an interval of this confidence."""
    product = measured.product(pair, confidence)
    if pair[0] == pair[1]:
        low, high = measured.mean(pair[0], confidence)
        squares = (0.0 if low <= 0 <= high else min(low**2, high**2), max(low**2, high**2))
        return max(0.0, product[0] - squares[1]), min(1.0, max(0.0, product[1] - squares[0]))
    one, other = (measured.mean(name, confidence) for name in pair)
    ends = [first * second for first in one for second in other]
    low, high = product[0] - max(ends), product[1] - min(ends)
    return min(max(low, -1.0), 1.0), min(max(high, -1.0), 1.0)


def _each_of(number: int) -> float:
    """Return the confidence at which so many intervals hold together with at least `CONFIDENCE` (Bonferroni)."""
    return 1 - (1 - noise.CONFIDENCE) / number
