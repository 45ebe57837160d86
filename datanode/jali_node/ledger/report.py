"""What was spent, told more tightly than the account can count it. A report, never a promise.

Privacy-loss distributions compose tightly, but a running total of theirs is no filter: whoever chooses the next
question by the answers could pass it (arXiv 2602.06756). So accounts count Rényi divergences, and this is computed on
request.
"""

import math
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from jali.wire.money import DELTA_UNITS, EPSILON_UNITS
from jali_node.ledger.terms import GRID, ORDER_UNITS, offset

INTERVAL = 1e-3
"""How finely losses are told apart; they are rounded up to it."""


class Tally:
    """Events added up as far as they can be: Gaussians are one Gaussian, equal sampled steps a number of them."""

    def __init__(self) -> None:
        self.precision = Fraction(0)
        self.sampled: Counter[tuple[float, float]] = Counter()
        self.rho = Fraction(0)
        self.delta = 0

    def add(self, record: dict[str, Any], times: int = 1) -> None:
        """Add an event as the chain keeps it."""
        kind = record["kind"]
        if kind == "gaussian":
            self.precision += times / Fraction(float(record["noise_multiplier"])) ** 2
        elif kind == "concentrated":
            self.rho += times * Fraction(float(record["rho"]))
        elif kind == "thresholded":
            self.delta += times * int(record["delta"])
            self.add(record["event"], times)
        elif kind == "poisson_sampled":
            self.sampled[float(record["q"]), float(record["event"]["noise_multiplier"])] += times
        elif kind == "self_composed":
            self.add(record["event"], times * int(record["times"]))
        else:
            for part in record["events"]:
                self.add(part, times)


def tighter(records: Iterable[dict[str, Any]], delta: int) -> float | None:
    """Return an epsilon that all events together keep at `delta` (1e-18), by privacy-loss distributions.

    None where the events' own deltas leave nothing of it. A mechanism of which only a zero-concentrated bound is known
    has no such distribution: it gets half of delta, and is added.
    """
    tally = Tally()
    for record in records:
        tally.add(record)
    left = delta - tally.delta
    if left <= 0:
        return None
    if not tally.rho:
        return _distributions(tally, left)
    return _concentrated(tally.rho, left // 2) + _distributions(tally, left - left // 2)


def _distributions(tally: Tally, delta: int) -> float:
    if not tally.precision and not tally.sampled:
        return 0.0
    from dp_accounting import GaussianDpEvent, NeighboringRelation, PoissonSampledDpEvent, SelfComposedDpEvent
    from dp_accounting.pld import PLDAccountant

    accountant = PLDAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE, value_discretization_interval=INTERVAL)
    if tally.precision:
        accountant.compose(GaussianDpEvent(math.sqrt(1 / tally.precision)))
    for (q, noise_multiplier), times in sorted(tally.sampled.items()):
        accountant.compose(SelfComposedDpEvent(PoissonSampledDpEvent(q, GaussianDpEvent(noise_multiplier)), times))
    return float(accountant.get_epsilon(delta / DELTA_UNITS))


def _concentrated(rho: Fraction, delta: int) -> float:
    return float(min(rho * order / ORDER_UNITS + Fraction(offset(order, delta), EPSILON_UNITS) for order in GRID))
