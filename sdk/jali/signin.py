"""Signing in from a program: by password, with an invitation, or in a browser that comes back to this machine.

The browser's way is that of RFC 8252: the node's provider sends it back to a port of 127.0.0.1 that is open for this
one sign-in. What it brings is worth nothing without the ticket, which never leaves this program.
"""

import hmac
import threading
import webbrowser
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jali import errors
from jali.eda.facts import built
from jali.transport import Transport
from jali.wire.node import NodeInfo
from jali.wire.signin import Acceptance, Detour, DetourForm, DetourReturn, PasswordForm, SessionToken

BACK = "/back"
WAIT_S = 300.0
PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Jali</title>"
    "<p style='font:16px system-ui;margin:3em'>{told} You may close this window.</p>"
)


def by_password(transport: Transport, name: str, password: str) -> SessionToken:
    """Begin a session.

    Raises:
        NotSignedIn: name and password do not belong together.
        TooManyAttempts: `facts["wait_s"]` says how long to wait.
    """
    return transport.post("/v1/sign-in/password", built(PasswordForm, name=name, password=password), SessionToken)


def by_invitation(transport: Transport, invitation: str, password: str) -> SessionToken:
    """Set the password of whom an invitation was made out for, and begin a session.

    Raises:
        NotSignedIn: the invitation is used, replaced or too old.
        InvalidRequest: the password will not do.
    """
    form = built(Acceptance, invitation=invitation, password=password)
    return transport.post("/v1/sign-in/invitation", form, SessionToken)


def by_browser(
    transport: Transport,
    provider: str | None = None,
    invitation: str | None = None,
    opened: Callable[[str], Any] = webbrowser.open,
    wait_s: float = WAIT_S,
) -> SessionToken:
    """Begin a session with a provider, in a browser on this machine.

    Args:
        transport: the way to the node, without a token.
        provider: its name at the node; not needed where there is one.
        invitation: binds the person it was made out for to who they are to the provider.
        opened: opens the browser at an address.
        wait_s: how long to wait for it to come back.

    Raises:
        InvalidRequest: there are several providers, or none.
        NotSignedIn: the provider or its user said no, or the browser did not come back in time.
        AccessDenied: the provider knows them, and nobody at the node does.
    """
    chosen = provider or _only_provider(transport)
    with _Listening() as listening:
        form = built(DetourForm, provider=chosen, redirect_uri=listening.address)
        detour = transport.post("/v1/sign-in/detour", form, Detour)
        listening.state = detour.state
        opened(detour.url)
        brought = listening.waited(wait_s)
    if "code" not in brought:
        raise errors.NotSignedIn(f"the provider says: {brought.get('error', 'nothing')[:100]}")
    came = built(
        DetourReturn,
        ticket=detour.ticket,
        state=brought["state"],
        code=brought["code"],
        iss=brought.get("iss"),
        invitation=invitation,
    )
    return transport.post("/v1/sign-in/return", came, SessionToken)


def _only_provider(transport: Transport) -> str:
    names = [provider.name for provider in transport.get("/v1/node", NodeInfo).sign_in.providers]
    if len(names) != 1:
        known = f"one of {', '.join(names)}" if names else "none: sign in by password or with a token"
        raise errors.InvalidRequest(f"name the provider; the node offers {known}", field="provider")
    return names[0]


class _Listening:
    """A port of 127.0.0.1 that waits for one browser. What does not carry the right state is turned away."""

    state = ""

    def __init__(self) -> None:
        self._back = threading.Event()
        self._brought: dict[str, str] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{BACK}"

    def __enter__(self) -> "_Listening":
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def waited(self, wait_s: float) -> dict[str, str]:
        if not self._back.wait(wait_s):
            raise errors.NotSignedIn(f"the browser did not come back within {wait_s:g} s; run it again")
        return self._brought

    def take(self, target: str) -> bool:
        """Take what a browser brings, if it is of this sign-in."""
        parts = urlsplit(target)
        brought = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != BACK or not self.state or self._back.is_set():
            return False
        if not hmac.compare_digest(brought.get("state", "").encode(), self.state.encode()):
            return False
        self._brought = brought
        self._back.set()
        return True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listening = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                taken = listening.take(self.path)
                page = PAGE.format(told="Back to Python." if taken else "This is not the sign-in that Jali waits for.")
                self.send_response(200 if taken else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Cache-Control", "no-store")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, *args: object) -> None:
                """Write no log: its lines would hold the code."""

        return Handler
