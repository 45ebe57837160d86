"""Synthetic mock rows: an owner's own release, charged to the population before a row is read."""

import contextlib
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.dataset import Column, ColumnType
from jali.wire.ids import PREFIX_PROJECT, new_id
from jali.wire.mock import ROWS_MAX, Cell, MockKind
from jali.wire.money import EPSILON_MAX, digest, from_fixed, to_fixed
from jali.wire.person import Role
from jali_node import audit
from jali_node.actions.datasets.snapshots import snapshot
from jali_node.engine.engines import files_only
from jali_node.engine.tally import Bins, Categories
from jali_node.errors import EpsilonTooSmall, ExtraMissing, InvalidRequest
from jali_node.ledger import accountant, book
from jali_node.ledger.event import Concentrated
from jali_node.mechanisms import synthetic
from jali_node.node import Node
from jali_node.store import catalog, mocks
from jali_node.store.catalog import Registered
from jali_node.tables import AccountRow, PersonRow, ProjectRow

log = logging.getLogger(__name__)
BINS = 20
COLUMNS_MAX = 20
PROJECT = "synthetic rows"
"""The project that such spends are booked on; nobody is its member."""


@dataclass(frozen=True)
class Wish:
    """What an owner wants: rows like those of some columns, at a stand-alone price."""

    dataset: str
    rows: int
    epsilon: float
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.rows <= ROWS_MAX:
            raise InvalidRequest(f"expected 1 <= rows <= {ROWS_MAX}, got {self.rows}", field="rows")
        if not 0 < self.epsilon <= EPSILON_MAX:
            raise InvalidRequest(f"expected 0 < epsilon <= {EPSILON_MAX:g}, got {self.epsilon:g}", field="epsilon")


@dataclass(frozen=True)
class Offer:
    """What it would cost, and what would be in it. `groups` says which codes each column is read as."""

    registered: Registered
    groups: tuple[Bins | Categories, ...]
    event: Concentrated
    price: float
    left: float

    @property
    def sizes(self) -> dict[str, int]:
        """How many codes each column has."""
        return {group.column.name: group.size for group in self.groups}


def quoted(node: Node, wish: Wish) -> Offer:
    """Return what a wish would cost; free, and no row is read.

    Raises:
        InvalidRequest: there is no such dataset or column, or a column will not do.
        EpsilonTooSmall: no noise is large enough.
    """
    with node.database.reading() as session:
        found = next((each for each in catalog.all_registered(session) if each.dataset.name == wish.dataset), None)
        if found is None:
            raise InvalidRequest(f"there is no dataset {wish.dataset}", field="dataset")
        groups = _groups(found, wish.columns)
        account = book.present(session.get_one(AccountRow, found.population.account_id))
        session.expunge_all()
    rho = accountant.concentrated_for(to_fixed(wish.epsilon), account.terms, 1)
    if rho <= 0:
        least = from_fixed(account.terms.floor)
        raise EpsilonTooSmall(f"expected epsilon > {least:.4g} at this delta, got {wish.epsilon:.4g}", field="epsilon")
    event = Concentrated(_below(rho))
    price = accountant.price(accountant.charge(event, account.terms), account.terms)
    return Offer(found, groups, event, from_fixed(price), from_fixed(account.left()))


def synthesize(node: Node, wish: Wish) -> Offer:
    """Charge the population, release noised marginals once, and keep rows that are drawn from them as mock rows.

    The rows are differentially private at the price, whatever is done with them: they are computed from the release
    alone. Where the table's rows cannot be read, they are those of an empty table.

    Raises:
        ExtraMissing: it takes jali[synthetic].
        InvalidRequest, EpsilonTooSmall, DatasetChanged, BudgetExhausted: nothing was charged.
    """
    if lacking := synthetic.missing():
        raise ExtraMissing(f"synthetic rows need the extra: pip install 'jali[synthetic]' (missing: {lacking})")
    offer = quoted(node, wish)
    source = files_only(snapshot(offer.registered), "synthesis")
    source.file.refuse_if_changed()
    made = synthetic.mechanism(offer.sizes, offer.event.rho, offer.registered.card.max_rows or 1)
    with node.database.writing() as session:
        spend = book.spend(session, _purchase(session, offer)).id
    try:
        _keep(node, offer, spend, _drawn(node, made, offer, wish.rows))
    except BaseException:
        with node.database.writing() as session, contextlib.suppress(book.IllegalStep):
            book.settle(session, spend)
        raise
    return offer


