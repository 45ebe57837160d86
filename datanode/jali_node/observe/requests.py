"""One line and one count for each request: its route, its status, whose it was.

The route stands there as it is declared, without ids; nothing of the address, the body or the reply does. How long it
took is measured where somebody only looks: what a question, a quote or a round takes, rows may shape.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jali.wire.ids import PREFIX_CALL, new_id
from jali_node.observe.metrics import Metrics

HEADER = "x-request-id"
log = logging.getLogger("jali_node.requests")


class Requests:
    """Notes each request when its reply has begun, and gives it an id that the reply carries."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun, called = time.perf_counter(), new_id(PREFIX_CALL)
        scope.setdefault("state", {})["request_id"] = called
        seen: dict[str, int] = {}
        try:
            await self._app(scope, receive, _marking(send, called, seen))
        finally:
            self._note(scope, called, seen.get("status", 500), time.perf_counter() - begun)

    def _note(self, scope: Scope, called: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        caller: Any = scope["state"].get("caller")
        facts = {"request": called, "method": scope["method"], "route": route, "status": status}
        extra = facts | ({"person": caller} if caller else {})
        log.info("%s %s %d", scope["method"], route, status, extra=extra)
        self._metrics.count(
            scope["method"], route, status, seconds if scope["method"] == "GET" else None, scope["state"].get("refusal")
        )


def _marking(send: Send, called: str, seen: dict[str, int]) -> Callable[[Message], Awaitable[None]]:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen["status"] = message["status"]
            message["headers"] = [*message.get("headers", []), (HEADER.encode(), called.encode())]
        await send(message)

    return marked
