"""What every route is given: the node, and the person behind the request."""

from contextlib import suppress
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from jali.wire.problem import MEDIA_TYPE, Problem
from jali_node.errors import NodeUnavailable, NotSignedIn, TokenExpired
from jali_node.node import Node
from jali_node.people import tokens
from jali_node.people.caller import Caller
from jali_node.rates import Rates
from jali_node.store import clock

_bearer = HTTPBearer(auto_error=False, description="An API token, or a session.")


async def serving_node(request: Request) -> Node:
    """Return the node that this application serves. It waits for nothing, so it takes no thread."""
    node: Node = request.app.state.node
    return node


ServingNode = Annotated[Node, Depends(serving_node)]


def signed_in(
    request: Request,
    node: ServingNode,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    """Return the person behind the bearer token, if it is for this route; an auditor's is for reading."""
    rates: Rates = request.app.state.rates
    try:
        with node.database.reading() as session:
            now = clock.now(session)
            caller = tokens.caller(session, credentials.credentials if credentials else None, now, node.settings.idle)
    except (NotSignedIn, TokenExpired):
        rates.take(f"address {address(request)}")  # only of strangers: a neighbour's good token is let through
        raise
    rates.take(caller.id)
    request.state.caller = caller.id
    caller.must_be_free_to(request.method, request.scope["route"].path)
    if caller.unseen:
        with suppress(NodeUnavailable), node.database.writing() as session:  # a busy database: noted the next time
            tokens.note_use(session, caller.token, now)
    return caller


def address(request: Request) -> str:
    """Return where a request comes from; behind a proxy that is believed, where the proxy says."""
    return request.client.host if request.client else ""


Address = Annotated[str, Depends(address)]
SignedIn = Annotated[Caller, Depends(signed_in)]

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": "problem+json"}
    for status in (400, 401, 403, 404, 409, 413, 429, 503)
}
