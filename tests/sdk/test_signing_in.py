"""`jali login` and what comes after it, before a real node and a real provider, both processes."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx2
import pytest
from click.testing import CliRunner

import jali
from jali import commands, errors, profile, signin
from jali.transport import Transport

pytestmark = pytest.mark.slow
PASSWORD, OTHER = "the heron eats at noon", "nine kettles in the attic"


def typed(*arguments: str, answers: str = "", code: int = 0) -> str:
    result = CliRunner().invoke(commands.jali(), list(arguments), input=answers)
    assert result.exit_code == code, result.output
    return result.output


@dataclass
class Served:
    """A node's address, its folder, and its owner's token."""

    url: str
    folder: Path
    owner: str

    def invitation(self, name: str) -> str:
        return typed("node", "user", "invite", name, "--folder", str(self.folder)).split()[-1]


@pytest.fixture(scope="module")
def served(running_provider: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served") / "node"
    owner = typed("node", "init", "--name", "Clinic", "--owner", "Olga", "--folder", str(folder)).split()[-1]
    typed("node", "user", "add", "Dana", "--folder", str(folder))
    command = [sys.executable, "-m", "jali", "node", "serve", "--folder", str(folder), "--port", "0"]
    trusted = json.dumps({"uni": running_provider.settings})
    with subprocess.Popen(
        [*command, "--stop-with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "JALI_NODE_OIDC": trusted},
    ) as process:
        assert process.stdout is not None
        yield Served(process.stdout.readline().split()[-1], folder, owner)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


@pytest.fixture(autouse=True)
def _own_profiles_and_no_open_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("JALI_CONFIG", str(tmp_path))
    monkeypatch.delenv("JALI_TOKEN", raising=False)
    ways: list[Transport] = []
    opened = Transport.__init__

    def opening(way: Transport, *arguments: Any, **options: Any) -> None:
        opened(way, *arguments, **options)
        ways.append(way)

    monkeypatch.setattr(Transport, "__init__", opening)
    yield
    for way in ways:
        way.close()


def test_invitation_password_token_change_and_sign_out_from_the_command_line(served: Served) -> None:
    invitation = served.invitation("Dana")
    said = typed("login", served.url, "--invitation", answers=f"{invitation}\n{PASSWORD}\n{PASSWORD}\n")
    assert "signed in to Clinic as Dana (data_scientist) until 20" in said
    assert invitation not in said
    assert PASSWORD not in said
    assert "error: the name or the password is wrong" in typed(
        "login", served.url, "--user", "Dana", answers=f"{OTHER}\n", code=1
    )
    typed("login", served.url, "--user", "Dana", answers=f"{PASSWORD}\n")
    made = typed("token", "create", "--for", "a script", "--scope", "ask", "--days", "3")
    [text] = re.findall(r"^jali_\S+$", made, re.M)
    with pytest.raises(errors.AccessDenied, match="this token is for ask, and this needs admin"):
        jali.connect(served.url, text).account.tokens()
    listed = typed("token", "list").splitlines()
    assert [line.split("\t")[1] for line in listed] == ["a script", "session", "session"]
    assert text not in str(listed)
    assert "has ended" in typed("token", "revoke", listed[0].split("\t")[0])
    with pytest.raises(errors.NotSignedIn):
        jali.connect(served.url, text)
    changed = typed("password", answers=f"{PASSWORD}\n{OTHER}\n{OTHER}\n")
    assert "2 sessions have ended" in changed
    with pytest.raises(errors.NotSignedIn):
        jali.connect()
    typed("login", served.url, "--user", "Dana", answers=f"{OTHER}\n")
    session = profile.stored()["default"].token
    assert "the session has ended; profile 'default' is gone" in typed("logout")
    assert profile.stored() == {}
    with pytest.raises(errors.NotSignedIn):
        jali.connect(served.url, session)


def test_signing_out_with_a_token_says_that_it_stays_good(served: Served) -> None:
    typed("login", served.url, "--token-stdin", answers=f"{served.owner}\n")
    assert "stays good until it ends or is revoked" in typed("logout")
    assert jali.connect(served.url, served.owner).me.name == "Olga"


def comes_back(provider: Any, user: str, pages: list[str], **changed: str) -> Any:
    """Return a browser that signs in and comes back, in a thread, as the real one does."""

    def browse(url: str) -> None:
        brought = {**provider.visit(url, user), **changed}
        pages.append(httpx2.get(brought.pop("to"), params=brought).text)

    return lambda url: threading.Thread(target=browse, args=(url,)).start()


def test_a_browser_signs_in_by_the_loopback_and_an_invitation_binds_it(
    served: Served, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []
    monkeypatch.setattr(click, "launch", comes_back(provider, "rosa", pages))
    refused = typed("login", served.url, "--browser", code=1)
    assert "jali node user bind" in refused.replace("\n", " ")
    invitation = served.invitation("Olga")
    assert "as Olga (owner)" in typed("login", served.url, "--browser", "--invitation", answers=f"{invitation}\n")
    assert "as Olga (owner)" in typed("login", served.url, "--provider", "uni")
    assert all("Back to Python" in page for page in pages)
    people = jali.connect().owner.people
    assert {person.name: person.ways for person in people.all()}["Olga"] == (provider.issuer,)


def test_a_page_that_does_not_carry_the_state_is_turned_away_and_the_wait_goes_on(
    served: Served, provider: Any
) -> None:
    pages: list[str] = []

    def browse(url: str) -> None:
        brought = provider.visit(url, "rosa")
        to = brought.pop("to")
        for forged in ({**brought, "state": "x" * 43}, {"code": "stolen"}, {}):
            pages.append(httpx2.get(to, params=forged).text)
        pages.append(httpx2.get(to.replace("/back", "/other"), params=brought).text)
        pages.append(httpx2.get(to, params=brought).text)

    way = Transport(served.url)
    session = signin.by_browser(way, opened=lambda url: threading.Thread(target=browse, args=(url,)).start())
    assert session.name == "Olga"
    assert ["Back to Python" in page for page in pages] == [False, False, False, False, True]


def test_a_browser_that_says_no_or_never_comes_back_is_told(served: Served, provider: Any) -> None:
    way = Transport(served.url)

    def declines(url: str) -> None:
        query = httpx2.URL(url).params
        back = query["redirect_uri"]
        threading.Thread(
            target=httpx2.get, args=(back,), kwargs={"params": {"state": query["state"], "error": "access_denied"}}
        ).start()

    with pytest.raises(errors.NotSignedIn, match="the provider says: access_denied"):
        signin.by_browser(way, opened=declines)
    with pytest.raises(errors.NotSignedIn, match="did not come back within"):
        signin.by_browser(way, opened=lambda url: None, wait_s=0.1)
    with pytest.raises(errors.InvalidRequest, match="no such provider; this node knows uni"):
        signin.by_browser(way, "none")


def test_an_owner_adds_invites_promotes_and_removes_people_from_python(served: Served) -> None:
    people = jali.connect(served.url, served.owner).owner.people
    nora = people.add("Nora New")
    session = signin.by_invitation(Transport(served.url), people.invite(nora, days=1).text, PASSWORD)
    assert people.change_role(nora, "reviewer").role == "reviewer"
    [token] = people.tokens(nora)
    assert token.session
    people.revoke(nora, token)
    with pytest.raises(errors.NotSignedIn):
        jali.connect(served.url, session.token)
    assert people.bind(nora, "https://id.example", "nora").ways == ("password", "https://id.example")
    assert people.remove(nora).removed_at is not None
    olga = next(person for person in people.all() if person.name == "Olga")
    with pytest.raises(errors.InvalidRequest, match="last owner"):
        people.remove(olga)
