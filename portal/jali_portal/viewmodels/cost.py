"""What a grant would allow to be learned at most: a population's account before and after."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jali.wire.budget import PopulationBudget
from jali.wire.request import AccessRequest, RequestStatus
from jali_portal.viewmodels.accounts import Account

QUESTION = 0.1
"""The price of the question that "about N questions" counts."""
SLACK = 1e-9
"""Of rounding, when rooms are compared."""


@dataclass(frozen=True)
class Cost:
    """Shares are of all that the cap allows, on the scale on which costs add up (see `accounts`); they sum to 1.

    Epsilons are at the population's delta; each `fits` is the price of the dearest single question that has room.

    Attributes:
        asked: the quota that would be granted.
        used: share that was spent, or is set aside for answers under way.
        quota: share that this quota takes when it is used in full.
        promised: share that the other open quotas take when they are used in full.
        left: share that nobody has a claim to.
        others: how many other quotas are open.
    """

    population: str
    cap: float
    delta: float
    asked: float
    used: float
    quota: float
    promised: float
    left: float
    others: int
    fits_now: float
    fits_after: float
    questions_now: int
    questions_after: int
    usable: bool
    overbooked: bool

    @property
    def left_now(self) -> float:
        """The share that is left before the decision."""
        return 1 - self.used

    @property
    def left_after(self) -> float:
        """The share that is left when this quota has been used in full."""
        return max(0.0, 1 - self.used - self.quota)

    @property
    def above_cap(self) -> bool:
        """Whether the node would refuse such a grant."""
        return self.asked > self.cap


def cost(budget: PopulationBudget, account: Account, others: Iterable[Account], asked: float) -> Cost:
    """Return what granting `asked` would allow at most.

    Args:
        budget: the population's account, as the node reports it.
        account: the same, with its terms.
        others: the quotas under it that may still be used.
        asked: the quota in question.
    """
    terms, rivals = account.terms, tuple(others)
    room, whole, wanted = account.room, terms.room(account.cap), terms.room(asked)
    claimed = sum(quota.room for quota in rivals)
    quota = min(wanted, room)
    promised = min(claimed, room - quota)
    return Cost(
        population=budget.name,
        cap=account.cap,
        delta=budget.budget.delta,
        asked=asked,
        used=1 - room / whole,
        quota=quota / whole,
        promised=promised / whole,
        left=max(0.0, room - quota - promised) / whole,
        others=len(rivals),
        fits_now=budget.budget.left,
        fits_after=min(budget.budget.left, terms.price(room - wanted)),
        questions_now=_questions(room, terms.room(QUESTION)),
        questions_after=_questions(room - wanted, terms.room(QUESTION)),
        usable=wanted <= room * (1 + SLACK),
        overbooked=wanted + claimed > room * (1 + SLACK),
    )


def open_quotas(requests: Iterable[AccessRequest], quotas: dict[str, Account], now: datetime) -> list[Account]:
    """Return the quotas that were granted, have not expired and are not used up."""
    granted = (request for request in requests if request.status is RequestStatus.GRANTED)
    valid = [request.grant for request in granted if request.expires_at is not None and request.expires_at > now]
    return [quotas[grant] for grant in valid if grant in quotas and quotas[grant].room > 0]


def _questions(room: float, one: float) -> int:
    """Return how many questions of one price fit into a room."""
    return math.floor(room / one + 1e-9) if room > 0 and one > 0 else 0
