"""Signing in and out, and what the gate lets through."""

import copy
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from jali import errors
from jali_portal import reception as desk_of

OWN = {"origin": "http://portal.test"}
PAGE = {"accept": "text/html"}


def sign_in(gatehouse: Any, token: str, **headers: str) -> Any:
    return gatehouse.post("/session/login", data={"token": token}, headers={**OWN, **headers})


def test_a_page_without_a_session_leads_to_the_sign_in(gatehouse: Any) -> None:
    reply = gatehouse.get("/", headers=PAGE)
    assert (reply.status_code, reply.headers["location"]) == (303, "/session/login")
    assert gatehouse.get("/").status_code == 401
    assert "Your API token" in gatehouse.get("/session/login").text


def test_an_owner_signs_in_and_gets_a_closed_cookie_without_the_token(gatehouse: Any, portal: Any) -> None:
    reply = sign_in(gatehouse, portal.house.owner)
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    cookie = reply.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=28800"):
        assert part in cookie
    assert portal.house.owner not in cookie
    assert gatehouse.get("/", headers=PAGE).text == "inside"


def test_signing_in_again_ends_the_session_before(gatehouse: Any, portal: Any) -> None:
    sign_in(gatehouse, portal.house.owner)
    first = gatehouse.cookies["jali_portal"]
    sign_in(gatehouse, portal.house.owner)
    assert gatehouse.cookies["jali_portal"] != first
    assert portal.reception.desk(first) is None


@pytest.mark.parametrize(
    ("token", "status", "words"),
    [
        ("", 401, "does not know"),
        ("nonsense", 401, "does not know"),
        ("x" * 9000, 413, "longer than"),
        ("ä ", 401, "does"),
    ],
)
def test_a_wrong_token_is_refused_in_words(gatehouse: Any, token: str, status: int, words: str) -> None:
    reply = sign_in(gatehouse, token)
    assert reply.status_code == status
    assert words in reply.text
    assert "set-cookie" not in reply.headers


def test_only_owners_get_in(gatehouse: Any, portal: Any) -> None:
    reply = sign_in(gatehouse, portal.house.scientist)
    assert reply.status_code == 403
    assert "owners" in reply.text
    assert "set-cookie" not in reply.headers


def test_a_node_that_is_down_is_told_at_the_sign_in(gatehouse: Any, portal: Any) -> None:
    portal.down = True
    assert sign_in(gatehouse, portal.house.owner).status_code == 503


def test_signing_out_ends_the_session_and_takes_the_cookie(gatehouse: Any, portal: Any) -> None:
    sign_in(gatehouse, portal.house.owner)
    held = gatehouse.cookies["jali_portal"]
    reply = gatehouse.post("/session/logout", headers=OWN)
    assert (reply.status_code, reply.headers["location"]) == (303, "/session/login")
    assert portal.reception.desk(held) is None
    assert gatehouse.get("/", headers={**PAGE, "cookie": f"jali_portal={held}"}).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.test"},
        {"origin": "https://portal.test"},
        {"origin": "http://portal.test:8080"},
        {"origin": "http://portal.test.evil.test"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.test", "sec-fetch-site": "same-origin"},
    ],
)
@pytest.mark.parametrize("path", ["/session/login", "/session/logout"])
def test_other_pages_can_neither_sign_in_nor_out(gatehouse: Any, portal: Any, headers: Any, path: str) -> None:
    sign_in(gatehouse, portal.house.owner)
    held = gatehouse.cookies["jali_portal"]
    assert gatehouse.post(path, data={"token": portal.house.owner}, headers=headers).status_code == 403
    assert portal.reception.desk(held) is not None


def test_signing_out_by_a_link_is_no_way(gatehouse: Any, portal: Any) -> None:
    sign_in(gatehouse, portal.house.owner)
    assert gatehouse.get("/session/logout").status_code == 405
    assert gatehouse.get("/", headers=PAGE).status_code == 200


def test_a_rebound_name_is_refused(gatehouse: Any) -> None:
    for host in ("evil.test", "", "portal.test.evil.test", "[", "127.0.0.1"):
        assert gatehouse.get("/session/login", headers={"host": host}).status_code == 421


def test_the_stream_needs_a_session_and_the_own_origin(gatehouse: Any, portal: Any) -> None:
    def connect(**headers: str) -> str:
        with gatehouse.websocket_connect("ws://portal.test/_stcore/stream", headers=headers) as socket:
            return str(socket.receive_text())

    with pytest.raises(WebSocketDisconnect):
        connect(**OWN)
    sign_in(gatehouse, portal.house.owner)
    assert connect(**OWN) == "inside"
    for headers in ({}, {"origin": "http://evil.test"}, {**OWN, "host": "evil.test"}):
        with pytest.raises(WebSocketDisconnect):
            connect(**headers)


def test_every_answer_carries_the_policy(gatehouse: Any) -> None:
    for path in ("/session/login", "/", "/unknown"):
        headers = gatehouse.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    assert gatehouse.get("/session/login").headers["cache-control"] == "no-store"


def test_nothing_may_be_uploaded(gatehouse: Any, portal: Any) -> None:
    sign_in(gatehouse, portal.house.owner)
    for method in ("POST", "PUT", "DELETE"):
        assert gatehouse.request(method, "/_stcore/upload_file/a/b", headers=OWN).status_code == 405


def test_sessions_end_after_their_time_and_without_a_sign_of_life(portal: Any) -> None:
    now = [0.0]
    portal.reception.clock = lambda: now[0]
    idle, busy = portal.reception.admit(portal.house.owner), portal.reception.admit(portal.house.owner)
    while now[0] < desk_of.LIFETIME_S - desk_of.IDLE_S / 2:
        now[0] += desk_of.IDLE_S / 2
        assert portal.reception.desk(busy) is not None
    assert portal.reception.desk(idle) is None
    now[0] += desk_of.IDLE_S / 2
    assert portal.reception.desk(busy) is None


def test_a_full_reception_ends_the_session_that_was_silent_longest(
    portal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_of, "SESSIONS_MAX", 2)
    now = [0.0]
    portal.reception.clock = lambda: now[0]
    portal.reception.dismiss(portal.session)
    ids = []
    for _ in range(3):
        now[0] += 1
        ids.append(portal.reception.admit(portal.house.owner))
    assert [portal.reception.desk(held) is None for held in ids] == [True, False, False]


def test_no_session_and_no_desk_shows_its_token(portal: Any) -> None:
    desk = portal.reception.desk(portal.session)
    assert portal.house.owner not in repr(portal.reception) + repr(desk) + repr(vars(desk))
    assert portal.session not in repr(vars(portal.reception)["_sessions"])
    with pytest.raises(TypeError, match="never written"):
        copy.copy(desk)


def test_without_a_reception_the_pages_say_how_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_of, "_opened", [])
    with pytest.raises(LookupError, match="jali portal"):
        desk_of.of_this_process()


def test_a_node_of_another_time_is_refused(portal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_of, "WIRE_VERSION", 9)
    with pytest.raises(errors.IncompatibleNode):
        portal.reception.admit(portal.house.owner)
