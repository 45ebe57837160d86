"""A wish for access, and an owner's decision about it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from jali.wire.base import Reply, Request
from jali.wire.money import Epsilon
from jali.wire.query import Id


class RequestStatus(StrEnum):
    """Where a request stands."""

    SUBMITTED = "submitted"
    GRANTED = "granted"
    DENIED = "denied"


Names = Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(max_length=1000)]


class AccessRequestForm(Request):
    """What a data scientist asks for: a dataset, for a project, with a purpose and a budget.

    `statistics` and `columns` narrow the wish; None means all of the dataset.
    """

    dataset: Id
    project: Id
    purpose: str = Field(min_length=10, max_length=4000)
    epsilon: Epsilon
    statistics: Names | None = None
    columns: Names | None = None


class Decision(Request):
    """An owner's answer to the request with this digest.

    A grant may be smaller than the wish: `epsilon` replaces the budget that was asked for. `digest` is that of the
    request as it was read, so that nobody decides about something else than they saw.
    """

    digest: str = Field(min_length=64, max_length=64)
    outcome: Literal[RequestStatus.GRANTED, RequestStatus.DENIED]
    reason: str = Field(default="", max_length=4000)
    epsilon: Epsilon | None = None
    expires_days: int = Field(default=90, ge=1, le=3650, strict=True)


class Approval(Reply):
    """One person's yes, where it takes two."""

    person: str
    at: datetime
    reason: str = ""


class AccessRequest(Reply):
    """A request as both sides see it. `waiting_for` says whose decision it waits for; nothing once there is one."""

    id: str
    dataset: str
    dataset_name: str
    project: str
    project_name: str
    person: str
    person_name: str
    purpose: str
    epsilon: float
    statistics: tuple[str, ...] | None
    columns: tuple[str, ...] | None
    status: RequestStatus
    digest: str
    created_at: datetime
    decided_at: datetime | None = None
    decided_by: str | None = None
    reason: str = ""
    approvals: tuple[Approval, ...] = ()
    waiting_for: str = ""
    grant: str | None = None
    expires_at: datetime | None = None
