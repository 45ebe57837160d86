"""An account: a cap, what is spent, what is held. Pure values; `book` stores them.

Spends are allowed while at some order everything spent, held and new still fits (see `terms`). That is O(1) a spend
and sound however the next question is chosen.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from functools import lru_cache

from jali.wire.budget import Budget
from jali.wire.money import DELTA_UNITS, FIXED_MAX, from_fixed
from jali_node.ledger.accountant import Charge, price
from jali_node.ledger.terms import Terms
from jali_node.ledger.window import Window


@dataclass(frozen=True)
class Account:
    """A population's cap or a grant's quota. Amounts in 1e-12 (epsilon, Rényi) and 1e-18 (delta).

    With a window the cap is for that, and `spent` is what was begun in it.
    """

    cap: int
    terms: Terms
    spent: tuple[int, ...]
    held: tuple[int, ...]
    spent_delta: int = 0
    held_delta: int = 0
    window: Window | None = None

    @classmethod
    def opened(cls, cap: int, terms: Terms, window: Window | None = None) -> "Account":
        """Return an account from which nothing has been spent."""
        nothing = (0,) * len(terms.orders)
        return cls(cap, terms, nothing, nothing, window=window)

    def fits(self, cost: Charge) -> bool:
        """Say whether one more cost keeps the promise."""
        return self.fits_pool(cost) and any(
            used + new <= self.cap - offset
            for used, new, offset in zip(self.used, cost.rdp, self.terms.offsets, strict=True)
        )

    def fits_pool(self, cost: Charge) -> bool:
        """Say whether the pool has room for a cost's own delta."""
        return self.spent_delta + self.held_delta + cost.delta <= self.terms.pool

    def with_held(self, cost: Charge) -> "Account":
        """Return the account with a cost set aside."""
        return replace(self, held=_plus(self.held, cost.rdp), held_delta=self.held_delta + cost.delta)

    def with_freed(self, cost: Charge) -> "Account":
        """Return the account with a held cost given back."""
        return replace(self, held=_minus(self.held, cost.rdp), held_delta=self.held_delta - cost.delta)

    def with_begun(self, cost: Charge) -> "Account":
        """Return the account with a held cost spent."""
        freed = self.with_freed(cost)
        return replace(freed, spent=_plus(freed.spent, cost.rdp), spent_delta=freed.spent_delta + cost.delta)

    def with_spent(self, cost: Charge) -> "Account":
        """Return the account with a cost spent that was never held."""
        return replace(self, spent=_plus(self.spent, cost.rdp), spent_delta=self.spent_delta + cost.delta)

    def at(self, now: datetime) -> "Account":
        """Return the account as a moment finds it: nothing is spent in a window that has begun meanwhile.

        What is held stays held, and counts in the window in which it is begun.
        """
        if self.window is None or self.is_written_off or not self.window.over(now):
            return self
        return self.refreshed(self.window.at(now))

    def refreshed(self, window: Window) -> "Account":
        """Return the account at the beginning of a window."""
        return replace(self, spent=(0,) * len(self.terms.orders), spent_delta=0, window=window)

    def written_off(self) -> "Account":
        """Return the account with its whole cap counted as spent, at every order and for good.

        It was full at some order at most, and nobody knows at which: a cap raised later must not open another one.
        """
        everything = (FIXED_MAX,) * len(self.terms.orders)
        return replace(self, spent=everything, held=(0,) * len(everything), spent_delta=self.terms.pool, held_delta=0)

    @property
    def is_written_off(self) -> bool:
        """Whether the whole cap counts as spent, since nobody knows what was."""
        return set(self.spent) == {FIXED_MAX}

    def left(self) -> int:
        """Return the largest stand-alone price (1e-12) of one Gaussian release that still fits, 0 if none does."""
        return _left(self)

    def pool_left(self) -> int:
        """Return how much delta (1e-18) releases of unknown keys may still take."""
        return max(0, self.terms.pool - self.spent_delta - self.held_delta)

    def budget(self) -> Budget:
        """Return the account as people read it. `spent` and `held` are reports, priced as if nothing else was done."""
        return Budget(
            cap=from_fixed(self.cap),
            delta=from_fixed(self.terms.delta, DELTA_UNITS),
            spent=from_fixed(self._report(self.spent)),
            held=from_fixed(self._report(self.held)),
            left=from_fixed(self.left()),
            keys_delta=from_fixed(self.terms.pool, DELTA_UNITS),
            keys_delta_left=from_fixed(self.pool_left(), DELTA_UNITS),
            window=self.window and self.window.shown(),
        )

    def _report(self, costs: tuple[int, ...]) -> int:
        return min(self.cap, price(Charge(costs), self.terms)) if any(costs) else 0

    @property
    def used(self) -> tuple[int, ...]:
        """What is spent and what is held."""
        return _plus(self.spent, self.held)


@lru_cache(maxsize=1024)
def _left(account: Account) -> int:
    rooms = [account.cap - offset - used for offset, used in zip(account.terms.offsets, account.used, strict=True)]
    rho = max(Fraction(room, order) for room, order in zip(rooms, account.terms.orders, strict=True))
    if rho <= 0:
        return 0
    costs = tuple(min(FIXED_MAX, int(rho * order)) for order in account.terms.orders)
    return min(account.cap, price(Charge(costs), account.terms))


def _plus(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    """Add without saturating: a sum that had lost something could not give back exactly what was held."""
    return tuple([a + b for a, b in zip(left, right, strict=True)])


def _minus(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([max(0, a - b) for a, b in zip(left, right, strict=True)])
