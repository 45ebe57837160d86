"""Notices on their way, for owners."""

from fastapi import APIRouter

from jali.wire.notice import Notice, NoticeState
from jali_node.actions.notices.show_notices import list_notices, send_again
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1/notices", tags=["notices"], responses=PROBLEMS)


@router.get("")
def notices(node: ServingNode, caller: SignedIn, state: NoticeState | None = None) -> list[Notice]:
    """Return the last notices, the newest first; `state=dead` for those that were given up."""
    return list_notices(node, caller, state)


@router.post("/{notice_id}/attempts")
def again(node: ServingNode, caller: SignedIn, notice_id: str) -> Notice:
    """Send a dead notice again, under its old id."""
    return send_again(node, caller, notice_id)
