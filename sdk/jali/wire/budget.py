"""How much may still be asked."""

from typing import Self

from pydantic import model_validator

from jali.wire.base import Reply


class PrivacyLoss(Reply):
    """One event's cost at every order of an account, and what turns such costs into an epsilon.

    `orders` are in thousandths, `rdp` and `offsets` in 1e-12. The stand-alone price is the smallest
    `rdp[i] + offsets[i]` (Canonne, Kamath, Steinke 2020, Proposition 12). Costs at one order add up. `delta` (1e-18) is
    what the event took out of the delta set aside for unknown keys; it adds up too.
    """

    orders: tuple[int, ...]
    rdp: tuple[int, ...]
    offsets: tuple[int, ...]
    delta: int = 0

    @model_validator(mode="after")
    def _one_cost_for_each_order(self) -> Self:
        if not len(self.orders) == len(self.rdp) == len(self.offsets) > 0:
            raise ValueError("orders, rdp and offsets must be of one length, at least 1")
        return self

    @property
    def price(self) -> int:
        """The stand-alone price in 1e-12."""
        return max(0, min(cost + offset for cost, offset in zip(self.rdp, self.offsets, strict=True)))

    def composed_with(self, other: Self) -> Self:
        """Return the cost of both events about the same people, at the orders that both accounts share.

        Raises:
            ValueError: the accounts share no order.
        """
        shared = sorted(set(self.orders) & set(other.orders))
        if not shared:
            raise ValueError("the two accounts share no order, so their costs cannot be added")
        mine, theirs = (
            dict(zip(self.orders, self.rdp, strict=True)),
            dict(zip(other.orders, other.rdp, strict=True)),
        )
        mine_up = dict(zip(self.orders, self.offsets, strict=True))
        theirs_up = dict(zip(other.orders, other.offsets, strict=True))
        return type(self)(
            orders=tuple(shared),
            rdp=tuple(mine[order] + theirs[order] for order in shared),
            offsets=tuple(max(mine_up[order], theirs_up[order]) for order in shared),
            delta=self.delta + other.delta,
        )


class Budget(Reply):
    """A quota or a cap, in epsilon at the population's delta.

    `left` is the largest stand-alone epsilon of one Gaussian release that still fits; `spent` is a report of what
    the past releases cost together. Because costs compose below their sum, `spent + left` may exceed `cap`.
    `keys_delta` is the part of delta set aside for releases of unknown keys, `keys_delta_left` what is left of it.
    `grant` is the one that a quota belongs to; more of it may be asked for.
    """

    cap: float
    delta: float
    spent: float
    held: float
    left: float
    keys_delta: float = 0.0
    keys_delta_left: float = 0.0
    grant: str | None = None


class BudgetReport(Reply):
    """What a population has spent, by two counts, in epsilon at its `delta`.

    `spent` is by the Rényi orders that the cap is kept with. `tighter` is by privacy-loss distributions of the same
    events: a report, not a promise, since no cap can be kept by it; None where no such figure is known.
    """

    population: str
    name: str
    cap: float
    delta: float
    events: int
    spent: float
    tighter: float | None

    def describe(self) -> str:
        """Return both in words."""
        told = f"{self.name}: {self.events} charged events, epsilon {self.spent:.4g} of {self.cap:g} spent"
        if self.tighter is None:
            return told
        return (
            f"{told}; counted more tightly {self.tighter:.4g} (a report by privacy-loss distributions, not a promise)"
        )


class PopulationBudget(Reply):
    """A population's account, over all callers. For its owners."""

    id: str
    name: str
    unit: str
    units: int
    account: str
    budget: Budget
