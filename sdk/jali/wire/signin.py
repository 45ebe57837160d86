"""Signing in: what a node offers, what is sent, and the session that comes of it."""

from datetime import datetime

from pydantic import Field

from jali.wire.base import Reply, Request
from jali.wire.person import NAME_MAX

PASSWORD_MIN, PASSWORD_MAX = 15, 1000
"""Characters. 15 is what NIST SP 800-63B-4 asks for where nothing but a password is needed."""


class Provider(Reply):
    """An OIDC provider that a node trusts: the name that is sent, and the one that people read."""

    name: str
    title: str


class SignIn(Reply):
    """The ways in that a node offers, besides tokens."""

    password: bool = False
    providers: tuple[Provider, ...] = ()


class PasswordForm(Request):
    """Signing in by name and password."""

    name: str = Field(max_length=NAME_MAX)
    password: str = Field(max_length=PASSWORD_MAX, repr=False)


class NewPassword(Request):
    """Another password for oneself. Every session ends, the caller's too."""

    current: str = Field(max_length=PASSWORD_MAX, repr=False)
    new: str = Field(max_length=PASSWORD_MAX, repr=False)


class Acceptance(Request):
    """An invitation, taken up with a first or a new password."""

    invitation: str = Field(max_length=200, repr=False)
    password: str = Field(max_length=PASSWORD_MAX, repr=False)


class DetourForm(Request):
    """The wish to sign in with a provider, which will send the browser back to `redirect_uri`."""

    provider: str = Field(max_length=NAME_MAX)
    redirect_uri: str = Field(max_length=500)


class Detour(Reply):
    """Where to send the browser. `state` comes back with it, and `ticket` never leaves whoever asked.

    Whoever asked compares `state` before they go on: what comes back with another one is somebody else's detour.
    """

    url: str
    state: str
    ticket: str = Field(repr=False)
    expires_at: datetime


class DetourReturn(Request):
    """What the browser brought back. An invitation binds the person to who they are to the provider."""

    ticket: str = Field(max_length=200, repr=False)
    state: str = Field(max_length=200)
    code: str = Field(max_length=4000, repr=False)
    iss: str | None = Field(default=None, max_length=500)
    invitation: str | None = Field(default=None, max_length=200, repr=False)


class SessionToken(Reply):
    """A session: a bearer token of every scope that ends when it is idle, at its end, and at signing out."""

    token: str = Field(repr=False)
    name: str
    expires_at: datetime
    idle_s: int


class Ended(Reply):
    """How many sessions and tokens have ended."""

    ended: int
