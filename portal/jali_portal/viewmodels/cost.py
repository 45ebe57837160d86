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


@dataclass(frozen=True)
class Cost:
    """Epsilons at the population's delta. Every `left` is the price of the dearest single question that still fits.

    Attributes:
        asked: the quota that would be granted.
        spent: what past answers cost together.
        held: what is set aside for answers under way.
        left_now: at this moment.
        left_after: when all of that quota has been used.
        left_after_all: when all other quotas that are open have been used up as well.
        others: how many other quotas are open.
    """

    population: str
    units: int
    cap: float
    delta: float
    spent: float
    held: float
    left_now: float
    asked: float
    left_after: float
    left_after_all: float
    others: int
    questions_now: int
    questions_after: int
    usable: bool

    @property
    def above_cap(self) -> bool:
        """Whether the node would refuse such a grant."""
        return self.asked > self.cap

    @property
    def empties(self) -> bool:
        """Whether nothing of the population's budget would be left."""
        return self.left_after <= 0


def cost(budget: PopulationBudget, account: Account, others: Iterable[Account], asked: float) -> Cost:
    """Return what granting `asked` would allow at most.

    Args:
        budget: the population's account, as the node reports it.
        account: the same, with its terms.
        others: the quotas under it that may still be used.
        asked: the quota in question.
    """
    terms, rivals = account.terms, tuple(others)
    room = account.room
    after = room - terms.room(asked)
    after_all = after - sum(quota.room for quota in rivals)
    return Cost(
        population=budget.name,
        units=budget.units,
        cap=budget.budget.cap,
        delta=budget.budget.delta,
        spent=budget.budget.spent,
        held=budget.budget.held,
        left_now=budget.budget.left,
        asked=asked,
        left_after=min(budget.budget.left, terms.price(after)),
        left_after_all=min(budget.budget.left, terms.price(after_all)),
        others=len(rivals),
        questions_now=_questions(room, terms.room(QUESTION)),
        questions_after=_questions(after, terms.room(QUESTION)),
        usable=after >= -1e-12,
    )


def open_quotas(requests: Iterable[AccessRequest], quotas: dict[str, Account], now: datetime) -> list[Account]:
    """Return the quotas that were granted, have not expired and are not used up."""
    granted = (request for request in requests if request.status is RequestStatus.GRANTED)
    valid = [request.grant for request in granted if request.expires_at is not None and request.expires_at > now]
    return [quotas[grant] for grant in valid if grant in quotas and quotas[grant].room > 0]


def _questions(room: float, one: float) -> int:
    """Return how many questions of one price fit into a room."""
    return math.floor(room / one + 1e-9) if room > 0 and one > 0 else 0
