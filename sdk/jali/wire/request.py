"""A wish, and an owner's decision about it: for access, for more budget, or to ask one question.

Each wish is a request with revisions. Whoever asks may resubmit it until it is decided, and each decision names the
revision that was read.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from jali.wire.base import Reply, Request
from jali.wire.money import Epsilon
from jali.wire.query import Id, Query


class RequestKind(StrEnum):
    """What is asked for. Trainings are asked for as jobs, and live the same life."""

    ACCESS = "access"
    BUDGET = "budget"
    QUESTION = "question"


class RequestStatus(StrEnum):
    """Where a request stands. `policy/request_state` in the node knows the legal moves."""

    SUBMITTED = "submitted"
    CHANGES_ASKED = "changes_asked"
    GRANTED = "granted"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"

    @property
    def is_open(self) -> bool:
        """Whether it may still become something else."""
        return self in (RequestStatus.SUBMITTED, RequestStatus.CHANGES_ASKED)


Names = Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(max_length=1000)]
Purpose = Annotated[str, Field(min_length=10, max_length=4000)]
Delta = Annotated[float, Field(ge=0, le=1e-3, allow_inf_nan=False)]
Reason = Annotated[str, Field(max_length=4000)]
Revision = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]


class AccessRequestForm(Request):
    """What a data scientist asks for: a dataset, for a project, with a purpose and a budget.

    `statistics`, `columns` and `job_kinds` narrow the wish; None means all of the dataset, and every kind of job.
    `delta` is how much answers with unknown keys may take of what is set aside for them; None means all of it.
    """

    kind: Literal[RequestKind.ACCESS] = RequestKind.ACCESS
    dataset: Id
    project: Id
    purpose: Purpose
    epsilon: Epsilon
    statistics: Names | None = None
    columns: Names | None = None
    job_kinds: Annotated[tuple[Literal["train", "code"], ...], Field(max_length=10)] | None = None
    delta: Delta | None = None


class BudgetRequestForm(Request):
    """A wish for more: `epsilon` is added to the quota of a grant that the asker holds."""

    kind: Literal[RequestKind.BUDGET]
    grant: Id
    purpose: Purpose
    epsilon: Epsilon


class QuestionRequestForm(Request):
    """A wish to ask one question at its price. Once it is granted, the question is asked as any other."""

    kind: Literal[RequestKind.QUESTION]
    query: Query
    purpose: Purpose


def _kind(form: Any) -> str:
    kind = form.get("kind", RequestKind.ACCESS) if isinstance(form, dict) else getattr(form, "kind", None)
    return kind if isinstance(kind, str) else ""


RequestForm = Annotated[
    Annotated[AccessRequestForm, Tag(RequestKind.ACCESS.value)]
    | Annotated[BudgetRequestForm, Tag(RequestKind.BUDGET.value)]
    | Annotated[QuestionRequestForm, Tag(RequestKind.QUESTION.value)],
    Discriminator(_kind),
]
"""What may be filed; without a kind it is a wish for access."""


class Decision(Request):
    """An owner's answer to the request with this digest, as its revision was read.

    A grant may be smaller than the wish: `epsilon` replaces the budget that was asked for. With `refresh_days` the
    quota begins anew every so many days until the grant ends, always under the population's cap. `digest` and
    `revision` are those of the request as it was read, so that nobody decides about something else than they saw.
    """

    digest: str = Field(min_length=64, max_length=64)
    revision: Revision | None = None
    outcome: Literal[RequestStatus.GRANTED, RequestStatus.DENIED, RequestStatus.CHANGES_ASKED]
    reason: Reason = ""
    epsilon: Epsilon | None = None
    expires_days: int = Field(default=90, ge=1, le=3650, strict=True)
    refresh_days: Annotated[int, Field(ge=1, le=3650, strict=True)] | None = None


class Approval(Reply):
    """One person's yes, where it takes two."""

    person: str
    at: datetime
    reason: str = ""


class AccessRequest(Reply):
    """A request as both sides see it. `waiting_for` says whose decision it waits for; nothing once there is one.

    `query` is the question that is asked for, `raises` the grant that is to have more. `answer_by` is when the owner
    means to have decided, `undecided_until` when the request lapses if nobody has. `expires_at` is the grant's end,
    and its quota refreshes every `refresh_days`, if ever.
    """

    id: str
    kind: RequestKind = RequestKind.ACCESS
    revision: int = 1
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
    job_kinds: tuple[str, ...] | None = None
    delta: float | None = None
    query: Query | None = None
    raises: str | None = None
    status: RequestStatus
    digest: str
    created_at: datetime
    answer_by: datetime | None = None
    undecided_until: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    reason: str = ""
    approvals: tuple[Approval, ...] = ()
    waiting_for: str = ""
    grant: str | None = None
    expires_at: datetime | None = None
    refresh_days: int | None = None
