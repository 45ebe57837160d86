"""A population and its account: the promise that everything about these units is kept under."""

import secrets
from datetime import UTC, datetime

from sqlalchemy import select

from jali.wire.budget import PopulationBudget
from jali.wire.dataset import UnitKind
from jali.wire.ids import PREFIX_POPULATION, new_id
from jali.wire.money import DELTA_UNITS, EPSILON_MAX, to_fixed
from jali_node import audit
from jali_node.actions.budgets.show_budgets import population_budget
from jali_node.errors import InvalidRequest
from jali_node.ledger import book
from jali_node.ledger.terms import Terms, terms_for
from jali_node.ledger.window import DAYS_MAX
from jali_node.node import Node
from jali_node.tables import PopulationRow

DELTA_MAX = 1e-3
POOL_SHARE = 10
"""One part in so many of delta is set aside for releases that spend delta themselves. Fixed with the account."""


def open_population(
    node: Node, name: str, unit: UnitKind, units: int, epsilon: float, delta: float, refresh_days: int | None = None
) -> PopulationBudget:
    """Open a population with its cap.

    Args:
        name: the owner's word for these units; cards refer to it.
        unit: what one privacy unit is.
        units: the owner's public figure for how many there are; kept to two digits.
        epsilon: the cap on everything that leaves about them, over all callers.
        delta: the promise's delta; well below 1 / units.
        refresh_days: where the promise is not for all time but for windows of so many days: over k of them k times as
            much is spent on the same people.

    Raises:
        InvalidRequest: the name is taken, or a number is out of range.
    """
    terms = checked_terms(units, epsilon, delta)
    if refresh_days is not None and not 1 <= refresh_days <= DAYS_MAX:
        raise InvalidRequest(f"expected 1 <= days <= {DAYS_MAX}, got {refresh_days}", field="refresh_days")
    population_id = new_id(PREFIX_POPULATION)
    with node.database.writing() as session:
        if session.scalars(select(PopulationRow).where(PopulationRow.name == name)).first():
            raise InvalidRequest(f"there is a population {name} already", field="name")
        about = {"population": population_id}
        account = book.open_account(session, book.POPULATION, to_fixed(epsilon), terms, about, refresh_days)
        row = PopulationRow(
            id=population_id,
            name=name,
            unit=unit,
            units=two_digits(units),
            account_id=account.id,
            ranking_key=secrets.token_hex(32),
            created_at=datetime.now(UTC),
        )
        session.add(row)
        session.flush()
        audit.record(session, audit.POPULATION_OPENED, population=row.id, account=account.id, units=row.units)
        return population_budget(row, account)


def checked_terms(units: int, epsilon: float, delta: float) -> Terms:
    """Return the terms of a promise to so many units, if its numbers are in range."""
    if not 1 <= units <= 10**12:
        raise InvalidRequest(f"expected 1 <= units <= 10^12, got {units}", field="units")
    if not 0 < epsilon <= EPSILON_MAX:
        raise InvalidRequest(f"expected 0 < epsilon <= {EPSILON_MAX:g}, got {epsilon:g}", field="epsilon")
    largest = min(DELTA_MAX, 1 / units)
    if not 1e-15 <= delta <= largest:
        raise InvalidRequest(
            f"expected 1e-15 <= delta <= {largest:.3g} (at most one in the number of units), got {delta:g}",
            field="delta",
        )
    whole = to_fixed(delta, DELTA_UNITS)
    terms = terms_for(to_fixed(epsilon), whole, whole // POOL_SHARE)
    if to_fixed(epsilon) <= terms.floor:
        raise InvalidRequest("the cap is below what any release costs at this delta", field="epsilon")
    return terms


def two_digits(units: int) -> int:
    """Return a public figure rounded to its first two digits.

    >>> two_digits(7163), two_digits(9)
    (7200, 9)
    """
    coarse = int(10 ** max(0, len(str(units)) - 2))
    return (units + coarse // 2) // coarse * coarse
