"""Wishes, their revisions and discussion, and decisions. What both sides say concerns jobs just as well."""

from typing import Annotated

from fastapi import APIRouter, Query, status

from jali.wire.changes import Changes
from jali.wire.discussion import CommentForm, Remark
from jali.wire.request import AccessRequest, Decision, RequestForm
from jali_node.actions.requests.decide_request import decide_request
from jali_node.actions.requests.file_request import file_request, revise_request, withdraw_request
from jali_node.actions.requests.show_requests import list_requests, show_request
from jali_node.actions.wishes.discuss import comment, discussion
from jali_node.actions.wishes.revise import show_changes
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1/requests", tags=["requests"], responses=PROBLEMS)
Number = Annotated[int | None, Query(ge=1, le=1_000_000)]


@router.post("", status_code=status.HTTP_201_CREATED)
def file(node: ServingNode, caller: SignedIn, form: RequestForm) -> AccessRequest:
    """File a wish: for access, for more budget, or to ask one question."""
    return file_request(node, caller, form)


@router.get("")
def requests(node: ServingNode, caller: SignedIn) -> list[AccessRequest]:
    """Return one's own requests; an owner sees all."""
    return list_requests(node, caller)


@router.get("/{request_id}")
def request(node: ServingNode, caller: SignedIn, request_id: str) -> AccessRequest:
    """Return one request."""
    return show_request(node, caller, request_id)


@router.post("/{request_id}/revisions", status_code=status.HTTP_201_CREATED)
def revise(node: ServingNode, caller: SignedIn, request_id: str, form: RequestForm) -> AccessRequest:
    """Resubmit an undecided request as its next revision."""
    return revise_request(node, caller, request_id, form)


@router.get("/{request_id}/changes")
def changes(
    node: ServingNode, caller: SignedIn, request_id: str, since: Number = None, until: Number = None
) -> Changes:
    """Return what differs between two revisions of a request or job; the newest and the one before unless named."""
    return show_changes(node, caller, request_id, since, until)


@router.get("/{request_id}/discussion")
def said(node: ServingNode, caller: SignedIn, request_id: str) -> list[Remark]:
    """Return what was said and done about a request or job, the first first."""
    return discussion(node, caller, request_id)


@router.post("/{request_id}/comments", status_code=status.HTTP_201_CREATED)
def say(node: ServingNode, caller: SignedIn, request_id: str, form: CommentForm) -> Remark:
    """Comment on a request or job."""
    return comment(node, caller, request_id, form)


@router.post("/{request_id}/decision")
def decide(node: ServingNode, caller: SignedIn, request_id: str, decision: Decision) -> AccessRequest:
    """Grant, deny, or ask for changes; for owners and reviewers."""
    return decide_request(node, caller, request_id, decision)


@router.post("/{request_id}/withdrawal")
def withdraw(node: ServingNode, caller: SignedIn, request_id: str) -> AccessRequest:
    """Take an undecided request back."""
    return withdraw_request(node, caller, request_id)
