"""The book: reserve, begin, commit, free. The only place that moves budget.

    (none) --reserve--> held --begin--> begun --commit--> committed     a release was stored
                         |                 |----settle--> settled       nothing left the node; the spend stands
                         '----free----> freed                           nothing was read, nothing is spent

Each step locks the rows it changes, so two processes cannot spend the same budget. A step out of order raises.
A question reserves and begins in one transaction: `spend`. Statements are compiled once; rows that a session had loaded
before are read anew.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from jali.wire.ids import PREFIX_ACCOUNT, PREFIX_SPEND, new_id
from jali.wire.money import digest
from jali_node.ledger import accountant, chain, refusal
from jali_node.ledger.account import Account
from jali_node.ledger.accountant import Charge
from jali_node.ledger.event import Event
from jali_node.ledger.terms import Terms
from jali_node.ledger.window import Window
from jali_node.store import freezes
from jali_node.store.ready import Ready
from jali_node.tables import AccountRow, Base, SpendRow

HELD, BEGUN, COMMITTED, SETTLED, FREED = "held", "begun", "committed", "settled", "freed"
IMPORTED = "entries.imported"
WRITTEN_OFF = "caps.written_off"
REFRESHED, WINDOWED = "account.refreshed", "account.windowed"
POPULATION, QUOTA = refusal.POPULATION, refusal.QUOTA
Fitting = Callable[[Account], int]
_ACCOUNT, _SPEND = Base.metadata.tables["account"], Base.metadata.tables["spend"]
_WRITTEN = ("cap", "spent", "held", "spent_delta", "held_delta", "window_days", "window_since", "window_number")
_LOCK_TWO = Ready(
    select(*(_ACCOUNT.c[name] for name in ("id", "kind", "terms", *_WRITTEN)))
    .where(_ACCOUNT.c.id.in_((bindparam("first"), bindparam("second"))))
    .order_by(_ACCOUNT.c.id)
    .with_for_update()
)
_WRITE = Ready(
    update(_ACCOUNT).where(_ACCOUNT.c.id == bindparam("account")).values({name: bindparam(name) for name in _WRITTEN})
)
_SPENT = Ready(insert(_SPEND))
_MOVE = Ready(
    update(_SPEND)
    .where(_SPEND.c.id == bindparam("spend"), _SPEND.c.state == bindparam("before"))
    .values(state=bindparam("after"))
    .returning(_SPEND.c.accounts, _SPEND.c.cost, _SPEND.c.grant_id, _SPEND.c.version_id)
)


class IllegalStep(Exception):
    """A spend was asked to move in an order that the book does not know, or someone else has moved it already."""


@dataclass(frozen=True)
class Spend:
    """A spend that is held or begun: what a later step needs of it."""

    id: str


@dataclass(frozen=True)
class _Locked:
    """An account whose row this transaction has locked."""

    id: str
    kind: str
    values: Account


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
    session.add(row)
    session.flush()
    write(session, {row.id: opened})
    window = {"window": opened.window.record()} if opened.window else {}
    body = {"account": row.id, "kind": kind, "cap": cap, **asdict(terms), **window, **about}
    chain.append(session, "account.opened", body)
    return row


def raise_cap(session: Session, account_id: str, cap: int) -> AccountRow:
    """Give an account more room; what is spent and held stays. A cap is never lowered this way.

    Raises:
        IllegalStep: the cap would not be higher.
    """
    values = _locked(session, [account_id])[account_id].values
    if cap <= values.cap:
        raise IllegalStep(f"account {account_id}: expected a cap above {values.cap}, got {cap}")
    write(session, {account_id: replace(values, cap=cap)})
    chain.append(session, "account.raised", {"account": account_id, "before": values.cap, "cap": cap})
    return session.get_one(AccountRow, account_id)


def set_window(session: Session, account_id: str, days: int | None) -> AccountRow:
    """Let an account's cap be for windows of so many days from now on, or for none any more; what is spent stays."""
    values, now = _locked(session, [account_id])[account_id].values, datetime.now(UTC)
    window = (values.window or Window(days, now)).chosen(days, now)
    write(session, {account_id: replace(values, window=window)})
    chain.append(session, WINDOWED, {"account": account_id, "window": window.record()})
    return session.get_one(AccountRow, account_id)


def present(row: AccountRow) -> Account:
    """Return an account's values as they are now, for whoever reads: a window may have ended that no spend has seen."""
    return account(row).at(datetime.now(UTC))


def account(row: AccountRow | Any) -> Account:
    """Return an account's values as they are stored."""
    return Account(
        cap=row.cap,
        terms=terms(row),
        spent=_amounts(row.spent),
        held=_amounts(row.held),
        spent_delta=row.spent_delta,
        held_delta=row.held_delta,
        window=_window(row),
    )


def _window(row: AccountRow | Any) -> Window | None:
    if row.window_since is None or row.window_number is None:
        return None
    return Window(row.window_days, row.window_since, row.window_number)


def terms(row: AccountRow | Any) -> Terms:
    """Return the terms an account was opened with."""
    return _terms(row.terms)


