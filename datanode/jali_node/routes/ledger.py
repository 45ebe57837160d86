"""Accounts and the chain, for owners."""

from typing import Annotated

from fastapi import APIRouter, Query

from jali.wire.budget import BudgetReport, PopulationBudget
from jali.wire.ledger import ChainReport, Checkpoint, LedgerPage, Links
from jali_node.actions.budgets.show_budgets import list_populations, report_budget
from jali_node.actions.operations.read_ledger import read_ledger, read_links, sign_checkpoint, verify_ledger
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1", tags=["ledger"], responses=PROBLEMS)
POSITION_MAX = 2**62


@router.get("/populations")
def populations(node: ServingNode, caller: SignedIn) -> list[PopulationBudget]:
    """Return every population's account."""
    return list_populations(node, caller)


@router.get("/populations/{population_id}/report")
def population_report(node: ServingNode, caller: SignedIn, population_id: str) -> BudgetReport:
    """Return what was spent, also by privacy-loss distributions: a report, not a promise."""
    return report_budget(node, caller, population_id)


@router.get("/ledger")
def ledger(
    node: ServingNode,
    caller: SignedIn,
    after: Annotated[int, Query(ge=0, le=POSITION_MAX)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> LedgerPage:
    """Return a page of records."""
    return read_ledger(node, caller, after, limit)


@router.get("/ledger/checkpoint")
def checkpoint(node: ServingNode, caller: SignedIn) -> Checkpoint:
    """Return the chain's last entry, signed with the node's key; for everybody who is signed in, to keep."""
    return sign_checkpoint(node)


@router.get("/ledger/links")
def links(
    node: ServingNode,
    caller: SignedIn,
    after: Annotated[int, Query(ge=0, le=POSITION_MAX)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 5_000,
) -> Links:
    """Return a page of the records' digests: enough to follow the chain, for whoever may not read the records."""
    return read_links(node, after, limit)


@router.get("/ledger/verification")
def verification(node: ServingNode, caller: SignedIn) -> ChainReport:
    """Walk the chain and report."""
    return verify_ledger(node, caller)
