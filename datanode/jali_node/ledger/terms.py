"""The terms of a promise: Rényi orders, and how delta is divided over them. Fixed when an account opens.

A promise of (epsilon, delta) is kept at order i as long as the costs at that order stay at or below
`epsilon - offset_i`. Whoever watches several orders at once, and stops only when none has room, must divide delta
over them: with T the last of the stopping times T_i, (1 - e^(epsilon - L_T))+ is at most the sum over i of
(1 - e^(epsilon - L_Ti))+, and each of those has expectation at most delta_i (Feldman and Zrnic 2021, Theorem 4.3,
with the conversion of Canonne, Kamath and Steinke 2020, Proposition 12). docs/explanation/ledger.md has it in full.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from jali.wire.money import DELTA_UNITS, EPSILON_UNITS

ORDER_UNITS = 1000
_HALVINGS = range(13)
GRID = (1500, *sorted({base << i for base in (2000, 3000) for i in _HALVINGS if base << i <= 8_192_000}))
"""Orders in thousandths, from 1.5 to 8192, about a factor of 1.4 apart: small prices need the large ones."""
FAVOURED_SHARE = Fraction(9, 10)
"""Delta's share at the order that carries the most Gaussian releases under the cap; the grid divides the rest."""


@dataclass(frozen=True)
class Terms:
    """Orders (thousandths, rising), and what each takes to turn its cost into an epsilon (1e-12, rounded up).

    `delta` (1e-18) is the promise's whole delta; `pool` (1e-18) is the part set aside for releases that spend delta
    themselves, such as unknown keys above a threshold.
    """

    orders: tuple[int, ...]
    offsets: tuple[int, ...]
    delta: int
    pool: int

    @property
    def floor(self) -> int:
        """The price (1e-12) that no release can go below at this delta."""
        return max(0, min(self.offsets))


@lru_cache(maxsize=256)
def terms_for(cap: int, delta: int, pool: int = 0) -> Terms:
    """Return the terms of a new population account.

    Args:
        cap: epsilon in 1e-12.
        delta: in 1e-18.
        pool: the part of delta kept for releases that spend delta themselves, in 1e-18.

    Raises:
        ValueError: nothing is left of delta for the orders.
    """
    usable = delta - pool
    if usable < 2 * len(GRID) or delta >= DELTA_UNITS:
        raise ValueError(f"expected {2 * len(GRID)} <= delta - pool and delta < 1e18 (in 1e-18), got {usable}, {delta}")
    favoured_delta = int(usable * FAVOURED_SHARE)
    best = favoured_order(cap, favoured_delta)
    others = [order for order in GRID if order != best]
    each = (usable - favoured_delta) // len(others)
    shares = {best: favoured_delta} | dict.fromkeys(others, each)
    orders = tuple(sorted(shares))
    return Terms(orders, tuple(offset(order, shares[order]) for order in orders), delta, pool)


def favoured_order(cap: int, delta: int) -> int:
    """Return the order (thousandths) at which the most zero-concentrated loss fits under the cap.

    >>> favoured_order(10**12, 9 * 10**11)
    22000
    """
    candidates = [
        *range(1100, 10_000, 100),
        *range(10_000, 100_000, 1000),
        *(o for o in GRID if o >= 100_000),
    ]
    best: int = max(candidates, key=lambda order: Fraction(cap - offset(order, delta), order))
    return best


@lru_cache(maxsize=65536)
def offset(order: int, delta: int) -> int:
    """Return log((a-1)/a) - (log delta + log a)/(a-1) for a = order/1000, in 1e-12, rounded up.

    An RDP cost r at order a gives (r + offset, delta)-DP (Canonne, Kamath, Steinke 2020, Proposition 12).
    """
    a = order / ORDER_UNITS
    exact = math.log1p(-1 / a) - (math.log(delta / DELTA_UNITS) + math.log(a)) / (a - 1)
    return math.ceil(Fraction(exact) * EPSILON_UNITS) + 1  # one more than any rounding of the logarithms
