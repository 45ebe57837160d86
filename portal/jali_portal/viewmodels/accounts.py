"""Every account as the ledger's entries make it: its terms, what is used of it, and what was left when.

A Gaussian release costs `a * rho` at every Rényi order `a`; an account has room while at some order the costs stay at
or below `cap - offset_a`. So room is one number, the largest `rho` that still fits, and rooms subtract exactly.
Epsilons do not: that is why two quotas of 1 take less than 2 from a cap.
"""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jali import errors
from jali.wire.ledger import LedgerEntry
from jali.wire.money import EPSILON_UNITS

ORDER_UNITS = 1000


@dataclass(frozen=True)
class Terms:
    """An account's Rényi orders, and what turns a cost at each into an epsilon."""

    orders: tuple[float, ...]
    offsets: tuple[float, ...]

    def room(self, epsilon: float) -> float:
        """Return the rho of a Gaussian release of this stand-alone price."""
        pairs = zip(self.orders, self.offsets, strict=True)
        return max(0.0, max((epsilon - offset) / order for order, offset in pairs))

    def price(self, room: float) -> float:
        """Return the stand-alone price of a Gaussian release of this rho."""
        if room <= 0:
            return 0.0
        return max(0.0, min(order * room + offset for order, offset in zip(self.orders, self.offsets, strict=True)))

    def together(self, costs: Sequence[float]) -> float:
        """Return the stand-alone price of what costs this much at each order."""
        if not any(costs):
            return 0.0
        return max(0.0, min(cost + offset for cost, offset in zip(costs, self.offsets, strict=True)))


@dataclass
class Account:
    """One account. Costs are lists by order.

    Attributes:
        used: what is spent and what is held.
        held: what is held alone.
        by: what of it is spent, by the grant that it was spent under; by the job or nothing where there is none.
        history: the share that was left after each change.
    """

    id: str
    kind: str
    cap: float
    terms: Terms
    used: list[float]
    held: list[float]
    by: dict[str, list[float]] = field(default_factory=dict)
    grant: str | None = None
    under: str | None = None
    history: list[tuple[datetime, float]] = field(default_factory=list)

    @property
    def room(self) -> float:
        """The largest rho that still fits."""
        columns = zip(self.terms.orders, self.terms.offsets, self.used, strict=True)
        return max(0.0, max((self.cap - offset - used) / order for order, offset, used in columns))

    @property
    def share_left(self) -> float:
        """What part of all that the cap allows is left."""
        whole = self.terms.room(self.cap)
        return self.room / whole if whole > 0 else 0.0

    @property
    def spent(self) -> list[float]:
        """What is spent."""
        return [used - held for used, held in zip(self.used, self.held, strict=True)]

    def share_of(self, costs: Sequence[float]) -> float:
        """Return what part of all that the cap allows costs take, which are among those used.

        All that is used takes what is not left; each cost has its part of that at the order that has most room.
        """
        rooms = [
            (self.cap - offset - used) / order
            for order, offset, used in zip(self.terms.orders, self.terms.offsets, self.used, strict=True)
        ]
        at = rooms.index(max(rooms))
        return (1 - self.share_left) * costs[at] / self.used[at] if self.used[at] > 0 else 0.0


@dataclass(frozen=True)
class Left:
    """Something that left the node: an answer, or a round's weights. `what` is its id, a release's or a job's."""

    at: datetime
    what: str
    round: int
    person: str
    dataset: str
    price: float


@dataclass(frozen=True)
class _Spend:
    accounts: tuple[str, ...]
    costs: list[float]
    whose: str
    about: dict[str, Any]


