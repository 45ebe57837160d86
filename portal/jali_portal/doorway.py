"""What is seen before the gate: plain HTML, no script, every value escaped."""

from html import escape

from starlette.responses import HTMLResponse

from jali.wire.signin import PASSWORD_MIN, SignIn
from jali_portal.gate import INVITATION, PROVIDER, SIGN_IN

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
h2{font-size:13px;font-weight:600;color:#4b5a60;margin:28px 0 12px;padding-top:20px;border-top:1px solid #d5dcda}
label+input+label{margin-top:14px}
.quiet{background:#fff;color:#0f5a6b;border:1px solid #0f5a6b}
.quiet:hover{background:#eef4f5}
a{color:#0f5a6b}
.small{font-size:13px;margin:20px 0 0}
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">{more}
<title>{title} · Jali</title><link rel="icon" href="/app/static/icon.svg"><style>{style}</style></head>
<body><main><img src="/app/static/logo.svg" alt="Jali">
<h1>{title}</h1><p>{lead}</p>{body}</main></body></html>"""
BY_NAME = """<form method="post" action="{action}"><label for="name">Your name</label>
<input id="name" name="name" autocomplete="username" spellcheck="false" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button></form>"""
BY_KEY = """<form method="post" action="{action}"><label for="token">Your API token</label>
<input id="token" name="token" type="password" autocomplete="off" spellcheck="false" required>
<button class="quiet">Sign in by token</button></form>
<p class="small">It stays on this server and is sent to the node alone. A new one is made beside the node, with
<code>jali node token create</code>.</p>"""
BY_PROVIDER = """<form method="post" action="{action}"><input type="hidden" name="provider" value="{name}">
<button class="quiet">Sign in with {title}</button></form>"""
ACCEPT = """<form method="post" action="{action}"><label for="invitation">Your invitation</label>
<input id="invitation" name="invitation" type="password" autocomplete="off" spellcheck="false" required autofocus>
{ways}</form>"""
CHOOSE = """<label for="password" style="margin-top:14px">New password, {least} characters or more</label>
<input id="password" name="password" type="password" autocomplete="new-password" minlength="{least}">
<label for="again" style="margin-top:14px">The same again</label>
<input id="again" name="again" type="password" autocomplete="new-password">
<button>Set the password</button>
<p class="small">Four words that do not belong together will do.</p>"""


def sign_in(ways: SignIn, refused: str = "", status: int = 200) -> HTMLResponse:
    """Return the sign-in page with the ways that the node offers, saying what was refused."""
    parts = [BY_NAME.format(action=SIGN_IN)] if ways.password else []
    parts += [
        BY_PROVIDER.format(action=PROVIDER, name=escape(provider.name, quote=True), title=escape(provider.title))
        for provider in ways.providers
    ]
    if parts:
        parts.append(f'<p class="small">Invited? <a href="{INVITATION}">Take up your invitation</a>.</p><h2>Or</h2>')
    parts.append(BY_KEY.format(action=SIGN_IN))
    return _page(
        "Review desk",
        "For those who own, review or audit the data behind this node.",
        _told(refused) + "".join(parts),
        status,
    )


def accept(ways: SignIn, refused: str = "", status: int = 200) -> HTMLResponse:
    """Return the page where an invitation is taken up, with a password or a provider."""
    parts = [CHOOSE.format(least=PASSWORD_MIN)] if ways.password else []
    parts += [
        f'<button class="quiet" name="provider" value="{escape(provider.name, quote=True)}" formaction="{PROVIDER}">'
        f"Use {escape(provider.title)} instead</button>"
        for provider in ways.providers
    ]
    body = _told(refused) + ACCEPT.format(action=INVITATION, ways="".join(parts))
    return _page("Your invitation", "It is good for one use. An owner of the node made it out for you.", body, status)


def onward(url: str, title: str, lead: str, link: str) -> HTMLResponse:
    """Return a page that leads on. A redirect would not do: it would not carry a strict cookie that was just set, and
    a form may not lead to another host.
    """
    safe = escape(url, quote=True)
    return _page(
        title,
        lead,
        f'<p><a href="{safe}">{escape(link)}</a></p>',
        more=f'<meta http-equiv="refresh" content="0;url={safe}">',
    )


def told(title: str, lead: str) -> HTMLResponse:
    """Return a page that only says something."""
    return _page(title, lead, "")


def _page(title: str, lead: str, body: str, status: int = 200, more: str = "") -> HTMLResponse:
    return HTMLResponse(PAGE.format(style=STYLE, title=escape(title), lead=escape(lead), body=body, more=more), status)


def _told(refused: str) -> str:
    return f'<p class="refused" role="alert">{escape(refused)}</p>' if refused else ""
