"""A cap or a quota refreshes every so many days, or no longer: an entry of the ledger, for the owner at the machine."""

from sqlalchemy.orm import Session

from jali.wire.budget import Budget, PopulationBudget
from jali_node.actions.budgets.raise_population import population_named
from jali_node.actions.budgets.show_budgets import population_budget
from jali_node.errors import InvalidRequest
from jali_node.ledger import book
from jali_node.ledger.window import DAYS_MAX
from jali_node.node import Node
from jali_node.store import clock
from jali_node.tables import AccountRow, GrantRow


def refresh_population(node: Node, name: str, days: int | None) -> PopulationBudget:
    """Let a population's cap be for windows of so many days from now on, or for none any more.

    What is spent stays spent until the next window begins, `days` from now.

    Raises:
        InvalidRequest: there is no such population, the period is out of range, or nothing would change.
    """
    with node.database.writing() as session:
        row = population_named(session, name)
        return population_budget(row, _set(session, row.account_id, days))


def refresh_grant(node: Node, grant_id: str, days: int | None) -> Budget:
    """Let a grant's quota refresh every so many days from now on, or no longer; the population's cap stays.

    Raises:
        InvalidRequest: as above; or the grant has ended, or is for one question.
    """
    with node.database.writing() as session:
        grant = session.get(GrantRow, grant_id)
        if grant is None:
            raise InvalidRequest("there is no such grant", field="grant")
        if grant.expires_at <= clock.now(session):
            raise InvalidRequest(f"this grant ended on {grant.expires_at:%Y-%m-%d}", field="grant")
        if grant.question is not None:
            raise InvalidRequest("a grant for one question does not refresh", field="grant")
        return book.present(_set(session, grant.account_id, days)).budget()


def checked_days(days: int | None) -> int | None:
    """Return a period, if it is in range."""
    if days is not None and not 1 <= days <= DAYS_MAX:
        raise InvalidRequest(f"expected 1 <= days <= {DAYS_MAX}, got {days}", field="days")
    return days


def _set(session: Session, account_id: str, days: int | None) -> AccountRow:
    before = session.get_one(AccountRow, account_id).window_days
    if checked_days(days) == before:
        now = "it does not refresh" if before is None else f"it refreshes every {before} days"
        raise InvalidRequest(f"{now} already", field="days")
    return book.set_window(session, account_id, days)
