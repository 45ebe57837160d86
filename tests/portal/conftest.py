"""The portal before a real node, both in this process: no socket, no browser."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from jali.transport import Transport
from jali.wire.problem import MEDIA_TYPE
from jali_portal import reception
from jali_portal.app import visit
from jali_portal.reception import Reception
from jali_portal.server import MAIN


@dataclass
class Portal:
    """A portal before a house's node. `refusals` makes the node answer otherwise on a path; `down` takes it away."""

    house: Any
    reception: Reception = field(init=False)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    down: bool = False
    session: str | None = None

    def __post_init__(self) -> None:
        self.reception = Reception(self.transport)

    def transport(self, token: str | None) -> Transport:
        way = httpx2.MockTransport(self.handle)
        return Transport("http://node.test", token, client=httpx2.Client(base_url="http://node.test", transport=way))

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        if self.down:
            raise httpx2.ReadTimeout("nobody answers", request=request)
        if request.url.path in self.refusals:
            status, code = self.refusals[request.url.path]
            problem = {"title": "no", "status": status, "code": code, "detail": "the node says no"}
            return httpx2.Response(status, json=problem, headers={"content-type": MEDIA_TYPE})
        reply = self.house.client.request(
            request.method, request.url.raw_path.decode(), headers=dict(request.headers), content=request.content
        )
        return httpx2.Response(
            reply.status_code, content=reply.content, headers={"content-type": reply.headers["content-type"]}
        )

    def sign_in(self, token: str | None = None) -> None:
        self.session = self.reception.admit(token or self.house.owner)

    def page(self, page: str = "inbox", **query: str) -> AppTest:
        app = AppTest.from_file(str(MAIN), default_timeout=20)
        if page == "inbox":
            app.query_params.update(query)
            return app.run()
        return self.turned(app.run(), page, **query)

    @staticmethod
    def turned(app: AppTest, page: str, **query: str) -> AppTest:
        """Go on to another page of the same visit."""
        app.switch_page(f"screens/{page}.py")
        app.query_params.clear()
        app.query_params.update(query)
        return app.run()

    @staticmethod
    def texts(app: AppTest) -> str:
        """Return everything that a page says."""
        html = [element.proto.body for element in app.get("html")]
        plain = [element.value for kind in (app.text, app.subheader, app.markdown) for element in kind]
        return "\n".join([*html, *map(str, plain)]).replace("\u00a0", " ")

    @staticmethod
    def press(app: AppTest, label: str) -> AppTest:
        """Press the button whose label begins so."""
        found = [button for button in app.button if button.label.replace("\u00a0", " ").startswith(label)]
        assert len(found) == 1, [button.label for button in app.button]
        return found[0].click().run()


@pytest.fixture
def portal(build_house: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    """Return a portal, with its owner signed in."""
    yield from opened_for_its_owner(Portal(build_house(cap=3.0)), monkeypatch)


def opened_for_its_owner(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    portal.sign_in()
    monkeypatch.setattr(visit, "cookie", lambda: portal.session)
    monkeypatch.setattr(reception, "_opened", [portal.reception])
    yield portal
    portal.reception.dismiss(portal.session)


@pytest.fixture
def lobby(build_bureau: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    """Return a portal before a node with people and no table, with its owner signed in."""
    yield from opened_for_its_owner(Portal(build_bureau()), monkeypatch)


@pytest.fixture
def gatehouse(portal: Portal) -> Iterator[TestClient]:
    """Return a browser of sorts before the gate and the sign-in; behind them stands one page."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocket

    from jali_portal import signin
    from jali_portal.gate import Gate

    def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse("inside")

    async def stream(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("inside")
        await socket.close()

    app = Starlette(
        routes=[*signin.routes(portal.reception), Route("/", home), WebSocketRoute("/_stcore/stream", stream)],
        middleware=[Middleware(Gate, reception=portal.reception, hosts=frozenset({"portal.test"}))],
    )
    with TestClient(app, base_url="http://portal.test", follow_redirects=False) as client:
        yield client
