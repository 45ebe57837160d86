"""How much may still be asked."""

import math
from datetime import datetime
from typing import Self

from pydantic import model_validator

from jali.wire.base import Reply
from jali.wire.dataset import PromiseEnd


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


class Window(Reply):
    """The period that a cap or a quota is for, where it refreshes: this one, the `number`th that was opened.

    Without `days` it no longer refreshes, and is the last.
    """

    days: int | None
    since: datetime
    until: datetime | None
    number: int

    def describe(self) -> str:
        """Return it in words, without what it means."""
        if self.days is None:
            times = "once" if self.number == 2 else f"{self.number - 1} times"
            return f"refreshed {times} until {self.since:%Y-%m-%d}, and does so no longer"
        return f"refreshes every {_days(self.days)}, next on {self.until:%Y-%m-%d %H:%M} UTC"

    def warning(self, cap: float) -> str:
        """Return what a population's refreshing cap means, in words."""
        if self.days is None:
            return f"epsilon {cap:g} for each of {self.number} windows: up to {cap * self.number:g} on the same people"
        return refreshing(self.days, cap)


def refreshing(days: int, cap: float) -> str:
    """Say what a population's cap promises, and what not, where it refreshes."""
    year = math.ceil(365 / days)
    return (
        f"The cap is for each window of {_days(days)}: over k windows at most k times epsilon {cap:g} (and k times "
        f"delta) is spent on the same people, {year * cap:g} in a year. For all time there is no bound."
    )


def _days(days: int) -> str:
    return "day" if days == 1 else f"{days} days"


class Budget(Reply):
    """A quota or a cap, in epsilon at the population's delta.

    `left` is the largest stand-alone epsilon of one Gaussian release that still fits; `spent` is a report of what
    the past releases cost together. Because costs compose below their sum, `spent + left` may exceed `cap`.
    `keys_delta` is the part of delta set aside for releases of unknown keys, `keys_delta_left` what is left of it.
    `grant` is the one that a quota belongs to; more of it may be asked for. Where there is a `window`, all this is
    about the present one: a quota that refreshes stays under its population's cap, and a cap that refreshes bounds each
    window alone. Where the population's promise has ended, `promise_ended` says where: what is left then bounds what
    further answers add, and nothing else.
    """

    cap: float
    delta: float
    spent: float
    held: float
    left: float
    keys_delta: float = 0.0
    keys_delta_left: float = 0.0
    grant: str | None = None
    window: Window | None = None
    promise_ended: PromiseEnd | None = None


class BudgetReport(Reply):
    """What a population has spent, by two counts, in epsilon at its `delta`.

    `spent` is by the Rényi orders that the cap is kept with. `tighter` is by privacy-loss distributions of the same
    events: a report, not a promise, since no cap can be kept by it; None where no such figure is known. Where the cap
    refreshes, both are of the present `window`, and `lifetime` is the tighter count of all windows together.
    """

    population: str
    name: str
    cap: float
    delta: float
    events: int
    spent: float
    tighter: float | None
    window: Window | None = None
    lifetime: float | None = None

    def describe(self) -> str:
        """Return both in words."""
        told = f"{self.name}: {self.events} charged events, epsilon {self.spent:.4g} of {self.cap:g} spent"
        if self.window is not None:
            told += f" in window {self.window.number}"
        if self.tighter is not None:
            told += f"; counted more tightly {self.tighter:.4g} (a report by privacy-loss distributions, not a promise)"
        if self.window is None:
            return told
        if self.lifetime is not None:
            told += f"; all windows together, counted so, {self.lifetime:.4g}"
        return f"{told}\n{self.window.warning(self.cap)}"


class PopulationBudget(Reply):
    """A population's account, over all callers. For its owners."""

    id: str
    name: str
    unit: str
    units: int
    account: str
    budget: Budget

    def describe(self) -> str:
        """Return what is promised about whom, and what is left of it, in words."""
        money = self.budget
        said = f"{self.name}: {self.units:,} units ({self.unit}), epsilon {money.cap:g}, delta {money.delta:g}"
        said += f"; room for {money.left:.4g}"
        if money.promise_ended is not None:
            said += f"; {money.promise_ended.describe()}"
        if money.window is None:
            return said
        return f"{said}; {money.window.describe()}\n{money.window.warning(money.cap)}"
