"""What every request passes before anything else sees it: the host it names, where it comes from, and its session."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jali_portal.reception import Reception

SIGN_IN, SIGN_OUT = "/session/login", "/session/logout"
PROVIDER, INVITATION = "/session/provider", "/session/invitation"
OPEN_PATHS = (SIGN_IN, SIGN_OUT, PROVIDER, INVITATION, "/_stcore/health")
OPEN_FOLDER = "/app/static/"
"""Fonts and the logo: the sign-in page shows them."""
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with "no-referrer" a form's Origin would be null, which the gate refuses
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
REFUSED_WEBSOCKET = 1008


class Gate:
    """Passes what a signed-in owner's browser sends from the portal's own pages, and nothing else.

    Args:
        app: what is behind the gate.
        reception: knows the sessions.
        hosts: the names that browsers may call the portal by; another name is somebody's rebound address.
    """

    def __init__(self, app: ASGIApp, reception: Reception, hosts: frozenset[str]) -> None:
        self._app = app
        self._reception = reception
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is not None:
                await receive()
                return await send({"type": "websocket.close", "code": REFUSED_WEBSOCKET})
            return await self._app(scope, receive, send)
        passed = self._app if refusal is None else refusal
        return await passed(scope, receive, _with_headers(send, scope["path"], self._reception.secure))

    def _refusal(self, scope: Scope) -> Response | None:
        connection = HTTPConnection(scope)
        headers, path = connection.headers, connection.url.path
        if _hostname(headers.get("host", "")) not in self._hosts:
            return PlainTextResponse("this portal is not known by that name", 421)
        changes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if changes and not self._from_own_pages(headers):
            return PlainTextResponse("only the portal's own pages may send this", 403)
        if path in OPEN_PATHS or path.startswith(OPEN_FOLDER):
            return None
        if scope["type"] == "http" and changes:
            return PlainTextResponse("there is nothing to send here", 405)
        if self._reception.desk(connection.cookies.get(self._reception.cookie)) is not None:
            return None
        if headers.get("accept", "").startswith("text/html"):
            return RedirectResponse(SIGN_IN, 303)
        return PlainTextResponse("sign in first", 401)

    def _from_own_pages(self, headers: Headers) -> bool:
        """Say whether a request comes from a page of this very origin, by what browsers say and pages cannot."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site") == "same-origin"
        parts = urlsplit(origin)
        scheme = "https" if self._reception.secure else "http"
        return (parts.scheme, parts.netloc) == (scheme, headers.get("host", ""))


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _with_headers(send: Send, path: str, secure: bool) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            if secure:
                headers["Strict-Transport-Security"] = "max-age=31536000"
            if path.startswith("/session/"):
                headers["Cache-Control"] = "no-store"
        await send(message)

    return sending
