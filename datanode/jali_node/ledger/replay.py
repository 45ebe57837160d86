"""Every account, worked out anew from the chain alone, and held against what the books say.

The chain shows that records are unaltered; this shows that balances are what the records add up to.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali_node.ledger import book
from jali_node.ledger.account import Account
from jali_node.ledger.accountant import Charge
from jali_node.ledger.terms import Terms
from jali_node.ledger.window import Window
from jali_node.tables import AccountRow, EntryRow

KINDS = (
    "account.opened",
    "account.raised",
    book.REFRESHED,
    book.WINDOWED,
    "spend.held",
    "spend.begun",
    "spend.freed",
    book.WRITTEN_OFF,
)


def balances(session: Session) -> dict[str, Account]:
    """Return every account as the chain's entries make it."""
    accounts: dict[str, Account] = {}
    spends: dict[str, tuple[list[str], Charge]] = {}
    query = select(EntryRow.kind, EntryRow.body).where(EntryRow.kind.in_(KINDS)).order_by(EntryRow.seq)
    for kind, text in session.execute(query.execution_options(yield_per=1000)):
        body: dict[str, Any] = json.loads(text)
        if kind == "account.opened":
            terms = Terms(tuple(body["orders"]), tuple(body["offsets"]), body["delta"], body["pool"])
            accounts[body["account"]] = Account.opened(body["cap"], terms, Window.read(body.get("window")))
            continue
        if window := kind in (book.REFRESHED, book.WINDOWED) and Window.read(body["window"]):
            held = accounts[body["account"]]
            accounts[body["account"]] = (
                held.refreshed(window) if kind == book.REFRESHED else replace(held, window=window)
            )
            continue
        if kind == "account.raised":
            accounts[body["account"]] = replace(accounts[body["account"]], cap=body["cap"])
            continue
        if kind == book.WRITTEN_OFF:
            accounts |= {account_id: accounts[account_id].written_off() for account_id in body["accounts"]}
            continue
        if kind == "spend.held":
            spends[body["spend"]] = body["accounts"], Charge(tuple(body["rdp"]), body["delta"])
        paying, cost = spends[body["spend"]]
        for account_id in paying:
            accounts[account_id] = _moved(accounts[account_id], kind, cost)
    return accounts


@dataclass(frozen=True)
class Charged:
    """The events that an account was charged for, in order; `window` are those of the newest of so many `windows`."""

    events: tuple[dict[str, Any], ...]
    window: tuple[dict[str, Any], ...]
    windows: int


def charged(session: Session, account_id: str) -> Charged:
    """Return the events that an account was charged for, as the chain keeps them."""
    held: dict[str, dict[str, Any]] = {}
    events: list[dict[str, Any]] = []
    since, windows = 0, 1
    query = select(EntryRow.kind, EntryRow.body).where(EntryRow.kind.in_(("spend.held", "spend.begun", book.REFRESHED)))
    for kind, text in session.execute(query.order_by(EntryRow.seq).execution_options(yield_per=1000)):
        body: dict[str, Any] = json.loads(text)
        if kind == "spend.held" and account_id in body["accounts"]:
            held[body["spend"]] = body["event"]
        elif kind == "spend.begun" and body["spend"] in held:
            events.append(held.pop(body["spend"]))
        elif kind == book.REFRESHED and body["account"] == account_id:
            since, windows = len(events), body["window"]["number"]
    return Charged(tuple(events), tuple(events[since:]), windows)


def first_difference(session: Session) -> str:
    """Return the first account (by id) whose stored balance is not what the chain adds up to, or nothing."""
    told = balances(session)
    for row in session.scalars(select(AccountRow).order_by(AccountRow.id)):
        if told.pop(row.id, None) != book.account(row):
            return row.id
    return min(told, default="")


def _moved(account: Account, kind: str, cost: Charge) -> Account:
    if kind == "spend.held":
        return account.with_held(cost)
    return account.with_begun(cost) if kind == "spend.begun" else account.with_freed(cost)