class AccountBook:
    """Reads the ledger on from where it stopped. One a portal; pages of several owners may read at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read = 0
        self._accounts: dict[str, Account] = {}
        self._spends: dict[str, _Spend] = {}
        self._left: dict[str, list[Left]] = {}
        self._datasets: dict[str, str] = {}

    @property
    def entries(self) -> int:
        """How many entries have been read."""
        return self._read

    def read_on(self, entries: Callable[[int], Iterator[LedgerEntry]]) -> None:
        """Read the entries that are new.

        Args:
            entries: gives those behind a position.

        Raises:
            JaliError: the node did not answer, or an entry is not of the wire's form.
        """
        with self._lock:
            for entry in entries(self._read):
                try:
                    self._take(entry)
                except (KeyError, TypeError, ValueError) as failure:
                    raise errors.UnexpectedReply(f"ledger entry {entry.seq} is of an unknown form") from failure
                self._read = entry.seq

    def account(self, account_id: str) -> Account | None:
        """Return an account."""
        with self._lock:
            return self._accounts.get(account_id)

    def left_for(self, project_id: str) -> tuple[Left, ...]:
        """Return what has left the node for a project, the first first."""
        with self._lock:
            return tuple(self._left.get(project_id, ()))

    def quotas(self, account_id: str) -> dict[str, Account]:
        """Return the quotas under a population's account, by their grant's id."""
        with self._lock:
            under = [account for account in self._accounts.values() if account.under == account_id]
        return {account.grant: account for account in under if account.grant is not None}

    def _take(self, entry: LedgerEntry) -> None:
        body = entry.body
        if entry.kind == "account.opened":
            self._accounts[body["account"]] = _opened(body, entry.at)
        elif entry.kind == "account.raised" and body["account"] in self._accounts:
            raised = self._accounts[body["account"]]
            raised.cap = body["cap"] / EPSILON_UNITS
            raised.history.append((entry.at, raised.share_left))
        elif entry.kind == "account.refreshed" and body["account"] in self._accounts:
            _begin_window(self._accounts[body["account"]], entry.at)
        elif entry.kind == "spend.held":
            costs = [cost / EPSILON_UNITS for cost in body["rdp"]]
            whose = body.get("grant") or body.get("job") or ""
            held = self._spends[body["spend"]] = _Spend(tuple(body["accounts"]), costs, whose, body)
            self._move(held, entry.at, used=+1, held=+1)
        elif entry.kind == "spend.begun" and body["spend"] in self._spends:
            self._move(self._spends[body["spend"]], entry.at, held=-1, begun=True)
        elif entry.kind == "spend.freed" and body["spend"] in self._spends:
            self._move(self._spends.pop(body["spend"]), entry.at, used=-1, held=-1)
        elif entry.kind in ("spend.committed", "spend.settled"):
            spend = self._spends.pop(body["spend"], None)
            if spend is not None and entry.kind == "spend.committed" and spend.about.get("project"):
                self._left.setdefault(spend.about["project"], []).append(self._release(spend.about, entry))
        elif entry.kind == "dataset.registered":
            self._datasets[body["version"]] = body["dataset"]
        elif entry.kind == "caps.written_off":
            for account_id in body["accounts"]:
                self._write_off(self._accounts[account_id], entry.at)

    def _release(self, about: dict[str, Any], entry: LedgerEntry) -> Left:
        return Left(
            at=entry.at,
            what=entry.body.get("release") or entry.body.get("job") or "",
            round=entry.body.get("round") or 0,
            person=about.get("person") or "",
            dataset=self._datasets.get(about.get("version") or "", ""),
            price=about["price"] / EPSILON_UNITS,
        )

    def _move(self, spend: _Spend, at: datetime, used: int = 0, held: int = 0, begun: bool = False) -> None:
        for account_id in spend.accounts:
            account = self._accounts.get(account_id)
            if account is None:
                continue
            account.used = _plus(account.used, spend.costs, used)
            account.held = _plus(account.held, spend.costs, held)
            if begun:
                nothing = [0.0] * len(spend.costs)
                account.by[spend.whose] = _plus(account.by.get(spend.whose, nothing), spend.costs, 1)
            else:
                account.history.append((at, account.share_left))

    def _write_off(self, account: Account, at: datetime) -> None:
        account.used, account.held = [math.inf] * len(account.used), [0.0] * len(account.used)
        account.history.append((at, account.share_left))


def _plus(costs: list[float], more: list[float], times: int) -> list[float]:
    return [max(0.0, cost + times * extra) for cost, extra in zip(costs, more, strict=True)]


def _begin_window(account: Account, at: datetime) -> None:
    """What is held stays; what was begun in the window before is over."""
    account.used, account.by = list(account.held), {}
    account.history.append((at, account.share_left))


def _opened(body: dict[str, Any], at: datetime) -> Account:
    terms = Terms(
        tuple(order / ORDER_UNITS for order in body["orders"]),
        tuple(offset / EPSILON_UNITS for offset in body["offsets"]),
    )
    account = Account(
        id=body["account"],
        kind=body["kind"],
        cap=body["cap"] / EPSILON_UNITS,
        terms=terms,
        used=[0.0] * len(terms.orders),
        held=[0.0] * len(terms.orders),
        grant=body.get("grant"),
        under=body.get("under"),
    )
    account.history.append((at, account.share_left))
    return account
