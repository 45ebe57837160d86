"""The queue: what waits, what was decided, and how long the oldest has waited."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from jali.wire.jobs.train import Job
from jali.wire.request import AccessRequest, Approval, RequestStatus
from jali_portal import words
from jali_portal.viewmodels import training


class Shown(StrEnum):
    """Which requests the table shows; the value stands in the page's address."""

    WAITING = "waiting"
    GRANTED = "granted"
    DENIED = "denied"
    ALL = "all"


STATUS = {
    RequestStatus.SUBMITTED: "Waiting",
    RequestStatus.CHANGES_ASKED: "Changes asked",
    RequestStatus.GRANTED: "Granted",
    RequestStatus.DENIED: "Denied",
    RequestStatus.WITHDRAWN: "Withdrawn",
    RequestStatus.EXPIRED: "Lapsed",
}


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


@dataclass(frozen=True)
class Wish:
    """What the inbox knows of a request, whatever its kind."""

    id: str
    kind: str
    person: str
    project: str
    dataset: str
    epsilon: float
    created_at: datetime
    decided_at: datetime | None
    status: RequestStatus
    said: str


def of_access(request: AccessRequest) -> Wish:
    """Return a request for access as the inbox knows it."""
    return Wish(
        request.id, "Access", request.person_name, request.project_name, request.dataset_name, request.epsilon,
        request.created_at, request.decided_at, request.status, STATUS[request.status],
    )  # fmt: skip


def of_job(job: Job) -> Wish:
    """Return a training job as the inbox knows it."""
    same = {status.value for status in RequestStatus}
    status = RequestStatus(job.status.value) if job.status.value in same else RequestStatus.GRANTED
    return Wish(
        job.id, "Training", job.person_name, job.project_name, job.dataset_name, job.quote.price,
        job.created_at, job.decided_at, status, training.STATUS[job.status],
    )  # fmt: skip


def history(approvals: Iterable[Approval], now: datetime, zone: tzinfo, me: str) -> tuple[tuple[str, str], ...]:
    """Return in words who has approved so far, and when."""
    return tuple(
        (
            "Approved",
            f"{words.moment(yes.at, now, zone)} by " + ("you" if yes.person == me else f"another ({yes.person[-8:]})"),
        )
        for yes in approvals
    )


def still_waiting(
    waiting_for: str, approvals: Iterable[Approval], now: datetime, zone: tzinfo, me: str
) -> tuple[tuple[str, str], ...]:
    """Return in words whose decision an undecided request waits for, and who has given theirs."""
    return (("Waits for", waiting_for), *history(approvals, now, zone, me)) if waiting_for else ()


def inbox(requests: Iterable[Wish], shown: Shown, now: datetime) -> Inbox:
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


def _row(request: Wish, now: datetime) -> Row:
    waits = request.status is RequestStatus.SUBMITTED
    since = request.created_at if waits else request.decided_at or request.created_at
    return Row(
        id=request.id,
        kind=request.kind,
        person=request.person,
        project=request.project,
        dataset=request.dataset,
        asked=words.epsilon(request.epsilon),
        age=words.age(since, now) + ("" if waits else " ago"),
        status=request.said,
        waits=waits,
    )
