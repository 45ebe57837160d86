"""Freezes and revoked grants, for reviewers and owners."""

from fastapi import APIRouter, status

from jali.wire.freeze import Freeze, FreezeForm, RevokeForm
from jali_node.actions.freezes.freeze import freeze, list_freezes, revoke, unfreeze
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1", tags=["freezes"], responses=PROBLEMS)


@router.get("/freezes")
def freezes(node: ServingNode, caller: SignedIn) -> list[Freeze]:
    """Return everything that is stopped."""
    return list_freezes(node, caller)


@router.post("/freezes", status_code=status.HTTP_201_CREATED)
def set_freeze(node: ServingNode, caller: SignedIn, form: FreezeForm) -> Freeze:
    """Stop the node, an account, a dataset or a grant at once; for reviewers too."""
    return freeze(node, caller, form.subject, form.reason)


@router.post("/freezes/{subject}/end")
def end_freeze(node: ServingNode, caller: SignedIn, subject: str) -> Freeze:
    """Let it spend again; for owners."""
    return unfreeze(node, caller, subject)


@router.post("/grants/{grant_id}/revocation")
def revoke_grant(node: ServingNode, caller: SignedIn, grant_id: str, form: RevokeForm) -> Freeze:
    """End a grant for good, and its holder's jobs with it."""
    return revoke(node, caller, grant_id, form.reason)
