"""What every route is given: the node, and the person behind the request."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from jali.wire.problem import MEDIA_TYPE, Problem
from jali_node.node import Node
from jali_node.people import tokens
from jali_node.people.caller import Caller

_bearer = HTTPBearer(auto_error=False, description="An API token made with `jali node token create`.")


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
    """Return the person behind the bearer token; an auditor's opens nothing that changes anything."""
    with node.database.reading() as session:
        caller = tokens.caller(session, credentials.credentials if credentials else None)
    caller.must_be_free_to(request.method)
    return caller


SignedIn = Annotated[Caller, Depends(signed_in)]

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": "problem+json"}
    for status in (400, 401, 403, 404, 409, 413, 503)
}
