"""Rényi divergences of the Poisson-sampled Gaussian mechanism, from dp_accounting, as bounds that hold.

dp_accounting computes, for whole orders a, the log moment log A(a) = (a - 1) D_a of Mironov, Talwar and Zhang (2019,
"Rényi differential privacy of the sampled Gaussian mechanism", section 3.3) for add-or-remove neighbours, in floating
point. Three things are added here.

- Room for rounding (`_slack`). The moment is a sum of a + 1 positive terms in log space. Each term's log is off by at
  most a few rounding errors of its largest part, and each of a + 1 additions by a few of the running total; 64 rounding
  errors of the sum of all parts is well above both.
- Orders between two whole ones. (a - 1) D_a is convex in a (van Erven and Harremoës 2014, Corollary 2), and 0 at
  order 1, so the chord between the neighbouring whole orders lies above it. dp_accounting's own series for such orders
  is cut off where its terms are small, which proves nothing about the terms that were left out.
- Orders above `WHOLE_ORDER_MAX` cost time in proportion and help only where sampling does not: the accountant's bound
  by the Gaussian without sampling serves there.
"""

import math
from fractions import Fraction
from functools import lru_cache

from jali_node.ledger.terms import ORDER_UNITS

WHOLE_ORDER_MAX = 1024
_ROUNDING_ERRORS = 64
_UNIT_ROUNDOFF = 2.0**-53


def divergence(q: float, noise_multiplier: float, order: int) -> Fraction | None:
    """Return an upper bound of the divergence at an order (thousandths), or None where none is computed.

    Args:
        q: the sampling rate, 0 < q < 1.
        noise_multiplier: the noise's standard deviation over the L2 sensitivity.
        order: in thousandths, above 1000.
    """
    below, between = divmod(order, ORDER_UNITS)
    if below + (between > 0) > WHOLE_ORDER_MAX:
        return None
    low = _log_moment(q, noise_multiplier, below)
    if not between:
        return low / (below - 1)
    high = _log_moment(q, noise_multiplier, below + 1)
    chord = low + (high - low) * Fraction(between, ORDER_UNITS)
    return chord / (Fraction(order, ORDER_UNITS) - 1)


@lru_cache(maxsize=65536)
def _log_moment(q: float, noise_multiplier: float, order: int) -> Fraction:
    """Return (a - 1) D_a for a whole order a, plus room for the rounding of its computation."""
    if order == 1:
        return Fraction(0)
    # Imported here: it takes more than a second (scipy), and a node that only answers questions never needs it.
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent
    from dp_accounting.rdp import RdpAccountant

    accountant = RdpAccountant([order])
    accountant.compose(PoissonSampledDpEvent(q, GaussianDpEvent(noise_multiplier)))
    moment = (order - 1) * float(accountant.rdp[0])
    return Fraction(max(0.0, moment)) + Fraction(_slack(q, noise_multiplier, order, moment))


def _slack(q: float, noise_multiplier: float, order: int, moment: float) -> float:
    coefficients = 3 * math.lgamma(order + 1) + order * abs(math.log(q) + math.log1p(-q))
    exponents = order * order / (2 * noise_multiplier * noise_multiplier)
    additions = (order + 1) * (abs(moment) + 1)
    return _ROUNDING_ERRORS * _UNIT_ROUNDOFF * (1 + coefficients + exponents + additions)
