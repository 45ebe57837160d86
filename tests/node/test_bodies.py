"""How much a request may send: models more than all else, few at a time, and none for ever."""

from typing import Any

import anyio
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from jali_node.errors import Refused
from jali_node.routes import bodies
from jali_node.routes.bodies import BodyLimit

LIMIT, MODEL = 100, 1000


class Node:
    """An application that reads whole bodies behind the limit, and holds its replies until it is told to go on."""

    def __init__(self) -> None:
        self.read: list[int] = []
        self.go_on = anyio.Event()
        self.go_on.set()
        self.limited = BodyLimit(self, LIMIT, MODEL, self.reply)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        self.read.append(size)
        await self.go_on.wait()
        await PlainTextResponse("read")(scope, receive, send)

    def reply(self, refusal: Refused) -> PlainTextResponse:
        return PlainTextResponse(refusal.code.value, refusal.status)

    async def post(self, path: str, size: int, *, announced: bool = True, stops_at: int | None = None) -> int:
        """Send a body in pieces of 60 bytes; return the status."""
        pieces = [b"x" * min(60, size - at) for at in range(0, size, 60)]
        sent = 0
        statuses: list[int] = []

        async def receive() -> Message:
            nonlocal sent
            if stops_at is not None and sent >= stops_at:
                await anyio.sleep_forever()
            await anyio.sleep(0)
            piece = pieces.pop(0)
            sent += len(piece)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        headers = [(b"content-length", str(size).encode())] if announced else []
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "state": {}}
        await self.limited(scope, receive, send)
        return statuses[0]


def run(act: Any) -> Any:
    async def inside() -> Any:
        return await act(Node())

    return anyio.run(inside)


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/v1/queries", LIMIT, 200),
        ("/v1/queries", LIMIT + 1, 413),
        ("/v1/jobs", LIMIT + 1, 200),
        ("/v1/jobs/job_1/rounds/1", MODEL, 200),
        ("/v1/jobs", MODEL + 1, 413),
    ],
)
def test_a_body_may_be_as_long_as_its_address_allows(path: str, size: int, status: int, announced: bool) -> None:
    async def act(node: Node) -> None:
        assert await node.post(path, size, announced=announced) == status
        assert node.read == ([size] if status == 200 else [])

    run(act)


def test_few_models_are_read_at_a_time_and_whoever_comes_then_is_told_to_come_again() -> None:
    async def act(node: Node) -> None:
        node.go_on = anyio.Event()
        async with anyio.create_task_group() as group:
            for _ in range(bodies.LARGE_AT_ONCE):
                group.start_soon(node.post, "/v1/jobs", MODEL)
            while len(node.read) < bodies.LARGE_AT_ONCE:
                await anyio.sleep(0)
            assert await node.post("/v1/jobs", MODEL) == 429
            node.go_on.set()
        assert await node.post("/v1/jobs", MODEL) == 200

    run(act)


def test_a_model_that_never_comes_to_its_end_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LARGE_WITHIN_S", 0.05)

    async def act(node: Node) -> None:
        for _ in range(bodies.LARGE_AT_ONCE + 1):
            assert await node.post("/v1/jobs", MODEL, stops_at=120) == 400
        assert node.read == []

    run(act)


def test_a_small_request_is_read_while_models_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LARGE_AT_ONCE", 0)

    async def act(node: Node) -> None:
        assert await node.post("/v1/jobs", LIMIT) == 200
        assert await node.post("/v1/queries", LIMIT) == 200

    run(act)
