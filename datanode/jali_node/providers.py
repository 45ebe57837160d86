"""What an owner writes down about an OIDC provider that people may sign in with, and about whom it lets in."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from jali.wire.person import Role


class Admission(BaseModel):
    """Lets in whoever's claim holds a value, with a role and as a member of projects. Owners are never made so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    claim: str = Field(min_length=1, max_length=100)
    value: str = Field(min_length=1, max_length=200)
    role: Role = Role.DATA_SCIENTIST
    projects: tuple[str, ...] = ()

    @field_validator("role")
    @classmethod
    def _is_no_owner(cls, role: Role) -> Role:
        if role is Role.OWNER:
            raise ValueError("owners are made by owners, not by a claim")
        return role


class ProviderSettings(BaseModel):
    """A provider: who it is, who this node is to it, and where it may send browsers back to.

    Nobody is let in by signing in, unless an `admit` rule says so; others are invited, or bound by an owner.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    issuer: str = Field(description="as it writes itself, such as https://id.example; http for this machine only")
    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = Field(default=None, description="none for a public client")
    client_secret_file: Path | None = None
    title: str = Field(default="", max_length=100, description="what people read; the provider's name unless set")
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    redirects: tuple[str, ...] = Field(default=(), description="portals' addresses; loopback is for the SDK")
    admit: tuple[Admission, ...] = ()

    @field_validator("issuer", "redirects")
    @classmethod
    def _is_safe(cls, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (given,) if isinstance(given, str) else given:
            if not is_safe(address):
                raise ValueError(f"expected an https address, or http on this machine, got {address}")
        return given

    @model_validator(mode="after")
    def _asks_for_an_id_token(self) -> Self:
        if "openid" not in self.scopes:
            raise ValueError("scopes: expected openid among them")
        if self.client_secret and self.client_secret_file:
            raise ValueError("client_secret: expected it here or in client_secret_file, not both")
        return self

    @property
    def secret(self) -> str | None:
        """The client's secret, wherever it is kept."""
        if self.client_secret_file is not None:
            return self.client_secret_file.read_text(encoding="utf-8").strip()
        return self.client_secret.get_secret_value() if self.client_secret else None

    def sends_back_to(self, address: str) -> bool:
        """Say whether browsers may be sent back to an address: a portal's, or a program's on its user's machine."""
        parts = urlsplit(address)
        return address in self.redirects or (parts.scheme == "http" and parts.hostname in LOOPBACK and not parts.query)


LOOPBACK = ("127.0.0.1", "::1")
"""RFC 8252, section 7.3: addresses rather than `localhost`, which may resolve elsewhere."""


def is_safe(address: str) -> bool:
    """Say whether what is sent to an address cannot be read on the way."""
    parts = urlsplit(address)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in (*LOOPBACK, "localhost"))
    )
