"""The book: reserve, begin, commit, free. The only place that moves budget.

    (none) --reserve--> held --begin--> begun --commit--> committed     a release was stored
                         |                 |----settle--> settled       nothing left the node; the spend stands
                         '----free----> freed                           nothing was read, nothing is spent

Each step locks the rows it changes, so two processes cannot spend the same budget. A step out of order raises.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.ids import PREFIX_ACCOUNT, PREFIX_SPEND, new_id
from jali.wire.money import digest
from jali_node.ledger import accountant, chain, refusal
from jali_node.ledger.account import Account
from jali_node.ledger.accountant import Charge
from jali_node.ledger.event import Event
from jali_node.ledger.terms import Terms
from jali_node.ledger.window import Window
from jali_node.store import freezes
from jali_node.tables import AccountRow, SpendRow, VersionRow

HELD, BEGUN, COMMITTED, SETTLED, FREED = "held", "begun", "committed", "settled", "freed"
IMPORTED = "entries.imported"
WRITTEN_OFF = "caps.written_off"
REFRESHED, WINDOWED = "account.refreshed", "account.windowed"
POPULATION, QUOTA = refusal.POPULATION, refusal.QUOTA
Fitting = Callable[[Account], int]


class IllegalStep(Exception):
    """A spend was asked to move in an order that the book does not know, or someone else has moved it already."""


@dataclass(frozen=True)
class Purchase:
    """What is about to be spent: the event, who pays, and for which question."""

    event: Event
    population_account: str
    quota_account: str | None
    person_id: str
    project_id: str
    grant_id: str | None
    version_id: str
    question: str
    job_id: str | None = None

    @property
    def accounts(self) -> list[str]:
        """Who pays: the quota, where there is one, then the population.

        The quota speaks first: where it is used up, nobody needs to learn how the population's account stands.
        """
        return [*([self.quota_account] if self.quota_account else []), self.population_account]


def open_account(
    session: Session, kind: str, cap: int, terms: Terms, about: dict[str, Any], window_days: int | None = None
) -> AccountRow:
    """Open a population's account or a grant's quota and record its terms, and how often it refreshes, if ever."""
    now = datetime.now(UTC)
    opened = Account.opened(cap, terms, Window(window_days, now) if window_days else None)
    row = AccountRow(
        id=new_id(PREFIX_ACCOUNT),
        kind=kind,
        cap=cap,
        terms=json.dumps(asdict(terms)),
        spent=json.dumps(opened.spent),
        held=json.dumps(opened.held),
        spent_delta=0,
        held_delta=0,
        created_at=now,
    )
    write(row, opened)
    session.add(row)
    session.flush()
    window = {"window": opened.window.record()} if opened.window else {}
    body = {"account": row.id, "kind": kind, "cap": cap, **asdict(terms), **window, **about}
    chain.append(session, "account.opened", body)
    return row


def raise_cap(session: Session, account_id: str, cap: int) -> AccountRow:
    """Give an account more room; what is spent and held stays. A cap is never lowered this way.

    Raises:
        IllegalStep: the cap would not be higher.
    """
    row = _locked(session, [account_id])[account_id]
    if cap <= row.cap:
        raise IllegalStep(f"account {account_id}: expected a cap above {row.cap}, got {cap}")
    before, row.cap = row.cap, cap
    chain.append(session, "account.raised", {"account": row.id, "before": before, "cap": cap})
    return row


def set_window(session: Session, account_id: str, days: int | None) -> AccountRow:
    """Let an account's cap be for windows of so many days from now on, or for none any more; what is spent stays."""
    row, now = _locked(session, [account_id])[account_id], datetime.now(UTC)
    values = account(row)
    window = (values.window or Window(days, now)).chosen(days, now)
    write(row, replace(values, window=window))
    chain.append(session, WINDOWED, {"account": row.id, "window": window.record()})
    return row


def present(row: AccountRow) -> Account:
    """Return an account's values as they are now, for whoever reads: a window may have ended that no spend has seen."""
    return account(row).at(datetime.now(UTC))


def account(row: AccountRow) -> Account:
    """Return an account's values as they are stored."""
    return Account(
        cap=row.cap,
        terms=terms(row),
        spent=tuple(json.loads(row.spent)),
        held=tuple(json.loads(row.held)),
        spent_delta=row.spent_delta,
        held_delta=row.held_delta,
        window=_window(row),
    )


def _window(row: AccountRow) -> Window | None:
    if row.window_since is None or row.window_number is None:
        return None
    return Window(row.window_days, row.window_since, row.window_number)


