from collections.abc import Callable

import httpx2
import pytest

from jali import errors, transport
from jali.transport import Transport, checked_address
from jali.wire.node import NodeInfo

INFO = NodeInfo(node_id="node_01", name="Aare", wire=1, capabilities=())


def served(handler: Callable[[httpx2.Request], httpx2.Response]) -> Transport:
    client = httpx2.Client(base_url="http://node.test", transport=httpx2.MockTransport(handler))
    return Transport("http://node.test", "secret-token", client=client)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "RETRY_PAUSES_S", (0.0, 0.0))


def test_the_token_goes_into_the_header_and_nowhere_else() -> None:
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["authorization"])
        return httpx2.Response(404, content=b"<html>")

    way = served(answer)
    with pytest.raises(errors.UnexpectedReply) as failure:
        way.get("/v1/node", NodeInfo)
    assert seen == ["Bearer secret-token"]
    assert "secret" not in f"{failure.value}{way!r}{failure.value.facts}"


def test_a_token_with_a_line_break_is_refused_without_showing_it() -> None:
    with pytest.raises(errors.NotSignedIn) as failure:
        Transport("https://node.example", "secret\ntoken")
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    "url", ["http://node.example", "ftp://node.example", "node.example", "https://a:b@node.example"]
)
def test_addresses_that_would_show_a_secret_are_refused(url: str) -> None:
    with pytest.raises(errors.InsecureAddress):
        checked_address(url)


@pytest.mark.parametrize(
    "url", ["https://node.example/", "http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8"]
)
def test_https_and_this_machine_are_accepted(url: str) -> None:
    assert checked_address(url) == url.rstrip("/")


def test_a_redirect_is_not_followed() -> None:
    hosts: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        hosts.append(request.url.host)
        return httpx2.Response(307, headers={"location": "http://elsewhere.test/"})

    with pytest.raises(errors.UnexpectedReply):
        served(answer).get("/v1/node", NodeInfo)
    assert hosts == ["node.test"]


def test_a_get_is_tried_again_when_the_connection_fails() -> None:
    calls: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        calls.append(request.method)
        if len(calls) < 3:
            raise httpx2.ConnectError("down")
        return httpx2.Response(200, content=INFO.model_dump_json())

    assert served(answer).get("/v1/node", NodeInfo) == INFO
    assert len(calls) == 3


@pytest.mark.parametrize(("method", "failure"), [("post", httpx2.ConnectError), ("get", httpx2.ReadTimeout)])
def test_a_post_or_a_slow_answer_is_not_tried_again(method: str, failure: type[httpx2.TransportError]) -> None:
    calls: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        calls.append(request.method)
        raise failure("down")

    way = served(answer)
    with pytest.raises(errors.NodeUnreachable, match="not charged twice"):
        way.post("/v1/queries", INFO, NodeInfo) if method == "post" else way.get("/v1/node", NodeInfo)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (503, b"<html>busy", errors.NodeUnavailable),
        (500, b"", errors.NodeUnavailable),
        (404, b"not here", errors.UnexpectedReply),
        (200, b"<html>", errors.UnexpectedReply),
        (200, b'{"node_id": 1}', errors.UnexpectedReply),
    ],
)
def test_what_is_not_of_the_wire_is_named(status: int, content: bytes, expected: type[errors.JaliError]) -> None:
    with pytest.raises(expected):
        served(lambda _: httpx2.Response(status, content=content)).get("/v1/node", NodeInfo)


def test_an_accepted_question_waits_for_approval_whatever_its_media_type() -> None:
    body = {"title": "t", "status": 202, "code": "approval_required", "detail": "wait", "facts": {"request": "req_1"}}
    with pytest.raises(errors.ApprovalRequired) as failure:
        served(lambda _: httpx2.Response(202, json=body)).post("/v1/queries", INFO, NodeInfo)
    assert failure.value.facts == {"request": "req_1"}


def test_an_unreadable_certificate_authority_is_named() -> None:
    with pytest.raises(errors.InsecureAddress, match=r"no-such\.pem"):
        Transport("https://node.example", ca="no-such.pem")
