"""Accounts and the chain, for owners."""

from typing import Annotated

from fastapi import APIRouter, Query

from jali.wire.budget import PopulationBudget
from jali.wire.ledger import ChainReport, LedgerPage
from jali_node.actions.budgets.show_budgets import list_populations
from jali_node.actions.operations.read_ledger import read_ledger, verify_ledger
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1", tags=["ledger"], responses=PROBLEMS)
POSITION_MAX = 2**62


@router.get("/populations")
def populations(node: ServingNode, caller: SignedIn) -> list[PopulationBudget]:
    """Return every population's account."""
    return list_populations(node, caller)


@router.get("/ledger")
def ledger(
    node: ServingNode,
    caller: SignedIn,
    after: Annotated[int, Query(ge=0, le=POSITION_MAX)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> LedgerPage:
    """Return a page of records."""
    return read_ledger(node, caller, after, limit)


@router.get("/ledger/verification")
def verification(node: ServingNode, caller: SignedIn) -> ChainReport:
    """Walk the chain and report."""
    return verify_ledger(node, caller)
