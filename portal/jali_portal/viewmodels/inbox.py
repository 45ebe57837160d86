"""The queue: what waits, what was decided, and how long the oldest has waited."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from jali.wire.request import AccessRequest, RequestStatus
from jali_portal import words


class Shown(StrEnum):
    """Which requests the table shows; the value stands in the page's address."""

    WAITING = "waiting"
    GRANTED = "granted"
    DENIED = "denied"
    ALL = "all"


STATUS = {RequestStatus.SUBMITTED: "Waiting", RequestStatus.GRANTED: "Granted", RequestStatus.DENIED: "Denied"}


@dataclass(frozen=True)
class Row:
    """One line of the table. `kind` is what is asked for, `id` opens its page."""

    id: str
    kind: str
    person: str
    project: str
    dataset: str
    asked: str
    age: str
    status: str
    waits: bool


@dataclass(frozen=True)
class Inbox:
    """The page: figures over all requests, rows of those that are shown."""

    waiting: int
    oldest: str
    granted: int
    denied: int
    rows: tuple[Row, ...]


def inbox(requests: Iterable[AccessRequest], shown: Shown, now: datetime) -> Inbox:
    """Return the inbox; those that wait come first, the longest-waiting at the top, then the newest decisions."""
    every = list(requests)
    waiting = sorted(
        (request for request in every if request.status is RequestStatus.SUBMITTED), key=lambda r: r.created_at
    )
    decided = sorted(
        (request for request in every if request.status is not RequestStatus.SUBMITTED),
        key=lambda r: r.decided_at or r.created_at,
        reverse=True,
    )
    chosen = {
        Shown.WAITING: waiting,
        Shown.GRANTED: [request for request in decided if request.status is RequestStatus.GRANTED],
        Shown.DENIED: [request for request in decided if request.status is RequestStatus.DENIED],
        Shown.ALL: [*waiting, *decided],
    }[shown]
    return Inbox(
        waiting=len(waiting),
        oldest=words.age(waiting[0].created_at, now) if waiting else "none waits",
        granted=sum(request.status is RequestStatus.GRANTED for request in every),
        denied=sum(request.status is RequestStatus.DENIED for request in every),
        rows=tuple(_row(request, now) for request in chosen),
    )


def _row(request: AccessRequest, now: datetime) -> Row:
    waits = request.status is RequestStatus.SUBMITTED
    since = request.created_at if waits else request.decided_at or request.created_at
    return Row(
        id=request.id,
        kind="Access",
        person=request.person_name,
        project=request.project_name,
        dataset=request.dataset_name,
        asked=words.epsilon(request.epsilon),
        age=words.age(since, now) + ("" if waits else " ago"),
        status=STATUS[request.status],
        waits=waits,
    )