def _groups(found: Registered, names: Sequence[str]) -> tuple[Bins | Categories, ...]:
    """Return the codes that columns are read as: declared categories, or equal bins over public bounds."""
    entity = found.card.entity
    if entity in names:
        raise InvalidRequest(f"column {entity} says whose row it is, which no synthetic row can", field="columns")
    known = {column.name: column for column in found.card.columns if column.name != entity}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidRequest(f"the card has no column {unknown[0]}", field="columns")
    chosen = [known[name] for name in dict.fromkeys(names)] if names else list(known.values())
    useful = [column for column in chosen if column.categories or column.bounds]
    if names and len(useful) < len(chosen):
        bare = next(column.name for column in chosen if column not in useful)
        raise InvalidRequest(f"column {bare} has neither public bounds nor categories", field="columns")
    if not 2 <= len(useful) <= COLUMNS_MAX:
        raise InvalidRequest(
            f"expected 2 to {COLUMNS_MAX} columns with public bounds or categories, got {len(useful)}", field="columns"
        )
    return tuple(_group(column) for column in useful)


def _group(column: Column) -> Bins | Categories:
    if column.bounds is None:
        return Categories(column)
    lower, upper = column.bounds
    whole = column.type is ColumnType.INTEGER and upper - lower < BINS
    return Bins(column, int(upper - lower) + 1 if whole else BINS)


def _below(rho: Fraction) -> float:
    """Return the largest double that is not above rho."""
    found = float(rho)
    return math.nextafter(found, 0.0) if Fraction(found) > rho else found


def _purchase(session: Session, offer: Offer) -> book.Purchase:
    """Return the spend: the population's alone, by the node's first owner."""
    owners = select(PersonRow).where(PersonRow.role == Role.OWNER).order_by(PersonRow.created_at)
    owner = session.scalars(owners).first()
    if owner is None:
        raise InvalidRequest("the node has no owner", field="dataset")
    return book.Purchase(
        event=offer.event,
        population_account=offer.registered.population.account_id,
        quota_account=None,
        person_id=owner.id,
        project_id=_project(session, owner),
        grant_id=None,
        version_id=offer.registered.version.id,
        question=digest(["synthetic", sorted(offer.sizes)]),
    )


def _project(session: Session, owner: PersonRow) -> str:
    row = session.scalars(select(ProjectRow).where(ProjectRow.name == PROJECT)).first()
    if row is None:
        row = ProjectRow(
            id=new_id(PREFIX_PROJECT),
            name=PROJECT,
            purpose="mock rows drawn from a differentially private release, for everyone who sees the catalog",
            created_at=owner.created_at,
        )
        session.add(row)
        session.flush()
        audit.record(session, audit.PROJECT_ADDED, project=row.id)
    return row.id


def _drawn(node: Node, made: Any, offer: Offer, rows: int) -> dict[str, NDArray[np.int64]]:
    """Return rows drawn from the release; those of an empty table where the table's cannot be read.

    Everything that a source, an engine or the mechanism can raise ends here, a panic of a library included: whether
    there are synthetic rows must not tell of a row.
    """
    version = offer.registered.version.id
    try:
        codes = node.warehouse.codes(files_only(snapshot(offer.registered), "synthesis"), offer.groups)
        return synthetic.drawn(made, codes, offer.sizes, rows)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        log.warning("rows of version %s could not be read: %s", version, type(error).__name__)
    return synthetic.drawn(made, _nothing(offer), offer.sizes, rows)


def _nothing(offer: Offer) -> dict[str, NDArray[np.int64]]:
    return {name: np.zeros(0, dtype=np.int64) for name in offer.sizes}


def _keep(node: Node, offer: Offer, spend: str, drawn: dict[str, NDArray[np.int64]]) -> None:
    rng, by_name = np.random.default_rng(), {group.column.name: group for group in offer.groups}
    rows = len(next(iter(drawn.values())))
    columns: dict[str, list[Cell]] = {
        column.name: cells(by_name[column.name], drawn[column.name], rng) if column.name in drawn else [None] * rows
        for column in offer.registered.card.columns
    }
    version = offer.registered.version.id
    with node.database.writing() as session:
        mocks.keep(session, version, MockKind.SYNTHETIC, columns)
        facts = {"mock": MockKind.SYNTHETIC.value, "rows": digest(json.dumps(columns))}
        book.commit(session, spend, facts)
        dataset = offer.registered.dataset.id
        audit.record(session, audit.MOCK_ADDED, dataset=dataset, version=version, spend=spend, **facts)


def cells(group: Bins | Categories, codes: NDArray[np.int64], rng: np.random.Generator) -> list[Cell]:
    """Return values for codes: a category by its place, a number drawn evenly from its bin, None for the last code."""
    if isinstance(group, Categories):
        names: list[Cell] = [*group.column.categories, None]
        return [names[code] for code in codes]
    lower, upper = group.column.bounds or (0.0, 0.0)
    span, whole = upper - lower, group.column.type is ColumnType.INTEGER
    made: list[Cell] = []
    for code in codes.tolist():
        start, end = code * span / group.number, (code + 1) * span / group.number
        if code == group.number:
            made.append(None)
        elif whole:
            last = int(span) if code == group.number - 1 else max(math.ceil(start), math.ceil(end) - 1)
            made.append(int(lower) + int(rng.integers(math.ceil(start), last, endpoint=True)))
        else:
            made.append(lower + float(rng.uniform(start, end)))
    return made