@lru_cache(maxsize=1024)
def _amounts(text: str) -> tuple[int, ...]:
    return tuple(json.loads(text))


@lru_cache(maxsize=1024)
def _text(amounts: tuple[int, ...]) -> str:
    return json.dumps(amounts)


@lru_cache(maxsize=1024)
def _terms(text: str) -> Terms:
    stored = json.loads(text)
    return Terms(tuple(stored["orders"]), tuple(stored["offsets"]), stored["delta"], stored["pool"])


def reserve(session: Session, purchase: Purchase) -> Spend:
    """Set the event's cost aside in the population's account, and in the quota.

    Raises:
        BudgetExhausted: it does not fit; nothing is written.
        Frozen, GrantRequired: the node, an account, the dataset or the grant is stopped.
    """
    return _taken(session, purchase, purchase.accounts, begun=False)


def refuse_unless_it_fits(session: Session, account_id: str, cost: Charge, fitting: Fitting) -> None:
    """Refuse what several spends come to, with their whole price, before the first of them is reserved.

    Args:
        fitting: says at which price (1e-12) the same would fit an account at most.

    Raises:
        BudgetExhausted: they do not all fit.
    """
    rows = _locked(session, [account_id])
    _refuse_unless_it_fits(rows, [account_id], cost, accountant.price(cost, rows[account_id].values.terms), fitting)


def spend(session: Session, purchase: Purchase) -> Spend:
    """Reserve and begin at once: spend what an event costs. Only after this is durable may rows be read.

    Raises:
        BudgetExhausted, Frozen, GrantRequired: as `reserve` does; nothing is written.
    """
    return _taken(session, purchase, purchase.accounts, begun=True)


def spend_of_quota(session: Session, purchase: Purchase) -> Spend:
    """Spend from a quota alone, for an answer that another project has paid the population for.

    Raises:
        BudgetExhausted: it does not fit; nothing is written.
    """
    if purchase.quota_account is None:
        raise ValueError("expected a purchase with a quota")
    return _taken(session, purchase, [purchase.quota_account], begun=True)


def begin(session: Session, spend_id: str) -> None:
    """Spend what is held. Only after this is durable may rows be read and noise be drawn.

    Raises:
        Frozen, GrantRequired: the node, an account, the dataset or the grant was stopped meanwhile; nothing is written.
    """
    moved = _moved(session, spend_id, HELD, BEGUN)
    paying, cost = json.loads(moved.accounts), _cost(moved.cost)
    write(session, {key: payer.values.with_begun(cost) for key, payer in _locked(session, paying).items()})
    chain.append(session, "spend.begun", {"spend": spend_id})
    _refuse_if_frozen(session, paying, moved.grant_id, moved.version_id)
    _must_be_known_outside(session)


def commit(session: Session, spend_id: str, release: dict[str, Any]) -> None:
    """Record that a release was stored; its digest goes into the chain.

    Raises:
        IllegalStep: the spend was settled meanwhile, so this draw must never leave.
    """
    _moved(session, spend_id, BEGUN, COMMITTED)
    chain.append(session, "spend.committed", {"spend": spend_id, **release})


def settle(session: Session, spend_id: str) -> None:
    """Close a spend whose answer was lost with its process: it stands, and no draw of it may leave any more."""
    _moved(session, spend_id, BEGUN, SETTLED)
    chain.append(session, "spend.settled", {"spend": spend_id})


def free(session: Session, spend_id: str) -> None:
    """Give back what is held; only before anything was begun."""
    moved = _moved(session, spend_id, HELD, FREED)
    free_without_row(session, spend_id, json.loads(moved.accounts), _cost(moved.cost))


def free_without_row(session: Session, spend_id: str, paying: list[str], cost: Charge) -> None:
    """Give back what a spend holds that only the chain knows: its row was lost with a database."""
    write(session, {key: payer.values.with_freed(cost) for key, payer in _locked(session, paying).items()})
    chain.append(session, "spend.freed", {"spend": spend_id})


def write_off(session: Session, facts: dict[str, Any]) -> list[str]:
    """Count every population's cap as spent, for good, and return the accounts. Nothing may be held or on its way."""
    populations = session.scalars(select(AccountRow.id).where(AccountRow.kind == POPULATION)).all()
    rows = _locked(session, populations)
    write(session, {key: payer.values.written_off() for key, payer in rows.items()})
    chain.append(session, WRITTEN_OFF, {"accounts": list(rows), **facts})
    return list(rows)


