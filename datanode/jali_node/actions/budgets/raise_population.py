"""A population's cap is raised: an entry of the ledger. Nothing lowers one."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.budget import PopulationBudget
from jali.wire.money import EPSILON_MAX, from_fixed, to_fixed
from jali_node import audit
from jali_node.actions.budgets.show_budgets import population_budget
from jali_node.errors import InvalidRequest
from jali_node.ledger import book
from jali_node.node import Node
from jali_node.tables import AccountRow, PopulationRow


@dataclass(frozen=True)
class Raised:
    """A population's account with its new cap, and the cap before."""

    before: float
    population: PopulationBudget


def raise_population(node: Node, name: str, epsilon: float) -> Raised:
    """Raise a population's cap, for the owner at the machine; what is spent and held stays.

    Raises:
        InvalidRequest: there is no such population, or the cap would not be higher.
    """
    with node.database.writing() as session:
        row = population_named(session, name)
        before = session.get_one(AccountRow, row.account_id).cap
        if not 0 < epsilon <= EPSILON_MAX or to_fixed(epsilon) <= before:
            raise InvalidRequest(
                f"expected a cap above {from_fixed(before):g}, at most {EPSILON_MAX:g}, got {epsilon:g}; a cap is "
                "never lowered: what was promised would not be true of what was released",
                field="epsilon",
            )
        account = book.raise_cap(session, row.account_id, to_fixed(epsilon))
        audit.record(session, audit.POPULATION_RAISED, population=row.id, account=account.id)
        return Raised(from_fixed(before), population_budget(row, account))


def population_named(session: Session, name: str) -> PopulationRow:
    """Return a population by its name, for the owner at the machine.

    Raises:
        InvalidRequest: there is none.
    """
    row = session.scalars(select(PopulationRow).where(PopulationRow.name == name)).one_or_none()
    if row is None:
        known = ", ".join(session.scalars(select(PopulationRow.name).order_by(PopulationRow.name))) or "none"
        raise InvalidRequest(f"there is no population {name} (known: {known})", field="name")
    return row
