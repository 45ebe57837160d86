"""Signing in and out, as plain HTML forms: by password, with a provider, by invitation, by token.

Secrets are read from a form once; the browser keeps random ids only.
"""

from typing import TypeVar
from urllib.parse import parse_qs

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from jali import errors
from jali.wire.signin import Acceptance, DetourForm, PasswordForm, SessionToken
from jali_portal import doorway
from jali_portal.gate import INVITATION, PROVIDER, SIGN_IN, SIGN_OUT
from jali_portal.reception import DETOUR_S, LIFETIME_S, Reception

FORM_BYTES_MAX = 8192
TOO_LONG = "That is longer than any of these can be."
MEANT_FOR_PYTHON = (
    "You are known to the node now. This desk is for its owners and reviewers: sign in from Python, with "
    "jali login and the node's address."
)
Fields = dict[str, str]
Form = TypeVar("Form", bound=BaseModel)


def routes(reception: Reception) -> list[Route]:
    """Return the routes of a reception."""
    desk = _Doorway(reception)
    return [
        Route(SIGN_IN, desk.form, methods=["GET"]),
        Route(SIGN_IN, desk.sign_in, methods=["POST"]),
        Route(SIGN_OUT, desk.sign_out, methods=["POST"]),
        Route(PROVIDER, desk.back, methods=["GET"]),
        Route(PROVIDER, desk.set_out, methods=["POST"]),
        Route(INVITATION, desk.invitation, methods=["GET"]),
        Route(INVITATION, desk.accept, methods=["POST"]),
    ]


