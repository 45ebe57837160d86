"""What events cost: Rényi divergences at an account's orders as whole numbers, always rounded up."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from jali.wire.budget import PrivacyLoss
from jali.wire.money import EPSILON_UNITS, FIXED_MAX
from jali_node.ledger import sampled
from jali_node.ledger.event import Composed, Concentrated, Event, Gaussian, PoissonSampled, SelfComposed, Thresholded
from jali_node.ledger.terms import ORDER_UNITS, Terms

ROUNDING = 2
"""How much one event's cost at one order may exceed its real value (1e-12): once for it, once for the solver."""


@dataclass(frozen=True)
class Charge:
    """An event's cost: `rdp` (1e-12) at each order of the terms, and `delta` (1e-18) out of the pool."""

    rdp: tuple[int, ...]
    delta: int = 0


@lru_cache(maxsize=1024)
def charge(event: Event, terms: Terms) -> Charge:
    """Return what an event costs under the terms. A Gaussian of multiplier z costs a / (2 z^2) at order a (exactly)."""
    if isinstance(event, Composed):
        parts = [charge(part, terms) for part in event.events]
        together = zip(*(part.rdp for part in parts), strict=True)
        return Charge(tuple(min(FIXED_MAX, sum(costs)) for costs in together), sum(part.delta for part in parts))
    if isinstance(event, Thresholded):
        return replace(charge(event.gaussian, terms), delta=event.delta)
    return Charge(tuple(_rounded_up(_divergence(event, order)) for order in terms.orders))


def repeated(cost: Charge, times: int) -> Charge:
    """Return what `times` events of the same cost come to, each charged, and rounded up, on its own."""
    return Charge(tuple(min(FIXED_MAX, times * rdp) for rdp in cost.rdp), times * cost.delta)


def together(first: Charge, second: Charge) -> Charge:
    """Return what two charges come to."""
    costs = zip(first.rdp, second.rdp, strict=True)
    return Charge(tuple(min(FIXED_MAX, sum(pair)) for pair in costs), first.delta + second.delta)


def _divergence(event: Gaussian | Concentrated | PoissonSampled | SelfComposed, order: int) -> Fraction:
    """Return an event's Rényi divergence at an order (thousandths), or a little more, never less."""
    if isinstance(event, SelfComposed):
        return event.times * _divergence(event.event, order)
    if isinstance(event, Gaussian):
        return Fraction(order, ORDER_UNITS) / (2 * Fraction(event.noise_multiplier) ** 2)
    if isinstance(event, Concentrated):
        return Fraction(order, ORDER_UNITS) * Fraction(event.rho)
    # Sampling can only help: divergences are quasi-convex, and a sample is a mixture of taking part and not.
    unsampled = _divergence(event.event, order)
    if event.q == 1:
        return unsampled
    bound = sampled.divergence(event.q, event.event.noise_multiplier, order)
    return unsampled if bound is None else min(unsampled, bound)


def _rounded_up(cost: Fraction) -> int:
    return min(FIXED_MAX, math.ceil(cost * EPSILON_UNITS))


def price(cost: Charge, terms: Terms) -> int:
    """Return the stand-alone price (1e-12): the smallest cap at which a fresh account accepts this cost alone.

    A delta of the cost's own comes out of the pool, which no cap changes: the price does not speak of it.
    """
    return max(0, min(rdp + offset for rdp, offset in zip(cost.rdp, terms.offsets, strict=True)))


def loss(cost: Charge, terms: Terms) -> PrivacyLoss:
    """Return the cost with all that it takes to price and compose it elsewhere."""
    return PrivacyLoss(orders=terms.orders, rdp=cost.rdp, offsets=terms.offsets, delta=cost.delta)


@lru_cache(maxsize=4096)
def concentrated_for(epsilon: int, terms: Terms, parts: int) -> Fraction:
    """Return the largest zero-concentrated loss rho such that `parts` Gaussians sharing it cost at most `epsilon`.

    Args:
        epsilon: the stand-alone price in 1e-12.
        terms: the account's.
        parts: into how many events rho will be divided; each is rounded up on its own.

    Returns:
        rho as an exact fraction; 0 or less where no noise is large enough.
    """
    room = max(
        Fraction((epsilon - offset - ROUNDING * parts) * ORDER_UNITS, order)
        for order, offset in zip(terms.orders, terms.offsets, strict=True)
    )
    return room / EPSILON_UNITS
