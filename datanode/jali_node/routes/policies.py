"""The node's policy: read by whoever oversees it, written and tried by its owners."""

from fastapi import APIRouter

from jali.wire.policy import DryRun, PolicyForm, PolicyVersion
from jali_node.actions.policies.dry_run import dry_run
from jali_node.actions.policies.set_policy import list_policies, set_policy, show_policy
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1/policy", tags=["policy"], responses=PROBLEMS)


@router.get("")
def policy(node: ServingNode, caller: SignedIn) -> PolicyVersion:
    """Return the policy in force."""
    return show_policy(node, caller)


@router.put("")
def replace(node: ServingNode, caller: SignedIn, form: PolicyForm) -> PolicyVersion:
    """Put a document in force; for owners."""
    return set_policy(node, caller, form)


@router.get("/versions")
def versions(node: ServingNode, caller: SignedIn) -> list[PolicyVersion]:
    """Return every version, the newest first."""
    return list_policies(node, caller)


@router.post("/dry-run")
def tried(node: ServingNode, caller: SignedIn, form: PolicyForm) -> DryRun:
    """Say what a document would change in the last requests; for owners. Changes nothing."""
    return dry_run(node, caller, form)