class _Doorway:
    """Answers what comes before the gate."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._out = f"{reception.cookie}_out"

    async def form(self, request: Request) -> Response:
        """Show the ways in."""
        return await self._sign_in_page()

    async def sign_in(self, request: Request) -> Response:
        """Sign in by token, or by name and password."""
        fields = await _fields(request)
        if fields is None:
            return await self._sign_in_page(TOO_LONG, 413)
        try:
            if "password" not in fields:
                return await self._admitted(request, fields.get("token", "").strip())
            form = _made(PasswordForm, name=fields.get("name", ""), password=fields["password"])
            begun = await run_in_threadpool(self._reception.begun, "/v1/sign-in/password", form, _address(request))
            return await self._admitted(request, begun)
        except errors.JaliError as failure:
            return await self._sign_in_page(*_told(failure, "password" in fields))

    async def set_out(self, request: Request) -> Response:
        """Send the browser to a provider; a cookie of its own knows it again, which comes with a link from there."""
        fields = await _fields(request)
        if fields is None:
            return await self._sign_in_page(TOO_LONG, 413)
        scheme = "https" if self._reception.secure else "http"
        try:
            back = f"{scheme}://{request.headers['host']}{PROVIDER}"
            form = _made(DetourForm, provider=fields.get("provider", ""), redirect_uri=back)
            invitation = fields.get("invitation", "").strip() or None
            url, out = await run_in_threadpool(self._reception.set_out, form, invitation, _address(request))
        except errors.JaliError as failure:
            return await self._sign_in_page(*_told(failure, True))
        reply = doorway.onward(url, "To your provider", "You sign in there, and come back here.", "Go on")
        self._keep(reply, self._out, out, DETOUR_S, "/session/", "lax")
        return reply

    async def back(self, request: Request) -> Response:
        """Take the browser back from a provider, if it is the one that was sent out."""
        brought, out = request.query_params, request.cookies.get(self._out)
        try:
            begun = await run_in_threadpool(
                self._reception.back,
                out,
                brought.get("state", ""),
                brought.get("code", ""),
                brought.get("iss"),
                _address(request),
            )
            reply = await self._admitted(request, begun, onward=True)
        except errors.JaliError as failure:
            reply = await self._sign_in_page(*_told(failure, True))
        reply.delete_cookie(self._out, path="/session/", httponly=True, samesite="lax", secure=self._reception.secure)
        return reply

    async def invitation(self, request: Request) -> Response:
        """Ask for an invitation."""
        return doorway.accept(await run_in_threadpool(self._reception.ways))

    async def accept(self, request: Request) -> Response:
        """Take up an invitation with a password."""
        fields = await _fields(request)
        refused, status = TOO_LONG, 413
        if fields is not None:
            try:
                if fields.get("password", "") != fields.get("again", ""):
                    raise errors.InvalidRequest("The two passwords are not the same.", field="again")
                form = _made(
                    Acceptance,
                    invitation=fields.get("invitation", "").strip(),
                    password=fields.get("password", ""),
                )
                path = "/v1/sign-in/invitation"
                begun = await run_in_threadpool(self._reception.begun, path, form, _address(request))
                return await self._admitted(request, begun)
            except errors.JaliError as failure:
                refused, status = _told(failure, True)
        return doorway.accept(await run_in_threadpool(self._reception.ways), refused, status)

    async def sign_out(self, request: Request) -> Response:
        """End the session here and, if it was begun here, at the node."""
        await run_in_threadpool(self._reception.dismiss, request.cookies.get(self._reception.cookie))
        reply = RedirectResponse(SIGN_IN, 303)
        reply.delete_cookie(
            self._reception.cookie, path="/", httponly=True, samesite="strict", secure=self._reception.secure
        )
        return reply

    async def _admitted(self, request: Request, token: str | SessionToken, onward: bool = False) -> Response:
        """Begin a stay here. Whoever the node knows, but who decides nothing, is told the way."""
        begun_here = isinstance(token, SessionToken)
        text = token.token if isinstance(token, SessionToken) else token
        try:
            session_id = await run_in_threadpool(self._reception.admit, text, begun_here)
        except errors.AccessDenied:
            if begun_here:
                return doorway.told("Welcome", MEANT_FOR_PYTHON)
            raise
        await run_in_threadpool(self._reception.dismiss, request.cookies.get(self._reception.cookie))
        reply: Response = RedirectResponse("/", 303)
        if onward:
            reply = doorway.onward("/", "Signed in", "You are back from your provider.", "To the review desk")
        self._keep(reply, self._reception.cookie, session_id, LIFETIME_S, "/", "strict")
        return reply

    def _keep(self, reply: Response, name: str, value: str, seconds: float, path: str, samesite: str) -> None:
        reply.set_cookie(
            name,
            value,
            max_age=int(seconds),
            path=path,
            httponly=True,
            samesite="lax" if samesite == "lax" else "strict",
            secure=self._reception.secure,
        )

    async def _sign_in_page(self, refused: str = "", status: int = 200) -> Response:
        return doorway.sign_in(await run_in_threadpool(self._reception.ways), refused, status)


async def _fields(request: Request) -> Fields | None:
    """Return the form's fields, or None if it is too long to hold any of them."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES_MAX:
            return None
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def _made(form: type[Form], **fields: str) -> Form:
    try:
        return form(**fields)
    except ValidationError:
        raise errors.InvalidRequest(TOO_LONG) from None  # its own text would show what was typed


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _told(failure: errors.JaliError, by_person: bool) -> tuple[str, int]:
    match failure:
        case errors.TokenExpired():
            return "This token has expired. Make a new one beside the node.", 401
        case errors.NotSignedIn() if by_person:
            return str(failure)[:1].upper() + str(failure)[1:] + ".", 401
        case errors.NotSignedIn():
            return "The node does not know this token. Was all of it copied?", 401
        case errors.TooManyAttempts():
            return f"Too many attempts. Wait {failure.facts.get('wait_s', 60)} seconds, then try again.", 429
        case errors.AccessDenied() if by_person:
            return str(failure), 403
        case errors.AccessDenied():
            return (
                "This is a data scientist's way in. The portal is for the node's owners, reviewers and auditors.",
                403,
            )
        case errors.InvalidRequest():
            return str(failure), 400
        case errors.NodeUnreachable() | errors.NodeUnavailable():
            return "The node does not answer now. Try again in a moment.", 503
        case _:
            return str(failure), 502
