"""The queue: what waits, what was decided, and how long the oldest has waited."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from jali.wire.jobs.code import CodeJob, CodeStatus
from jali.wire.jobs.train import Job
from jali.wire.request import AccessRequest, Approval, RequestKind, RequestStatus
from jali_portal import words
from jali_portal.viewmodels import code, training


class Shown(StrEnum):
    """Which requests the table shows; the value stands in the page's address."""

    WAITING = "waiting"
    CHANGES = "changes"
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
    late: bool


@dataclass(frozen=True)
class Inbox:
    """The page: figures over all requests, rows of those that are shown."""

    waiting: int
    oldest: str
    overdue: int
    with_askers: int
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
    answer_by: datetime | None = None

    def late(self, now: datetime) -> bool:
        """Say whether it waits for an answer that is overdue."""
        return self.status is RequestStatus.SUBMITTED and self.answer_by is not None and self.answer_by < now

    def matches(self, text: str) -> bool:
        """Say whether all words of a search are found in it."""
        said = " ".join((self.id, self.kind, self.person, self.project, self.dataset)).casefold()
        return all(word in said for word in text.casefold().split())


@dataclass(frozen=True)
class Filter:
    """Which requests are shown, besides their status; nothing for all."""

    kind: str | None = None
    project: str | None = None
    dataset: str | None = None
    text: str = ""

    def passes(self, wish: Wish) -> bool:
        """Say whether a request is shown."""
        named = ((self.kind, wish.kind), (self.project, wish.project), (self.dataset, wish.dataset))
        return all(wanted in (None, found) for wanted, found in named) and wish.matches(self.text)


KINDS = {RequestKind.ACCESS: "Access", RequestKind.BUDGET: "Budget", RequestKind.QUESTION: "Question"}
TRAINING, CODE = "Training", "Code"


def of_access(request: AccessRequest) -> Wish:
    """Return a request for access as the inbox knows it."""
    return Wish(
        request.id, KINDS[request.kind], request.person_name, request.project_name, request.dataset_name,
        request.epsilon, request.created_at, request.decided_at, request.status, STATUS[request.status],
        request.answer_by,
    )  # fmt: skip


def of_job(job: Job) -> Wish:
    """Return a training job as the inbox knows it."""
    same = {status.value for status in RequestStatus}
    status = RequestStatus(job.status.value) if job.status.value in same else RequestStatus.GRANTED
    return Wish(
        job.id, TRAINING, job.person_name, job.project_name, job.dataset_name, job.quote.price,
        job.created_at, job.decided_at, status, training.STATUS[job.status], job.answer_by,
    )  # fmt: skip


def of_code(job: CodeJob) -> Wish:
    """Return a code job as the inbox knows it: one whose output waits does so for a person again."""
    same = {status.value for status in RequestStatus}
    status = RequestStatus(job.status.value) if job.status.value in same else RequestStatus.GRANTED
    if job.status is CodeStatus.HELD:
        status = RequestStatus.SUBMITTED
    return Wish(
        job.id, CODE, job.person_name, job.project_name, job.dataset_name, math.inf, job.created_at, job.decided_at,
        status, code.STATUS[job.status], job.answer_by if job.status.is_open else None,
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


def target(
    answer_by: datetime | None, undecided_until: datetime | None, is_open: bool, now: datetime, zone: tzinfo
) -> tuple[tuple[str, str], ...]:
    """Return in words by when an answer is meant to come, and when the request lapses without one."""
    if not is_open:
        return ()
    return (
        *((("Answer", words.due(answer_by, now)),) if answer_by else ()),
        *((("Lapses on", words.day(undecided_until, zone)),) if undecided_until else ()),
    )


def inbox(requests: Iterable[Wish], shown: Shown, now: datetime, chosen: Filter = Filter()) -> Inbox:
    """Return the inbox; those that wait come first, the longest-waiting at the top, then the newest decisions.

    The figures are over all requests, whatever is shown of them.
    """
    every = list(requests)
    waiting = sorted((wish for wish in every if wish.status is RequestStatus.SUBMITTED), key=lambda r: r.created_at)
    others = sorted(
        (wish for wish in every if wish.status is not RequestStatus.SUBMITTED),
        key=lambda r: r.decided_at or r.created_at,
        reverse=True,
    )
    wanted = {
        Shown.WAITING: (RequestStatus.SUBMITTED,),
        Shown.CHANGES: (RequestStatus.CHANGES_ASKED,),
        Shown.GRANTED: (RequestStatus.GRANTED,),
        Shown.DENIED: (RequestStatus.DENIED,),
        Shown.ALL: tuple(RequestStatus),
    }[shown]
    rows = [wish for wish in (*waiting, *others) if wish.status in wanted and chosen.passes(wish)]
    return Inbox(
        waiting=len(waiting),
        oldest=words.age(waiting[0].created_at, now) if waiting else "none waits",
        overdue=sum(wish.late(now) for wish in waiting),
        with_askers=sum(wish.status is RequestStatus.CHANGES_ASKED for wish in every),
        rows=tuple(_row(wish, now) for wish in rows),
    )


def _row(wish: Wish, now: datetime) -> Row:
    waits, late = wish.status is RequestStatus.SUBMITTED, wish.late(now)
    since = wish.created_at if wish.status.is_open else wish.decided_at or wish.created_at
    due = f", {words.due(wish.answer_by, now).removeprefix('is ')}" if waits and wish.answer_by else ""
    return Row(
        id=wish.id,
        kind=wish.kind,
        person=wish.person,
        project=wish.project,
        dataset=wish.dataset,
        asked=words.epsilon(wish.epsilon) if math.isfinite(wish.epsilon) else "no ε covers it",
        age=words.age(since, now) + (due if wish.status.is_open else " ago"),
        status="Overdue" if late else wish.said,
        waits=waits,
        late=late,
    )
