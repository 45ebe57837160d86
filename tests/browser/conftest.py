"""A node and its portal as processes, started by the commands that an owner would type, and Chromium before them."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from jali.node import Node
from jali.transport import Transport
from jali.wire.signin import Acceptance, SessionToken

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
)
CARD = """
name = "visits"
title = "Visits to the ward"
description = "One row is one visit."
population = "patients"
[columns.age]
type = "integer"
lower = 0
upper = 110
unit = "years"
meaning = "age at admission"
[columns.site]
type = "category"
categories = ["north", "south"]
meaning = "where the visit was"
"""


def chromium() -> str:
    """Return where Chromium is; a test that is asked for and cannot run fails, it is not skipped."""
    found = os.environ.get("JALI_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "no Chromium: apt-get install chromium, or set JALI_CHROMIUM to one"
    return found


@dataclass
class Clinic:
    """Addresses and tokens of a node with a portal."""

    node: str
    portal: str
    owner_token: str = field(repr=False)
    scientist_token: str = field(repr=False)
    folder: Path = Path()

    @cached_property
    def scientist(self) -> Node:
        return Node(Transport(self.node, self.scientist_token))

    @cached_property
    def owner(self) -> Node:
        return Node(Transport(self.node, self.owner_token))

    def comes_in(self, name: str, role: str) -> str:
        """Return the token of somebody new, who has just taken up an invitation."""
        people = self.owner.owner.people
        taken_up = Acceptance(invitation=people.invite(people.add(name, role)).text, password="the heron eats at noon")
        with closing(Transport(self.node)) as way:
            return way.post("/v1/sign-in/invitation", taken_up, SessionToken).token

    def close(self) -> None:
        for signed_in in (self.scientist, self.owner):
            signed_in.transport.close()


def typed(folder: Path, *arguments: str | Path) -> str:
    command = [sys.executable, "-m", "jali", "node", *map(str, arguments), "--folder", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def served(*arguments: str | Path, **environment: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "jali", *map(str, arguments), "--port", "0", "--stop-with-parent"]
    around = {**os.environ, **environment}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=around)
    assert process.stdout is not None
    deadline = threading.Timer(60, process.kill)
    deadline.start()
    line = process.stdout.readline()
    deadline.cancel()
    assert "http" in line, line
    return process, line[line.index("http") :].strip()


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory, running_provider: Any) -> Iterator[Clinic]:
    root = tmp_path_factory.mktemp("clinic")
    folder = root / "node"
    (root / "card.toml").write_text(CARD)
    rows = "".join(f"{(7 * i) % 90},{'north' if i % 3 else 'south'}\n" for i in range(3000))
    (root / "visits.csv").write_text("age,site\n" + rows)
    owner = typed(folder, "init", "--name", "Clinic North", "--owner", "Olga Owner").split()[-1]
    typed(folder, "population", "add", "patients", "--units", "3000", "--epsilon", "4")
    typed(folder, "dataset", "add", root / "visits.csv", "--card", root / "card.toml")
    typed(folder, "project", "add", "length of stay", "--purpose", "staffing of wards")
    typed(folder, "user", "add", "Dana Scientist", "--project", "length of stay")
    scientist = typed(folder, "token", "create", "Dana Scientist").split()[-1]
    trusted = json.dumps({"uni": running_provider.settings})
    node, node_url = served("node", "serve", "--folder", folder, JALI_NODE_OIDC=trusted)
    portal, portal_url = served("portal", "--node", node_url)
    opened = Clinic(node_url, portal_url, owner, scientist, folder)
    yield opened
    opened.close()
    for process in (portal, node):
        with process:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(20)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield opened
        opened.close()


@dataclass
class Visitor:
    """A browser window that notes every host it speaks to, and every error on its console."""

    page: Page
    clinic: Clinic
    hosts: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(20_000)
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("websocket", lambda socket: self._note(socket.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob"):
            self.hosts.add(parts.hostname or url)

    def sign_in(self, token: str = "") -> None:
        self.page.goto(self.clinic.portal)
        self.page.get_by_label("Your API token").fill(token or self.clinic.owner_token)
        self.page.get_by_role("button", name="Sign in by token").click()
        self.page.get_by_role("heading", name="Inbox").wait_for()

    @property
    def readable(self) -> str:
        """Everything that a page's own scripts could read of its storage and cookies."""
        return json.dumps(self.page.evaluate("[document.cookie, {...localStorage}, {...sessionStorage}]"))

    def go(self, address: str, heading: str) -> None:
        """Open a page and wait until all of it is drawn."""
        self.page.goto(f"{self.clinic.portal}{address}")
        self.page.get_by_role("heading", name=heading).first.wait_for()
        self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()

    def open(self, request_id: str) -> None:
        self.page.goto(f"{self.clinic.portal}/request?id={request_id}")
        self.page.get_by_role("heading", name="Privacy cost").wait_for()


@pytest.fixture
def visitor(browser: Browser, clinic: Clinic) -> Iterator[Visitor]:
    context: BrowserContext = browser.new_context(viewport={"width": 1380, "height": 1000}, timezone_id="UTC")
    opened = Visitor(context.new_page(), clinic)
    yield opened
    context.close()
    assert opened.hosts == {"127.0.0.1"}, "a request left the machine"
    assert not opened.errors


@pytest.fixture
def asked(clinic: Clinic) -> Iterator[Callable[..., str]]:
    """Return a way for the scientist to ask for access; it returns the request's id. What still waits is withdrawn."""

    def ask(purpose: str = "length of stay by site, for staffing", epsilon: float = 1.0) -> str:
        clinic.scientist["visits"].request_access(purpose=purpose, epsilon=epsilon)
        return clinic.scientist.requests()[0].id

    yield ask
    for wish in clinic.scientist.requests():
        if wish.status.is_open:
            wish.withdraw()


@pytest.fixture
def screenshot(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Page, str], Path]:
    """Return a way to take a picture, in the folder that JALI_SCREENSHOTS names, or else a temporary one."""
    folder = Path(os.environ.get("JALI_SCREENSHOTS") or tmp_path)

    def take(page: Page, name: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        return path

    return take
