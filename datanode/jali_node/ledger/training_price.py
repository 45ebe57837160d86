"""Noise and price of a training job from one number: the noise multiplier that its rounds are charged with."""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from jali.wire.money import from_fixed
from jali_node.errors import EpsilonTooSmall
from jali_node.ledger import accountant
from jali_node.ledger.account import Account
from jali_node.ledger.accountant import Charge
from jali_node.ledger.event import Gaussian, PoissonSampled, SelfComposed
from jali_node.ledger.terms import Terms

TOLERANCE = 1e-6
"""How close the noise is to the smallest that will do, relative to it."""
MOST_NOISE = 1e9
"""No training is worth anything at this one."""
LEAST_NOISE = 0.01
"""The search ends here: no price that people set calls for less."""


def round_event(q: float, noise_multiplier: float, steps: int) -> SelfComposed:
    """Return what one round does to a privacy unit: `steps` Poisson-sampled Gaussian steps."""
    return SelfComposed(PoissonSampled(q, Gaussian(noise_multiplier)), steps)


def whole_charge(q: float, noise_multiplier: float, steps: int, rounds: int, terms: Terms) -> Charge:
    """Return what all rounds come to, each charged on its own."""
    return accountant.repeated(accountant.charge(round_event(q, noise_multiplier, steps), terms), rounds)


def whole_price(q: float, noise_multiplier: float, steps: int, rounds: int, terms: Terms) -> int:
    """Return the stand-alone price (1e-12) of all rounds together."""
    return accountant.price(whole_charge(q, noise_multiplier, steps, rounds, terms), terms)


@lru_cache(maxsize=1024)
def noise_multiplier_for(epsilon: int, terms: Terms, q: float, steps: int, rounds: int) -> float:
    """Return the smallest noise multiplier (to `TOLERANCE`) whose whole price is at most epsilon.

    Args:
        epsilon: the stand-alone price of all rounds together, in 1e-12.
        terms: the account's.
        q: the sampling rate, from public figures.
        steps: in each round.
        rounds: how many there will be.

    Raises:
        EpsilonTooSmall: no noise is large enough.
    """
    rho = accountant.concentrated_for(epsilon, terms, rounds)
    if rho <= 0:
        least = from_fixed(terms.floor)
        raise EpsilonTooSmall(
            f"expected epsilon > {least:.4g} at this delta, got {from_fixed(epsilon):.4g}", field="epsilon", least=least
        )

    def excess(log_noise: float) -> float:
        return math.log(max(1, whole_price(q, math.exp(log_noise), steps, rounds, terms)) / epsilon)

    high = _log_unsampled(rho / (steps * rounds))  # what would do without sampling does with it
    low, width = high - 1, 1
    while excess(low) <= 0:
        if low < math.log(LEAST_NOISE):
            return math.exp(low)
        width *= 2
        low, high = low - width, low
    return math.exp(_root(excess, low, high))


def fitting_price(
    account: Account, q: float, noise_multiplier: float, steps: int, rounds: int, beside: Charge | None = None
) -> int:
    """Return the dearest price (1e-12) at which a training that does not fit would, with more noise; 0 if none does.

    Args:
        noise_multiplier: of the one that does not.
        beside: what the same job costs besides, which stays as it is.
    """
    low, width = math.log(noise_multiplier), 0.5

    def fits(log_noise: float) -> bool:
        cost = whole_charge(q, math.exp(log_noise), steps, rounds, account.terms)
        return account.fits(accountant.together(cost, beside) if beside else cost)

    while not fits(low + width):
        if low + width > math.log(MOST_NOISE):
            return 0
        low, width = low + width, 2 * width
    while width > 1e-4:
        width /= 2
        low = low if fits(low + width) else low + width
    return whole_price(q, math.exp(low + width), steps, rounds, account.terms)


def _log_unsampled(rho: Fraction) -> float:
    """Return the logarithm of a noise multiplier of a Gaussian whose zero-concentrated loss is at most rho."""
    return -math.log(2 * rho) / 2 + 1e-12


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Return a point where nothing is in excess, within `TOLERANCE` above one where something is.

    False position with the Illinois rule: the excess falls, almost as a straight line.
    """
    above, below = excess(low), excess(high)
    while high - low > TOLERANCE:
        aim = high - (high - low) * below / (below - above)
        aim = min(max(aim, low + TOLERANCE / 2), high - TOLERANCE / 2)  # past the root, so that both ends close in
        found = excess(aim)
        if found <= 0:
            high, below, above = aim, found, above / 2
        else:
            low, above, below = aim, found, below / 2
    return high
