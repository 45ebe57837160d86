"""The provider as a test sees it, and a browser's way through it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2

CLIENT, SECRET, PASSWORD = "jali-node", "a secret of the node and the provider", "swordfish"
PORTAL = "http://127.0.0.1/session/provider"


@dataclass
class Provider:
    """A running provider, and the browsers that people have signed in to it with."""

    process: "subprocess.Popen[str]"
    address: str
    browsers: dict[str, httpx2.Client] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"{self.address}/o"

    @property
    def settings(self) -> dict[str, object]:
        return {"issuer": self.issuer, "client_id": CLIENT, "client_secret": SECRET, "title": "The University"}

    def lie(self, lie: str) -> None:
        """Make the next ID token tell a lie; an empty one takes an ordered lie back."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{lie}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "told\n"

    def visit(self, url: str, user: str = "dana") -> dict[str, str]:
        """Sign in as a browser does, and return what it is sent back with."""
        browser = self.browsers.setdefault(user, httpx2.Client(follow_redirects=False))
        while urlsplit(url).netloc == urlsplit(self.address).netloc:
            page = browser.get(url)
            if page.status_code == httpx2.codes.OK:
                page = browser.post(url, data={"user": user, "password": PASSWORD})
            assert page.is_redirect, page.text
            url = urljoin(url, page.headers["location"])
        return {"to": url.partition("?")[0], **dict(parse_qsl(urlsplit(url).query))}


@contextmanager
def running(folder: Path) -> Iterator[Provider]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.oidc.server", str(folder), PORTAL]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), "the provider did not start"
        provider = Provider(process, address)
        yield provider
        for browser in provider.browsers.values():
            browser.close()
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)