def terms(row: AccountRow) -> Terms:
    """Return the terms an account was opened with."""
    return _terms(row.terms)


@lru_cache(maxsize=1024)
def _terms(text: str) -> Terms:
    stored = json.loads(text)
    return Terms(tuple(stored["orders"]), tuple(stored["offsets"]), stored["delta"], stored["pool"])


def reserve(session: Session, purchase: Purchase) -> SpendRow:
    """Set the event's cost aside in the population's account, and in the quota.

    Raises:
        BudgetExhausted: it does not fit; nothing is written.
        Frozen, GrantRequired: the node, an account, the dataset or the grant is stopped.
    """
    rows = _locked(session, purchase.accounts)
    cost = accountant.charge(purchase.event, terms(rows[purchase.population_account]))
    price = accountant.price(cost, terms(rows[purchase.population_account]))
    _refuse_unless_it_fits(rows, purchase.accounts, cost, price)
    spend = _hold(session, purchase, rows, cost, price)
    _refuse_if_frozen(session, spend)
    return spend


def refuse_unless_it_fits(session: Session, account_id: str, cost: Charge, fitting: Fitting) -> None:
    """Refuse what several spends come to, with their whole price, before the first of them is reserved.

    Args:
        fitting: says at which price (1e-12) the same would fit an account at most.

    Raises:
        BudgetExhausted: they do not all fit.
    """
    rows = _locked(session, [account_id])
    _refuse_unless_it_fits(rows, [account_id], cost, accountant.price(cost, terms(rows[account_id])), fitting)


def charge_quota(session: Session, purchase: Purchase) -> SpendRow:
    """Begin a spend of a quota alone, for an answer that another project has paid the population for.

    Raises:
        BudgetExhausted: it does not fit; nothing is written.
    """
    if purchase.quota_account is None:
        raise ValueError("expected a purchase with a quota")
    rows = _locked(session, [purchase.quota_account])
    cost = accountant.charge(purchase.event, terms(rows[purchase.quota_account]))
    price = accountant.price(cost, terms(rows[purchase.quota_account]))
    _refuse_unless_it_fits(rows, [purchase.quota_account], cost, price)
    spend = _hold(session, purchase, rows, cost, price)
    return begin(session, spend.id)


def begin(session: Session, spend_id: str) -> SpendRow:
    """Spend what is held. Only after this is durable may rows be read and noise be drawn.

    Raises:
        Frozen, GrantRequired: the node, an account, the dataset or the grant was stopped meanwhile; nothing is written.
    """
    spend = _moved(session, spend_id, HELD, BEGUN)
    cost = _cost(spend)
    for row in _locked(session, json.loads(spend.accounts)).values():
        write(row, account(row).with_begun(cost))
    chain.append(session, "spend.begun", {"spend": spend.id})
    _refuse_if_frozen(session, spend)
    session.info["begun"] = True  # the checkpoint beside the database has to know of it before a row is read
    return spend


def commit(session: Session, spend_id: str, release: dict[str, Any]) -> SpendRow:
    """Record that a release was stored; its digest goes into the chain.

    Raises:
        IllegalStep: the spend was settled meanwhile, so this draw must never leave.
    """
    spend = _moved(session, spend_id, BEGUN, COMMITTED)
    chain.append(session, "spend.committed", {"spend": spend.id, **release})
    return spend


def settle(session: Session, spend_id: str) -> SpendRow:
    """Close a spend whose answer was lost with its process: it stands, and no draw of it may leave any more."""
    spend = _moved(session, spend_id, BEGUN, SETTLED)
    chain.append(session, "spend.settled", {"spend": spend.id})
    return spend


def free(session: Session, spend_id: str) -> SpendRow:
    """Give back what is held; only before anything was begun."""
    spend = _moved(session, spend_id, HELD, FREED)
    cost = _cost(spend)
    for row in _locked(session, json.loads(spend.accounts)).values():
        write(row, account(row).with_freed(cost))
    chain.append(session, "spend.freed", {"spend": spend.id})
    return spend


def free_without_row(session: Session, spend_id: str, paying: list[str], cost: Charge) -> None:
    """Give back what a spend holds that only the chain knows: its row was lost with a database."""
    for row in _locked(session, paying).values():
        write(row, account(row).with_freed(cost))
    chain.append(session, "spend.freed", {"spend": spend_id})


def write_off(session: Session, facts: dict[str, Any]) -> list[str]:
    """Count every population's cap as spent, for good, and return the accounts. Nothing may be held or on its way."""
    query = select(AccountRow).where(AccountRow.kind == POPULATION).order_by(AccountRow.id).with_for_update()
    rows = session.scalars(query.execution_options(populate_existing=True)).all()
    for row in rows:
        write(row, account(row).written_off())
    accounts = [row.id for row in rows]
    chain.append(session, WRITTEN_OFF, {"accounts": accounts, **facts})
    return accounts


