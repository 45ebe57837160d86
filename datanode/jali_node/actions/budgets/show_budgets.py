"""What is left: one's own quota, or a population's account for its owners."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.budget import Budget, BudgetReport, PopulationBudget
from jali_node.errors import GrantRequired, UnknownResource
from jali_node.ledger import book, replay, report
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.people.sight import seen
from jali_node.store import catalog, clock, grants
from jali_node.tables import AccountRow, GrantRow, PopulationRow


def own_budget(node: Node, caller: Caller, dataset_id: str, project_id: str) -> Budget:
    """Return the caller's own quota; where there are several, the one with the most left.

    Raises:
        AccessDenied, UnknownDataset, GrantRequired: there is none to show.
    """
    caller.must_belong_to(project_id)
    with node.database.reading() as session:
        people = seen(session, caller, dataset_id).population
        now = clock.now(session)
        held = grants.held(session, caller.id, project_id, dataset_id)
        valid = [grant for grant in held if grant.expires_at > now and grant.question is None]
        if not valid:
            raise GrantRequired(
                "you have no access to this dataset for this project; ask with request_access(purpose=, epsilon=)",
                field="dataset",
            )
        most = max((_quota(session, grant) for grant in valid), key=lambda budget: budget.left)
        return most.model_copy(update={"promise_ended": catalog.promise_end(people)})


def _quota(session: Session, grant: GrantRow) -> Budget:
    budget = book.present(session.get_one(AccountRow, grant.account_id)).budget()
    return budget.model_copy(update={"grant": grant.id})


def list_populations(node: Node, caller: Caller | None) -> list[PopulationBudget]:
    """Return every population's account, over all callers.

    Args:
        caller: None at the node's own machine.

    Raises:
        AccessDenied: the caller does not oversee this node.
    """
    if caller is not None:
        caller.must_oversee()
    with node.database.reading() as session:
        rows = session.scalars(select(PopulationRow).order_by(PopulationRow.name)).all()
        return [population_budget(row, session.get_one(AccountRow, row.account_id)) for row in rows]


def report_budget(node: Node, caller: Caller | None, population: str) -> BudgetReport:
    """Return what a population has spent, also by the tighter count that no cap can be kept by.

    Args:
        caller: None at the node's own machine.
        population: its id or name.

    Raises:
        AccessDenied: the caller does not oversee this node.
        UnknownResource: there is no such population.
    """
    if caller is not None:
        caller.must_oversee()
    with node.database.reading() as session:
        known = select(PopulationRow).where((PopulationRow.id == population) | (PopulationRow.name == population))
        row = session.scalars(known).one_or_none()
        if row is None:
            raise UnknownResource("there is no such population", field="population")
        account = book.present(session.get_one(AccountRow, row.account_id))
        records = replay.charged(session, row.account_id)
    budget, delta, window = account.budget(), account.terms.delta, account.window
    present = records.window if window is None or window.number == records.windows else ()
    tighter = None if account.is_written_off else report.tighter(present, delta)
    return BudgetReport(
        population=row.id,
        name=row.name,
        cap=budget.cap,
        delta=budget.delta,
        events=len(present),
        spent=budget.spent,
        tighter=None if tighter is None else min(tighter, budget.spent),
        window=budget.window,
        lifetime=None if window is None else report.tighter(records.events, delta),
    )


def population_budget(row: PopulationRow, account: AccountRow) -> PopulationBudget:
    """Return a population's account as its owners read it."""
    return PopulationBudget(
        id=row.id,
        name=row.name,
        unit=row.unit,
        units=row.units,
        account=account.id,
        budget=book.present(account).budget().model_copy(update={"promise_ended": catalog.promise_end(row)}),
    )
