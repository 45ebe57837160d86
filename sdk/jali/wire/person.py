"""Who is asking, with what, and who else there is."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from jali.wire.base import Reply, Request
from jali.wire.project import Project

NAME_MAX = 200
DAYS_MAX = 3650


class Role(StrEnum):
    """What a person may do on a node.

    An owner may do everything that is an owner's. A reviewer reads what an owner reads and decides about requests and
    jobs. A data scientist asks, for their projects. An auditor reads what an owner reads, and changes nothing.
    """

    OWNER = "owner"
    REVIEWER = "reviewer"
    DATA_SCIENTIST = "data_scientist"
    AUDITOR = "auditor"


class Scope(StrEnum):
    """What a token may be used for, at most; its person's role still counts. A session has every scope.

    `catalog` reads datasets' cards and mock rows. `ask` quotes, asks, and requests access. `train` submits and follows
    jobs. `review` reads what overseers read, and decides. `admin` is everything else: people, tokens, policies.
    """

    CATALOG = "catalog"
    ASK = "ask"
    TRAIN = "train"
    REVIEW = "review"
    ADMIN = "admin"


class Me(Reply):
    """The person behind the token, and the projects they belong to. `until` is when the token or session ends."""

    id: str
    name: str
    role: Role
    projects: tuple[Project, ...]
    scopes: tuple[Scope, ...] = tuple(Scope)
    until: datetime | None = None


class Person(Reply):
    """Somebody with a role. `ways` says how they can sign in: by password, or the providers they are known to."""

    id: str
    name: str
    role: Role
    projects: tuple[str, ...]
    ways: tuple[str, ...]
    created_at: datetime
    invited_until: datetime | None = None
    removed_at: datetime | None = None


class PersonForm(Request):
    """A person to be added, as a member of the named projects."""

    name: str = Field(min_length=1, max_length=NAME_MAX)
    role: Role = Role.DATA_SCIENTIST
    projects: tuple[str, ...] = Field(default=(), max_length=100)


class RoleForm(Request):
    """Another role for a person."""

    role: Role


class ErasureForm(Request):
    """What else names a person who is to be erased: another spelling, a first name, an e-mail address."""

    also: tuple[Annotated[str, Field(min_length=2, max_length=NAME_MAX)], ...] = Field(default=(), max_length=50)


class Erasure(Reply):
    """Somebody whose name is gone, and the pseudonym in its place.

    `texts` counts the texts in which it stood. `parts` counts by word those that still hold a part of the name, which
    may mean somebody else. `settings` names the settings that name them, which only the owner's editor can change.
    """

    person: Person
    texts: int
    ended: int
    parts: dict[str, int] = Field(default_factory=dict)
    settings: tuple[str, ...] = ()


class IdentityForm(Request):
    """Who a person is to an OIDC provider: its issuer, and the subject under which it knows them."""

    issuer: str = Field(min_length=1, max_length=500)
    subject: str = Field(min_length=1, max_length=255)


class InvitationForm(Request):
    """An invitation to be made out."""

    days: int = Field(default=7, ge=1, le=30)


class Invitation(Reply):
    """An invitation, whose text is shown once and is good for one use. A newer one takes its place."""

    person: str
    text: str = Field(repr=False)
    expires_at: datetime


class Token(Reply):
    """An API token or a session, without its text, which is kept nowhere. `seen_at` is right to an hour or so."""

    id: str
    name: str
    session: bool
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime
    seen_at: datetime | None = None


class TokenForm(Request):
    """A token to be made: what it is called, what it is good for, and for how many days."""

    name: str = Field(default="", max_length=NAME_MAX)
    scopes: tuple[Scope, ...] = Field(default=tuple(Scope), min_length=1, max_length=len(Scope))
    days: int = Field(default=90, ge=1, le=DAYS_MAX)


class NewToken(Reply):
    """A token that was just made. Its text is shown once."""

    token: Token
    text: str = Field(repr=False)