def _hold(session: Session, purchase: Purchase, rows: dict[str, AccountRow], cost: Charge, price: int) -> SpendRow:
    for row in rows.values():
        write(row, account(row).with_held(cost))
    spend = SpendRow(
        id=new_id(PREFIX_SPEND),
        accounts=json.dumps(sorted(rows)),
        event=json.dumps(purchase.event.record()),
        cost=json.dumps([list(cost.rdp), cost.delta]),
        price=price,
        state=HELD,
        person_id=purchase.person_id,
        project_id=purchase.project_id,
        grant_id=purchase.grant_id,
        job_id=purchase.job_id,
        version_id=purchase.version_id,
        question=purchase.question,
        created_at=datetime.now(UTC),
    )
    session.add(spend)
    session.flush()
    chain.append(session, "spend.held", _facts(spend, purchase, cost))
    return spend


def _refuse_if_frozen(session: Session, spend: SpendRow) -> None:
    """Refuse what was stopped. Asked under the chain's lock, so that nothing begins after a freeze was recorded."""
    dataset = select(VersionRow.dataset_id).where(VersionRow.id == spend.version_id)
    grant = [spend.grant_id] if spend.grant_id else []
    freezes.refuse_if_any(session, [*json.loads(spend.accounts), *grant], session.scalar(dataset) or "")


def _facts(spend: SpendRow, purchase: Purchase, cost: Charge) -> dict[str, Any]:
    return {
        "spend": spend.id,
        "accounts": json.loads(spend.accounts),
        "event": purchase.event.record(),
        "rdp": list(cost.rdp),
        "delta": cost.delta,
        "price": spend.price,
        "person": spend.person_id,
        "project": spend.project_id,
        "grant": spend.grant_id,
        "job": spend.job_id,
        "version": spend.version_id,
        "question": spend.question,
    }


def _locked(session: Session, ids: list[str]) -> dict[str, AccountRow]:
    """Lock accounts in one order for everyone, so that no two wait for each other. Windows that are due begin."""
    query = select(AccountRow).where(AccountRow.id.in_(ids)).order_by(AccountRow.id).with_for_update()
    rows = session.scalars(query.execution_options(populate_existing=True)).all()
    for row in rows:
        if row.window_days is not None:
            _refresh_if_due(session, row)
    return {row.id: row for row in rows}


def _refresh_if_due(session: Session, row: AccountRow) -> None:
    """Begin an account's next window, if it is time. A clock that is behind the chain's newest entry begins none."""
    values = account(row)
    if values.at(datetime.now(UTC)) is values:
        return
    newest, now = chain.newest_at(session), datetime.now(UTC)  # in this order: the chain may have had to be waited for
    if now < newest or (after := values.at(now)).window is None:
        return
    write(row, after)
    chain.append(session, REFRESHED, {"account": row.id, "window": after.window.record()})


def _refuse_unless_it_fits(
    rows: dict[str, AccountRow], order: list[str], cost: Charge, price: int, fitting: Fitting | None = None
) -> None:
    for account_id in order:
        row = rows[account_id]
        if not (values := account(row)).fits(cost):
            dearest = None if fitting is None else fitting(values)
            raise refusal.exhausted(row.id, row.kind, values, cost, price, dearest)


def _moved(session: Session, spend_id: str, before: str, after: str) -> SpendRow:
    query = select(SpendRow).where(SpendRow.id == spend_id).with_for_update()
    spend = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if spend is None or spend.state != before:
        found = "no such spend" if spend is None else spend.state
        raise IllegalStep(f"spend {spend_id}: expected {before}, found {found}")
    spend.state = after
    return spend


def _cost(spend: SpendRow) -> Charge:
    rdp, delta = json.loads(spend.cost)
    return Charge(tuple(rdp), delta)


def write(row: AccountRow, values: Account) -> None:
    """Store an account's values. Whoever calls it holds the row's lock, and appends the entry that says why."""
    row.spent, row.held = json.dumps(values.spent), json.dumps(values.held)
    row.spent_delta, row.held_delta = values.spent_delta, values.held_delta
    if (window := values.window) is not None:
        row.window_days, row.window_since, row.window_number = window.days, window.since, window.number


def release_digest(measurements: str) -> str:
    """Return the digest that the chain keeps of a release's measurements (their JSON text)."""
    return digest(json.loads(measurements))