def _taken(session: Session, purchase: Purchase, paying: list[str], *, begun: bool) -> Spend:
    """Hold a purchase's cost, or spend it at once."""
    rows = _locked(session, paying)
    promised = rows[paying[-1]].values.terms
    cost = accountant.charge(purchase.event, promised)
    price = accountant.price(cost, promised)
    _refuse_unless_it_fits(rows, paying, cost, price)
    taken = Account.with_spent if begun else Account.with_held
    write(session, {key: taken(payer.values, cost) for key, payer in rows.items()})
    spend_id = new_id(PREFIX_SPEND)
    stored = {
        "id": spend_id,
        "accounts": json.dumps(list(rows)),
        "event": json.dumps(purchase.event.record()),
        "cost": json.dumps([list(cost.rdp), cost.delta]),
        "price": price,
        "state": BEGUN if begun else HELD,
        "person_id": purchase.person_id,
        "project_id": purchase.project_id,
        "grant_id": purchase.grant_id,
        "job_id": purchase.job_id,
        "version_id": purchase.version_id,
        "question": purchase.question,
        "created_at": datetime.now(UTC),
    }
    _SPENT.run(session, stored)
    records = [("spend.held", _facts(spend_id, list(rows), purchase, cost, price))]
    if begun:
        records.append(("spend.begun", {"spend": spend_id}))
        _must_be_known_outside(session)
    chain.append_all(session, records)
    _refuse_if_frozen(session, list(rows), purchase.grant_id, purchase.version_id)
    return Spend(spend_id)


def _must_be_known_outside(session: Session) -> None:
    """Have the checkpoint beside the database written durably before a row is read."""
    session.info["begun"] = True


def _refuse_if_frozen(session: Session, paying: list[str], grant_id: str | None, version_id: str) -> None:
    """Refuse what was stopped. Asked under the chain's lock, so that nothing begins after a freeze was recorded."""
    freezes.refuse_if_any(session, [*paying, *([grant_id] if grant_id else [])], version_id)


def _facts(spend_id: str, paying: list[str], purchase: Purchase, cost: Charge, price: int) -> dict[str, Any]:
    return {
        "spend": spend_id,
        "accounts": paying,
        "event": purchase.event.record(),
        "rdp": list(cost.rdp),
        "delta": cost.delta,
        "price": price,
        "person": purchase.person_id,
        "project": purchase.project_id,
        "grant": purchase.grant_id,
        "job": purchase.job_id,
        "version": purchase.version_id,
        "question": purchase.question,
    }


def _locked(session: Session, ids: Iterable[str]) -> dict[str, _Locked]:
    """Lock accounts in one order for everyone, so that no two wait for each other. Windows that are due begin."""
    session.flush()
    wanted = sorted(set(ids))
    pairs = [(wanted[at], wanted[min(at + 1, len(wanted) - 1)]) for at in range(0, len(wanted), 2)]
    rows = [row for first, second in pairs for row in _LOCK_TWO.rows(session, {"first": first, "second": second})]
    return {row.id: _Locked(row.id, row.kind, _refreshed_if_due(session, row)) for row in rows}


def _refreshed_if_due(session: Session, row: Any) -> Account:
    """Begin an account's next window, if it is time. A clock that is behind the chain's newest entry begins none."""
    values = account(row)
    if values.window is None or values.at(datetime.now(UTC)) is values:
        return values
    newest, now = chain.newest_at(session), datetime.now(UTC)  # in this order: the chain may have had to be waited for
    if now < newest or (after := values.at(now)).window is None:
        return values
    write(session, {row.id: after})
    chain.append(session, REFRESHED, {"account": row.id, "window": after.window.record()})
    return after


def _refuse_unless_it_fits(
    rows: Mapping[str, _Locked], order: list[str], cost: Charge, price: int, fitting: Fitting | None = None
) -> None:
    for account_id in order:
        payer = rows[account_id]
        if not payer.values.fits(cost):
            dearest = None if fitting is None else fitting(payer.values)
            raise refusal.exhausted(payer.id, payer.kind, payer.values, cost, price, dearest)


def _moved(session: Session, spend_id: str, before: str, after: str) -> Any:
    session.flush()
    step = {"spend": spend_id, "before": before, "after": after}
    moved = _MOVE.row(session, step)
    if moved is None:
        found = session.execute(select(_SPEND.c.state).where(_SPEND.c.id == spend_id)).scalar_one_or_none()
        raise IllegalStep(f"spend {spend_id}: expected {before}, found {found or 'no such spend'}")
    _read_anew(session, SpendRow, [spend_id])
    return moved


def _cost(text: str) -> Charge:
    rdp, delta = json.loads(text)
    return Charge(tuple(rdp), delta)


def write(session: Session, accounts: Mapping[str, Account]) -> None:
    """Store accounts' values. Whoever calls it holds the rows' locks, and appends the entry that says why."""
    values = [
        {
            "account": key,
            "cap": each.cap,
            "spent": _text(each.spent),
            "held": _text(each.held),
            "spent_delta": each.spent_delta,
            "held_delta": each.held_delta,
            "window_days": each.window and each.window.days,
            "window_since": each.window and each.window.since,
            "window_number": each.window and each.window.number,
        }
        for key, each in accounts.items()
    ]
    if values:
        _WRITE.run(session, *values)
    _read_anew(session, AccountRow, accounts)


def _read_anew(session: Session, table: type[Base], keys: Iterable[str]) -> None:
    """Have what the session had loaded of these rows read again when it is looked at."""
    for key in keys if session.identity_map else ():
        if loaded := session.identity_map.get(identity_key(table, key)):
            session.expire(loaded)


def release_digest(measurements: str) -> str:
    """Return the digest that the chain keeps of a release's measurements (their JSON text)."""
    return digest(json.loads(measurements))
