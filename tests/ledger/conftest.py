"""A bench: a database with everything a spend refers to, where accounts of any size can be opened and spent from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, select, text, update
from sqlalchemy.orm import Session

from jali.wire.money import EPSILON_UNITS, to_fixed
from jali.wire.person import Role
from jali_node import audit
from jali_node.actions.operations.migrate import migrate
from jali_node.ledger import accountant, book, chain
from jali_node.ledger.account import Account
from jali_node.ledger.event import Gaussian
from jali_node.ledger.terms import terms_for
from jali_node.store.database import Database
from jali_node.tables import (
    AccessRequestRow,
    AccountRow,
    Base,
    DatasetRow,
    GrantRow,
    PersonRow,
    PopulationRow,
    ProjectRow,
    SpendRow,
    VersionRow,
)

DELTA = 10**12


@dataclass
class Bench:
    """Opens accounts, spends from them, and shows all that is written."""

    url: str
    database: Database
    ids: dict[str, str] = field(default_factory=dict)

    def purchase(self, noise_multiplier: float = 10.0, population: float = 1.0, quota: float = 1.0) -> book.Purchase:
        """Return a purchase of one Gaussian release from two accounts opened for it."""
        caps = to_fixed(population), to_fixed(quota)
        terms = terms_for(caps[0], DELTA, DELTA // 10)
        with self.database.writing() as session:
            whole = book.open_account(session, book.POPULATION, caps[0], terms, {})
            own = book.open_account(session, book.QUOTA, caps[1], terms, {"under": whole.id})
        return book.Purchase(Gaussian(noise_multiplier), whole.id, own.id, question="0" * 64, **self.ids)

    def purchase_for(self, releases: int, noise_multiplier: float = 10.0) -> book.Purchase:
        """Return a purchase whose population has room for just so many of it."""
        cap = 0.05
        while room(cap, noise_multiplier) < releases:
            cap *= 1.02
        assert room(cap, noise_multiplier) == releases
        return self.purchase(noise_multiplier, cap, 1000.0)

    def price(self, noise_multiplier: float, population: float = 3.0) -> float:
        """Return what such a release costs under the terms of a population with that cap, rounded up to be enough."""
        terms = terms_for(to_fixed(population), DELTA, DELTA // 10)
        return accountant.price(accountant.charge(Gaussian(noise_multiplier), terms), terms) / EPSILON_UNITS + 1e-9

    def account(self, account_id: str) -> Account:
        with self.database.reading() as session:
            return book.account(session.get_one(AccountRow, account_id))

    def spends(self) -> list[SpendRow]:
        with self.database.reading() as session:
            return list(session.scalars(select(SpendRow).order_by(SpendRow.created_at)))

    def reserved(self, purchase: book.Purchase) -> str:
        with self.database.writing() as session:
            return book.reserve(session, purchase).id

    def moved(self, step: Callable[..., Any], spend_id: str) -> None:
        with self.database.writing() as session:
            step(session, spend_id, {"answer": "none"}) if step is book.commit else step(session, spend_id)

    def spent(self, purchase: book.Purchase) -> str:
        spend_id = self.reserved(purchase)
        self.moved(book.begin, spend_id)
        self.moved(book.commit, spend_id)
        return spend_id

    def entries(self, count: int) -> None:
        """Write entries that concern no account."""
        with self.database.writing() as session:
            for number in range(count):
                chain.append(session, audit.NODE_CREATED, {"number": number})

    def written(self) -> dict[str, Any]:
        """Return every row of every table."""
        with self.database.reading() as session:
            return {
                table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
                for table in Base.metadata.sorted_tables
            }

    def tamper(self, statement: str, **values: Any) -> None:
        """Write behind the ledger's back, as somebody with the database's password could."""
        with self.database.writing() as session:
            session.execute(text(statement), values)

    @contextmanager
    def tampered(self, table: str, column: str, value: Any, key: str, at: Any) -> Iterator[None]:
        """Change one value behind the ledger's back for as long as the block lasts."""
        declared = Base.metadata.tables[table]
        here = declared.c[key] == at
        with self.database.reading() as session:
            before = session.execute(select(declared.c[column]).where(here)).scalar_one()
        assert before != value
        for written in (value, before):
            with self.database.writing() as session:
                session.execute(update(declared).where(here).values({column: written}))
            if written is value:
                yield

    def drop_triggers(self) -> None:
        if self.database.url.get_backend_name() == "sqlite":
            self.tamper("DROP TRIGGER entry_no_update")
            self.tamper("DROP TRIGGER entry_no_delete")
        else:
            self.tamper("DROP TRIGGER entry_append_only ON entry")


def room(cap: float, noise_multiplier: float) -> int:
    """Return how many such releases a fresh account takes one after the other, by arithmetic alone."""
    terms = terms_for(to_fixed(cap), DELTA, DELTA // 10)
    each = accountant.charge(Gaussian(noise_multiplier), terms).rdp
    return max((to_fixed(cap) - offset) // cost for offset, cost in zip(terms.offsets, each, strict=True))


@pytest.fixture
def bench(database_url: str, migrated_sqlite: bytes) -> Iterator[Bench]:
    """Return a bench on an empty database of each kind."""
    if path := make_url(database_url).database if database_url.startswith("sqlite") else None:
        Path(path).write_bytes(migrated_sqlite)
    database = Database(database_url)
    migrate(database)
    built = Bench(database_url, database)
    with database.writing() as session:
        built.ids = _furnished(session)
    yield built
    database.close()


def _furnished(session: Session) -> dict[str, str]:
    now = datetime.now(UTC)
    terms = terms_for(10**12, DELTA)
    accounts = [book.open_account(session, kind, 10**12, terms, {}).id for kind in (book.POPULATION, book.QUOTA)]
    about = {"person_id": "per_1", "project_id": "prj_1"}
    for row in (
        PersonRow(id="per_1", name="Dana Scientist", role=Role.DATA_SCIENTIST, created_at=now),
        ProjectRow(id="prj_1", name="study", purpose="to test", created_at=now),
        PopulationRow(
            id="pop_1", name="people", unit="row", units=100, account_id=accounts[0], ranking_key="00", created_at=now
        ),
        DatasetRow(id="ds_1", name="visits", population_id="pop_1", version_id="ver_1", created_at=now),
        VersionRow(
            id="ver_1", dataset_id="ds_1", card="{}", path="", sha256="", size=0, mtime_ns=0, registered_at=now
        ),
        AccessRequestRow(
            id="req_1", dataset_id="ds_1", purpose="to test", epsilon=1, status="granted", digest="", created_at=now,
            reason="", **about,
        ),
        GrantRow(
            id="grt_1", request_id="req_1", dataset_id="ds_1", account_id=accounts[1], created_at=now,
            expires_at=now + timedelta(days=1), **about,
        ),
    ):  # fmt: skip
        session.add(row)
        session.flush()
    return {**about, "grant_id": "grt_1", "version_id": "ver_1"}
