"""Wishes for access, and decisions."""

from fastapi import APIRouter, status

from jali.wire.request import AccessRequest, AccessRequestForm, Decision
from jali_node.actions.requests.decide_request import decide_request
from jali_node.actions.requests.file_request import file_request
from jali_node.actions.requests.show_requests import list_requests, show_request
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1/requests", tags=["requests"], responses=PROBLEMS)


@router.post("", status_code=status.HTTP_201_CREATED)
def file(node: ServingNode, caller: SignedIn, form: AccessRequestForm) -> AccessRequest:
    """File a wish."""
    return file_request(node, caller, form)


@router.get("")
def requests(node: ServingNode, caller: SignedIn) -> list[AccessRequest]:
    """Return one's own requests; an owner sees all."""
    return list_requests(node, caller)


@router.get("/{request_id}")
def request(node: ServingNode, caller: SignedIn, request_id: str) -> AccessRequest:
    """Return one request."""
    return show_request(node, caller, request_id)


@router.post("/{request_id}/decision")
def decide(node: ServingNode, caller: SignedIn, request_id: str, decision: Decision) -> AccessRequest:
    """Grant or deny; for owners."""
    return decide_request(node, caller, request_id, decision)
