"""The ways in before the gate: by password, by invitation, with a real provider; and the session at the node."""

import html
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from tests.portal.conftest import Portal

from jali_node.actions.people.invite import invite_by_name
from jali_portal import signin
from jali_portal.gate import Gate

PASSWORD = "the heron eats at noon"
HERE = "http://127.0.0.1:8500"
OWN = {"origin": HERE}
PAGE = {"accept": "text/html"}


def sessions(portal: Any) -> list[Any]:
    found = portal.house.get("/v1/me/tokens", portal.house.owner).json()
    return [token for token in found if token["session"]]


@pytest.fixture
def trusting(build_bureau: Callable[..., Any], provider: Any, at_ease: None) -> Any:
    """Return a portal before a node that trusts the provider."""
    return Portal(build_bureau(oidc={"uni": {**provider.settings, "title": "The <University>"}}))


@pytest.fixture
def browser(trusting: Any) -> Iterator[TestClient]:
    def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse("inside")

    app = Starlette(
        routes=[*signin.routes(trusting.reception), Route("/", home)],
        middleware=[Middleware(Gate, reception=trusting.reception, hosts=frozenset({"127.0.0.1"}))],
    )
    with TestClient(app, base_url=HERE, follow_redirects=False) as client:
        yield client


def posted(browser: TestClient, path: str, **fields: str) -> Any:
    return browser.post(path, data=fields, headers=OWN)


def accepted(browser: TestClient, portal: Any, name: str = "Olga Owner", **fields: str) -> Any:
    invitation = invite_by_name(portal.house.node, name, 7).text
    given = {"invitation": invitation, "password": PASSWORD, "again": PASSWORD, **fields}
    return posted(browser, "/session/invitation", **given)


def out(browser: TestClient, **fields: str) -> str:
    page = posted(browser, "/session/provider", provider="uni", **fields)
    assert page.status_code == 200, page.text
    for part in ("HttpOnly", "SameSite=lax", "Path=/session/"):
        assert part in page.headers["set-cookie"]
    return html.unescape(re.findall(r'http-equiv="refresh" content="0;url=([^"]+)"', page.text)[0])


def back(browser: TestClient, brought: dict[str, str]) -> Any:
    return browser.get("/session/provider", params={name: brought[name] for name in ("state", "code")})


def test_the_page_offers_what_the_node_offers_and_a_token_always(browser: TestClient, trusting: Any) -> None:
    page = browser.get("/session/login").text
    for words in ("Your name", "Sign in with The &lt;University&gt;", "Take up your invitation", "Your API token"):
        assert words in page
    trusting.down = True
    page = browser.get("/session/login").text
    assert "Your API token" in page
    assert "Password" not in page


def test_an_invitation_leads_in_and_signing_out_ends_the_session_at_the_node(
    browser: TestClient, trusting: Any
) -> None:
    reply = accepted(browser, trusting)
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    assert browser.get("/", headers=PAGE).text == "inside"
    assert len(sessions(trusting)) == 1
    posted(browser, "/session/logout")
    assert sessions(trusting) == []
    wrong = posted(browser, "/session/login", name="Olga Owner", password="it is not this one")
    assert wrong.status_code == 401
    assert "The name or the password is wrong" in wrong.text
    assert "it is not this" not in wrong.text
    assert posted(browser, "/session/login", name="Olga Owner", password=PASSWORD).status_code == 303
    assert len(sessions(trusting)) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"again": "another"}, "The two passwords are not the same"),
        ({"password": "short", "again": "short"}, "expected 15 to 1000 characters, got 5"),
        ({"invitation": "jali_invitation_of_nobody"}, "This node does not know the invitation"),
        ({"password": "x" * 1001, "again": "x" * 1001}, "longer than any"),
    ],
)
def test_an_invitation_that_cannot_be_taken_up_is_told_in_words(
    browser: TestClient, trusting: Any, fields: dict[str, str], words: str
) -> None:
    reply = accepted(browser, trusting, **fields)
    assert reply.status_code in (400, 401)
    assert words in reply.text
    assert "set-cookie" not in reply.headers


def test_who_decides_nothing_is_welcomed_and_sent_to_python_and_no_session_stays(
    browser: TestClient, trusting: Any
) -> None:
    reply = accepted(browser, trusting, "Dana Scientist")
    assert reply.status_code == 200
    assert "jali login" in reply.text
    assert "set-cookie" not in reply.headers
    assert not any(token["session"] for token in trusting.house.get("/v1/me/tokens").json())


def test_guessing_is_slowed_down_in_words(browser: TestClient) -> None:
    replies = [posted(browser, "/session/login", name="Olga Owner", password=f"guess {n}") for n in range(4)]
    assert [reply.status_code for reply in replies] == [401] * 3 + [429]
    assert "Too many attempts. Wait" in replies[-1].text


def test_a_provider_leads_in_once_the_owner_is_bound_by_an_invitation(
    browser: TestClient, trusting: Any, provider: Any
) -> None:
    stranger = back(browser, provider.visit(out(browser), "rosa"))
    assert stranger.status_code == 403
    assert "jali node user bind" in stranger.text
    invitation = invite_by_name(trusting.house.node, "Olga Owner", 7).text
    brought = provider.visit(out(browser, invitation=invitation), "rosa")
    assert brought["to"] == f"{HERE}/session/provider"
    reply = back(browser, brought)
    assert reply.status_code == 200
    assert any(
        "SameSite=strict" in cookie and "Max-Age=28800" in cookie for cookie in reply.headers.get_list("set-cookie")
    )
    assert browser.get("/", headers=PAGE).text == "inside"
    assert [token["name"] for token in sessions(trusting)] == ["uni"]


def test_what_another_browser_began_is_not_finished_here(browser: TestClient, provider: Any) -> None:
    brought = provider.visit(out(browser), "rosa")
    browser.cookies.clear()
    refused = back(browser, brought)
    assert (refused.status_code, "was begun here" in refused.text) == (401, True), "a stranger's link signs nobody in"
    out(browser)
    assert back(browser, brought).status_code == 401, "the state is another one's"
    fresh = provider.visit(out(browser), "rosa")
    held = dict(browser.cookies)
    back(browser, fresh)
    browser.cookies.update(held)
    assert "was begun here" in back(browser, fresh).text, "it is good for one try"


def test_another_page_can_neither_send_a_browser_out_nor_take_up_an_invitation(browser: TestClient) -> None:
    for path in ("/session/provider", "/session/invitation"):
        assert browser.post(path, data={"provider": "uni"}, headers={"origin": "http://evil.test"}).status_code == 403


def test_a_session_that_is_over_here_ends_at_the_node_too(browser: TestClient, trusting: Any) -> None:
    now = [0.0]
    trusting.reception.clock = lambda: now[0]
    accepted(browser, trusting)
    assert len(sessions(trusting)) == 1
    now[0] += 3601
    assert browser.get("/").status_code == 401
    for thread in [thread for thread in threading.enumerate() if thread.name == "leaving"]:
        thread.join(10)
    assert sessions(trusting) == []
