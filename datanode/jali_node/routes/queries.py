"""Quotes, questions and the answers so far."""

from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from jali.wire.problem import MEDIA_TYPE, Problem
from jali.wire.query import Id, Query, Wish
from jali.wire.quote import Quote
from jali.wire.release import Release
from jali_node.actions.queries.ask import ask
from jali_node.actions.queries.quote import quote
from jali_node.actions.queries.show_releases import list_releases, show_release
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

ASKED: dict[int | str, dict[str, Any]] = {
    202: {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": "an owner has been asked"}
}
WAITING_MAX = 200
"""How many questions a process takes in at a time; those beyond wait before anything is charged."""
router = APIRouter(prefix="/v1", tags=["queries"], responses={**PROBLEMS, **ASKED})


@router.post("/quotes")
def quotes(node: ServingNode, caller: SignedIn, wish: Wish) -> Quote:
    """Return a question's price and forecast. Free."""
    return quote(node, caller, wish)


@router.post("/queries", response_model=Release)
async def queries(node: ServingNode, caller: SignedIn, query: Query, request: Request) -> Response:
    """Answer a question at its price, at its time.

    Answers wait in threads of their own, so that other routes keep theirs.
    """
    answered = await to_thread.run_sync(ask, node, caller, query, limiter=request.app.state.questions)
    return Response(answered.model_dump_json(), media_type="application/json")  # it is one already: checked once


@router.get("/releases")
def releases(node: ServingNode, caller: SignedIn, project: Id) -> list[Release]:
    """Return a project's releases. Free."""
    return list_releases(node, caller, project)


@router.get("/releases/{release_id}")
def release(node: ServingNode, caller: SignedIn, release_id: str) -> Release:
    """Return one release. Free."""
    return show_release(node, caller, release_id)
