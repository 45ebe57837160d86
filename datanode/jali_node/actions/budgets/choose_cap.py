"""What a cap means, in odds and in questions: help for choosing one, from arithmetic alone. Nothing is written."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jali.wire.money import EPSILON_MAX, from_fixed, to_fixed
from jali_node.actions.budgets.open_population import checked_terms
from jali_node.errors import InvalidRequest
from jali_node.ledger import accountant
from jali_node.ledger.accountant import Charge
from jali_node.ledger.event import Gaussian
from jali_node.ledger.terms import Terms

CAPS = (0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 10.0)
PRIORS = (0.5, 0.1, 0.01)
NORMAL_95 = 1.96
PEERS = (
    ("0.45", "Facebook's URL shares, for each kind of action, of 99 in 100 users, for all time; delta 1e-5"),
    ("2 to 16", "Apple's telemetry, for each kind of it, and a person's one day: it refreshes daily"),
    ("19.61", "redistricting data of the U.S. census of 2020, all of them together, for all time"),
)
"""What others have published: epsilon, for what. The first two after D. Desfontaines, "A list of real-world uses of
differential privacy"; the third is the Census Bureau's figure for its P.L. 94-171 file."""


@dataclass(frozen=True)
class Choice:
    """One cap: what somebody may come to believe, by what they believed before; and how many questions fit.

    `price` is one question's stand-alone epsilon, `questions` how many of them the cap holds.
    """

    epsilon: float
    beliefs: dict[float, float]
    price: float
    questions: int


def choices(
    units: int, delta: float, error: float, caps: Sequence[float] = CAPS, priors: Sequence[float] = PRIORS
) -> list[Choice]:
    """Return what each cap would mean for a population.

    Args:
        units: how many privacy units there are, by the owner's public figure.
        delta: the promise's delta.
        error: how exact a typical question is: a count, right to within this share of the units, 19 times in 20.
        caps: which to compare.
        priors: how sure somebody is beforehand.

    Raises:
        InvalidRequest: a number is out of range.
    """
    if not 0 < error < 1:
        raise InvalidRequest(f"expected 0 < error < 1, a share of the units, got {error:g}", field="error")
    for prior in priors:
        if not 0 < prior < 1:
            raise InvalidRequest(f"expected 0 < prior < 1, got {prior:g}", field="prior")
    terms = [checked_terms(units, cap, delta) for cap in caps]
    event = Gaussian(error * units / NORMAL_95)
    return [_choice(cap, of_cap, event, priors) for cap, of_cap in zip(caps, terms, strict=True)]


def believed(prior: float, epsilon: float) -> float:
    """Return how sure somebody may become who was `prior` sure: odds grow by e^epsilon at most, delta aside.

    >>> round(believed(0.5, math.log(3)), 9), round(believed(0.1, math.log(9)), 9)
    (0.75, 0.5)
    """
    odds = prior / (1 - prior) * math.exp(min(epsilon, EPSILON_MAX / 2))
    return odds / (1 + odds)


def fitting(cap: int, terms: Terms, cost: Charge) -> int:
    """Return how many events of one cost an account of this cap (1e-12) takes, if nothing else is asked."""
    rooms = [
        (cap - offset) // rdp if cap > offset else 0
        for rdp, offset in zip(cost.rdp, terms.offsets, strict=True)
        if rdp > 0
    ]
    return max(rooms, default=0)


def _choice(cap: float, terms: Terms, event: Gaussian, priors: Sequence[float]) -> Choice:
    cost = accountant.charge(event, terms)
    return Choice(
        cap,
        {prior: believed(prior, cap) for prior in priors},
        from_fixed(accountant.price(cost, terms)),
        fitting(to_fixed(cap), terms, cost),
    )


def words(units: int, delta: float, error: float, found: Sequence[Choice], refresh_days: int | None = None) -> str:
    """Return the choices as sentences for an owner; of caps that refresh, if so many days are given."""
    priors = list(found[0].beliefs)
    head = ["epsilon", *(f"from {prior:.3g}" for prior in priors), "questions"]
    lines = [[f"{c.epsilon:g}", *(f"{c.beliefs[prior]:.3f}" for prior in priors), f"{c.questions:,}"] for c in found]
    table = "\n".join("".join(f"{cell:>12}" for cell in line) for line in [head, *lines])
    return "\n".join(
        [
            f"A cap bounds everything that leaves about {units:,} units, over all callers, {_how_long(refresh_days)}.",
            "",
            table,
            *(_year(found, refresh_days) if refresh_days else ()),
            "",
            "from p: somebody who knows everything about everybody else, and was p sure that one unit is in the table,",
            f"  can become at most this sure, whatever they ask (delta, here {delta:g}, aside). Of what stands in the",
            "  table about a unit that is known to be there, the odds may grow by the square of that.",
            f"questions: how many counts fit, each right to within {error:.2g} of the units ({error * units:,.0f}), 19",
            "  times in 20, about units of one row. Sharper questions cost more, coarser ones less; try --error.",
            "A cap can be raised later (jali node population raise), which the ledger keeps; it can never be lowered.",
            "",
            "What others have published. Look at whom, and at how long, before you compare:",
            *(f"  {epsilon:>8}  {about}" for epsilon, about in PEERS),
            "  A large one is no argument: it says what was needed there, and not that it does little harm.",
        ]
    )


def _how_long(refresh_days: int | None) -> str:
    return f"in each window of {refresh_days} days" if refresh_days else "for all time"


def _year(found: Sequence[Choice], days: int) -> list[str]:
    """Say what becomes of beliefs when a cap refreshes for a year."""
    windows, prior = math.ceil(365 / days), next(iter(found[0].beliefs))
    after = ", ".join(f"{believed(prior, windows * each.epsilon):.3f} at {each.epsilon:g}" for each in found)
    return [
        "",
        "That is for one window. Over k windows up to k times epsilon (and delta) is spent on the same people:",
        f"  {windows} times in a year, where from {prior:.3g} one may become this sure: {after}.",
        "  For all time there is no bound. A cap that does not refresh is the stronger promise.",
    ]
