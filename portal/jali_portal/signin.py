"""Signing in and out, as plain HTML forms. A token is read from a form once; the browser keeps a random id only."""

from html import escape
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from jali import errors
from jali_portal.gate import SIGN_IN, SIGN_OUT
from jali_portal.reception import LIFETIME_S, Reception

FORM_BYTES_MAX = 8192
STYLE = """
@font-face{font-family:Inter;font-weight:100 900;src:url(/app/static/inter-latin-wght-normal.woff2)}
*{box-sizing:border-box}
body{font:15px/1.5 Inter,system-ui,sans-serif;background:#f3f5f4;color:#17242b;display:grid;place-items:center;
min-height:100vh;margin:0;padding:16px}
main{background:#fff;border:1px solid #d5dcda;border-radius:10px;padding:36px;width:100%;max-width:420px}
img{height:32px;display:block;margin-bottom:24px}
h1{font-size:21px;line-height:1.3;margin:0 0 6px;font-weight:650}
p{margin:0 0 20px;color:#4b5a60}
label{display:block;font-weight:600;margin:0 0 6px}
input{width:100%;padding:10px 12px;border:1px solid #83939a;border-radius:6px;font:inherit}
button{margin-top:20px;width:100%;padding:11px;border:0;border-radius:6px;background:#0f5a6b;color:#fff;font:inherit;
font-weight:600;cursor:pointer}
button:hover{background:#0b4754}
:focus-visible{outline:3px solid #5aa9b8;outline-offset:2px}
.refused{background:#fdf0ee;border:1px solid #e5b5ad;color:#8c1d10;border-radius:6px;padding:10px 12px}
.small{font-size:13px;margin:20px 0 0}
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Jali</title><link rel="icon" href="/app/static/icon.svg"><style>{style}</style></head>
<body><main><img src="/app/static/logo.svg" alt="Jali">
<h1>Review desk</h1><p>For the owners of the data behind this node.</p>{refused}
<form method="post" action="{action}"><label for="token">Your API token</label>
<input id="token" name="token" type="password" autocomplete="off" spellcheck="false" required autofocus>
<button>Sign in</button></form>
<p class="small">It stays on this server and is sent to the node alone. A new one is made beside the node, with
<code>jali node token create</code>.</p></main></body></html>"""


def routes(reception: Reception) -> list[Route]:
    """Return the routes of a reception."""

    async def form(request: Request) -> Response:
        return page()

    async def sign_in(request: Request) -> Response:
        token = await _token(request)
        if token is None:
            return page("That is longer than any token.", 413)
        try:
            session_id = await run_in_threadpool(reception.admit, token)
        except errors.JaliError as failure:
            return page(*_told(failure))
        reception.dismiss(request.cookies.get(reception.cookie))
        reply = RedirectResponse("/", 303)
        reply.set_cookie(
            reception.cookie,
            session_id,
            max_age=int(LIFETIME_S),
            path="/",
            httponly=True,
            samesite="strict",
            secure=reception.secure,
        )
        return reply

    async def sign_out(request: Request) -> Response:
        reception.dismiss(request.cookies.get(reception.cookie))
        reply = RedirectResponse(SIGN_IN, 303)
        reply.delete_cookie(reception.cookie, path="/", httponly=True, samesite="strict", secure=reception.secure)
        return reply

    return [
        Route(SIGN_IN, form, methods=["GET"]),
        Route(SIGN_IN, sign_in, methods=["POST"]),
        Route(SIGN_OUT, sign_out, methods=["POST"]),
    ]


def page(refused: str = "", status: int = 200) -> HTMLResponse:
    """Return the sign-in page, saying what was refused."""
    told = f'<p class="refused" role="alert">{escape(refused)}</p>' if refused else ""
    return HTMLResponse(PAGE.format(style=STYLE, refused=told, action=SIGN_IN), status)


async def _token(request: Request) -> str | None:
    """Return the form's token, or None if the form is too long to hold one."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES_MAX:
            return None
    fields = parse_qs(body.decode("utf-8", "replace"))
    return fields.get("token", [""])[0].strip()


def _told(failure: errors.JaliError) -> tuple[str, int]:
    match failure:
        case errors.TokenExpired():
            return "This token has expired. Make a new one beside the node.", 401
        case errors.NotSignedIn():
            return "The node does not know this token. Was all of it copied?", 401
        case errors.AccessDenied():
            return "This is not an owner's token. Only the data's owners review requests.", 403
        case errors.NodeUnreachable() | errors.NodeUnavailable():
            return "The node does not answer now. Try again in a moment.", 503
        case _:
            return str(failure), 502
