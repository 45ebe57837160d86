"""The ledger's page: accounts, entries, and what a verification found."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from jali.owner import Verification
from jali.wire.budget import PopulationBudget
from jali.wire.ledger import LedgerEntry
from jali.wire.money import EPSILON_UNITS
from jali_portal import wording, words
from jali_portal.viewmodels.accounts import Account

PAGE = 20
HASH_SHOWN = 12


@dataclass(frozen=True)
class Line:
    """One entry in words. Ids are pseudonyms; the ledger holds no names."""

    seq: int
    at: str
    what: str
    price: str
    about: str
    hash: str


@dataclass(frozen=True)
class Verdict:
    """What a verification found, in words."""

    valid: bool
    title: str
    explanation: str
    entries: int
    head: str


def last_page(entries: int) -> int:
    """Return the number of the oldest page; the newest is 0."""
    return max(0, (entries - 1) // PAGE)


def window(entries: int, page: int) -> tuple[int, int]:
    """Return the position behind which a page begins, and how many entries it has.

    >>> window(45, 0), window(45, 2)
    ((25, 20), (0, 5))
    """
    end = max(0, entries - page * PAGE)
    return max(0, end - PAGE), min(PAGE, end)


def lines(entries: Iterable[LedgerEntry], now: datetime, zone: tzinfo) -> tuple[Line, ...]:
    """Return entries in words, the newest first."""
    return tuple(_line(entry, now, zone) for entry in sorted(entries, key=lambda entry: -entry.seq))


def _line(entry: LedgerEntry, now: datetime, zone: tzinfo) -> Line:
    price = entry.body.get("price")
    return Line(
        seq=entry.seq,
        at=words.moment(entry.at, now, zone),
        what=wording.entry(entry.kind),
        price=words.epsilon(price / EPSILON_UNITS) if isinstance(price, int) else "",
        about=_about(entry.body),
        hash=entry.hash[:HASH_SHOWN],
    )


def _about(body: dict[str, Any]) -> str:
    """Return the pseudonyms that an entry names, shortened."""
    named = [(key, body.get(key)) for key in ("outcome", "request", "job", "grant", "dataset", "person", "project")]
    known = [(key, value) for key, value in named if isinstance(value, str) and value]
    return ", ".join(value if key == "outcome" else f"{key} …{value[-6:]}" for key, value in known[:3])


@dataclass(frozen=True)
class AccountCard:
    """A population's account. `burn_down` is the share of the budget that was left, over time."""

    name: str
    about: str
    share_left: float
    figures: tuple[tuple[str, str], ...]
    burn_down: tuple[tuple[datetime, float], ...]


def account_card(population: PopulationBudget, account: Account | None, now: datetime) -> AccountCard:
    """Return a population's account in words."""
    budget = population.budget
    share = account.share_left if account is not None else budget.left / budget.cap
    return AccountCard(
        name=population.name,
        about=wording.promise(
            population.units, population.unit, budget.cap, budget.delta, budget.window, budget.promise_ended
        ),
        share_left=share,
        figures=(
            ("Left", words.share(share)),
            ("Dearest question", words.epsilon(budget.left)),
            ("All answers so far", words.epsilon(budget.spent)),
            *((("Set aside", words.epsilon(budget.held)),) if budget.held > 0 else ()),
            ("Cap", words.epsilon(budget.cap)),
        ),
        burn_down=(*account.history, (now, share)) if account is not None else (),
    )


def verdict(found: Verification) -> Verdict:
    """Return a verification in words."""
    if found.valid:
        title = f"The chain holds: {found.here.entries:,} entries follow from each other"
        return Verdict(True, title, wording.CHAIN_HOLDS, found.here.entries, found.here.head)
    return Verdict(False, "The chain does not hold", str(found), found.here.entries, found.here.head)


def checkpoint(position: float | None, digest: str) -> tuple[dict[int, str], str]:
    """Return a head that was noted earlier as checkpoints, or what is wrong with it."""
    text = digest.strip().lower()
    if position is None and not text:
        return {}, ""
    if position is None or not text:
        return {}, "a noted head needs both its entry and its hash"
    if len(text) != 64 or set(text) - set("0123456789abcdef"):
        return {}, "a hash has 64 hexadecimal digits"
    return {int(position): text}, ""
