"""Covariances and correlations: over the rows where all columns are present, their number, sums and products.

Sensitivity: one row is either complete or not, so it moves the pair of counts by 1; its codes lie within +-steps, so it
moves a centred sum by at most `steps`, and the sum of a product of two codes by at most the product of their steps. The
products are the entries of the second-moment matrix, noised one by one with the Gaussian mechanism as in Dwork, Talwar,
Thakurta, Zhang 2014 (Analyze Gauss, Algorithm 1); here each entry's noise follows its own columns' ranges, and the
entries compose (zero-concentrated: Bun and Steinke 2016, Lemma 1.7).
"""

from dataclasses import dataclass

import numpy as np

from jali.estimates.covariance import complete, pairs, product_of, sum_of
from jali.wire.statistics import Covariance
from jali_node.engine.tally import AllPresent, Power, Product, Tally
from jali_node.errors import InvalidRequest
from jali_node.statistics.columns import Columns, bounded
from jali_node.statistics.measurement import Integers, Measurement, only_counts

KIND = "covariance"
SPLIT = "one part on the counts of complete rows and one on each column's sum, two on each product of two columns"


def measurements(ask: Covariance, columns: Columns) -> tuple[Measurement, ...]:
    """Return the counts of complete rows, and over them each column's sum and each pair's products."""
    if len(set(ask.columns)) != len(ask.columns):
        raise InvalidRequest("each column may be given once", field="statistic.columns")
    found = {name: bounded(columns, name, f"statistic.columns.{i}") for i, name in enumerate(ask.columns)}
    sums = {sum_of(ask, name): Power(column) for name, column in found.items()}
    products = {product_of(ask, one, other): Product(found[one], found[other]) for one, other in pairs(ask)}
    terms: tuple[Power | Product, ...] = (*sums.values(), *products.values())
    tally = Tally((AllPresent(tuple(found.values())),), terms)
    weights = [1] * len(sums) + [2] * len(products)
    return (
        Measurement(complete(ask), tally, only_counts, 1, 1),
        *(
            Measurement(name, tally, OfComplete(number), term.largest, weight)
            for number, (name, term, weight) in enumerate(zip([*sums, *products], terms, weights, strict=True), 1)
        ),
    )


@dataclass(frozen=True)
class OfComplete:
    """Reads one sum over the complete rows off a tally."""

    number: int

    def __call__(self, tally: Integers) -> Integers:
        """Return the sum."""
        return np.asarray(tally[self.number][:1])
