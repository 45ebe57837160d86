"""Who is told of requests, and how: the only addresses that a node ever calls by itself. Set by its owner alone.

In `node.toml`:

    [notices]
    portal = "https://portal.example"        # notices link to it
    names = ["person", "project", "dataset"] # what a notice may name; ids alone if not given
    [[notices.webhooks]]
    name = "chat"
    url = "https://hooks.example/jali"
    secret = "whsec_..."
    [notices.mail]
    host = "mail.example"
    sender = "jali@example.org"
    owners = ["owner@example.org"]
    askers = {"Dana Scientist" = "dana@example.org"}
"""

import base64
import binascii
import ipaddress
import secrets
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret
SECRET_BYTES = (24, 64)
RETRY_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds after each failed attempt, as Standard Webhooks advises: ten attempts in three days."""


class Part(BaseModel):
    """A table of the settings; what is wrong is told without what was given, which may be a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _is_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    least, most = SECRET_BYTES
    if not text.startswith(SECRET_PREFIX) or not least <= len(key) <= most:
        raise ValueError(
            f"expected {SECRET_PREFIX} and {least} to {most} bytes in base64; make one with: jali node notify --secret"
        )
    return secret


def _is_address(address: str) -> str:
    user, _, host = address.rpartition("@")
    if not user or not host or any(character.isspace() or character in ",;<>" for character in address):
        raise ValueError("expected one mail address, such as owner@example.org")
    return address


Address = Annotated[str, Field(max_length=254), AfterValidator(_is_address)]


class Webhook(Part):
    """One URL that is told of requests by signed POSTs. `events` narrows them, None means all."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    url: str = Field(max_length=2000)
    secret: Annotated[SecretStr, AfterValidator(_is_secret)]
    events: tuple[str, ...] | None = None
    ca: Path | None = None
    insecure: bool = Field(default=False, description="allow http:// to another machine")

    @model_validator(mode="after")
    def _calls_what_its_owner_meant(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url: expected https:// and a host")
        if parts.username or parts.password or parts.fragment:
            raise ValueError("url: expected no user, password or fragment in it")
        if parts.scheme == "http" and not self.insecure and not is_this_machine(parts.hostname):
            raise ValueError("url: expected https:// for another machine; insecure = true allows http://")
        return self


class Mail(Part):
    """One SMTP server. `owners` are told of what is asked, `askers` (by their names here) of what becomes of theirs."""

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    ca: Path | None = None
    username: str | None = None
    password: SecretStr | None = None
    sender: Address
    owners: tuple[Address, ...] = ()
    askers: dict[str, Address] = Field(default_factory=dict)
    insecure: bool = Field(default=False, description="allow tls = none to another machine")

    @model_validator(mode="after")
    def _says_nothing_in_the_clear(self) -> Self:
        if self.tls == "none" and not self.insecure and not is_this_machine(self.host):
            raise ValueError("tls: expected starttls or implicit for another machine; insecure = true allows none")
        if (self.username is None) != (self.password is None):
            raise ValueError("username: expected both username and password, or neither")
        return self


class NoticeSettings(Part):
    """Who is told, what a notice may name, and how often it is tried."""

    portal: str | None = Field(
        default=None, pattern=r"^https?://[^\s?#]+$", description="the portal's address, to link"
    )
    names: tuple[Literal["person", "project", "dataset"], ...] = ()
    webhooks: tuple[Webhook, ...] = Field(default=(), max_length=20)
    mail: Mail | None = None
    timeout_s: float = Field(default=10.0, ge=0.1, le=60)
    poll_s: float = Field(default=2.0, ge=0.1, le=3600)
    retry_s: tuple[Annotated[float, Field(ge=0.1, le=604_800)], ...] = Field(default=RETRY_S, max_length=30)

    @model_validator(mode="after")
    def _one_webhook_of_a_name(self) -> Self:
        names = [webhook.name for webhook in self.webhooks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"webhooks: expected different names, got {twice[0]!r} {names.count(twice[0])} times")
        return self

    @property
    def tells_anybody(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self.webhooks or self.mail)


def new_secret() -> str:
    """Return a fresh secret for a webhook."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def is_this_machine(host: str) -> bool:
    """Say whether a host can only be the node's own machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
