"""How much a request may send, read before anybody looks at what it says or whose it is.

Models are larger than all else. Those that are being read are held in memory, so few are read at a time, each within
a time; others are told to come again, and nothing was done.
"""

from collections.abc import Awaitable, Callable

from anyio import move_on_after
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jali_node.errors import BodyTooLarge, InvalidRequest, Refused, TooManyRequests

MODELS_UNDER = "/v1/jobs"
LARGE_AT_ONCE = 4
LARGE_WITHIN_S = 120.0
AGAIN_AFTER_S = 1


class BodyLimit:
    """Refuses a body beyond the limit before it is parsed, whether its length was announced or not.

    Args:
        limit_bytes: of any request.
        model_limit_bytes: of requests that may carry a model's weights.
        reply: makes a reply of a refusal.
    """

    def __init__(
        self, app: ASGIApp, limit_bytes: int, model_limit_bytes: int, reply: Callable[[Refused], ASGIApp]
    ) -> None:
        self._app, self._reply = app, reply
        self._limit, self._model_limit = limit_bytes, max(limit_bytes, model_limit_bytes)
        self._large = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413, or 429 while enough models are being read."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit = self._model_limit if scope["path"].startswith(MODELS_UNDER) else self._limit
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        body = _Body(receive, int(announced) if announced.isdigit() else 0)
        await body.read(self._limit)
        if body.size <= self._limit or self._limit == limit:
            return await self._passed_on(body, limit, scope, receive, send)
        if self._large >= LARGE_AT_ONCE:
            waiting = f"{LARGE_AT_ONCE} models are being read already; nothing was done, send yours again"
            return await self._refused(TooManyRequests(waiting, wait_s=AGAIN_AFTER_S), scope, receive, send)
        self._large += 1
        try:
            with move_on_after(LARGE_WITHIN_S) as reading:
                await body.read(limit)
            if reading.cancelled_caught:
                late = InvalidRequest(f"expected the whole body within {LARGE_WITHIN_S:g} s", field="body")
                return await self._refused(late, scope, receive, send)
            return await self._passed_on(body, limit, scope, receive, send)
        finally:
            self._large -= 1

    async def _passed_on(self, body: "_Body", limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        if body.size > limit:
            refusal = BodyTooLarge(f"expected a body of at most {limit} bytes, got {body.size} or more")
            return await self._refused(refusal, scope, receive, send)
        return await self._app(scope, body.replaying(), send)

    async def _refused(self, refusal: Refused, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["refusal"] = refusal.code.value
        await self._reply(refusal)(scope, receive, send)


class _Body:
    """What has been read of a body, and how long it is, as announced or as read."""

    def __init__(self, receive: Receive, announced: int) -> None:
        self._receive = receive
        self._messages: list[Message] = []
        self._more = True
        self._read = 0
        self.size = announced

    async def read(self, limit: int) -> None:
        """Read on, to the end or until it is known to be longer than the limit."""
        while self._more and self.size <= limit:
            message = await self._receive()
            self._messages.append(message)
            self._more = message.get("more_body", False)
            self._read += len(message.get("body", b""))
            self.size = max(self.size, self._read)

    def replaying(self) -> Callable[[], Awaitable[Message]]:
        """Return what gives the messages again, and then whatever follows."""
        waiting = iter(self._messages)

        async def replay() -> Message:
            for message in waiting:
                return message
            return await self._receive()

        return replay
