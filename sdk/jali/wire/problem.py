"""What a node says when it will not or cannot: problem+json (RFC 9457) with a stable code."""

from enum import StrEnum
from typing import Any

from pydantic import ConfigDict, Field

from jali.wire.base import Reply

MEDIA_TYPE = "application/problem+json"


class Code(StrEnum):
    """Every refusal by name. The node raises, and the SDK re-raises, the class of the same name in CamelCase."""

    ACCESS_DENIED = "access_denied"
    ANSWER_USELESS = "answer_useless"
    APPROVAL_REQUIRED = "approval_required"
    BODY_TOO_LARGE = "body_too_large"
    BOUNDS_UNKNOWN = "bounds_unknown"
    BUDGET_EXHAUSTED = "budget_exhausted"
    CLOCK_BEHIND = "clock_behind"
    CODE_JOBS_OFF = "code_jobs_off"
    DATASET_CHANGED = "dataset_changed"
    DECISION_OUTDATED = "decision_outdated"
    EPSILON_TOO_SMALL = "epsilon_too_small"
    EXTRA_MISSING = "extra_missing"
    FROZEN = "frozen"
    GRANT_REQUIRED = "grant_required"
    GRAPH_REFUSED = "graph_refused"
    INVALID_REQUEST = "invalid_request"
    JOB_CHANGED = "job_changed"
    LEDGER_INCOMPLETE = "ledger_incomplete"
    NOT_SIGNED_IN = "not_signed_in"
    NODE_UNAVAILABLE = "node_unavailable"
    PROJECT_ENDED = "project_ended"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a code, not a secret
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    TOO_MANY_REQUESTS = "too_many_requests"
    UNKNOWN_COLUMN = "unknown_column"
    UNKNOWN_DATASET = "unknown_dataset"
    UNKNOWN_RESOURCE = "unknown_resource"
    WRONG_COLUMN_TYPE = "wrong_column_type"

    @property
    def class_name(self) -> str:
        """`budget_exhausted` is the class BudgetExhausted on both sides."""
        return "".join(word.capitalize() for word in self.value.split("_"))


class Problem(Reply):
    """The body of every refusal.

    `detail` says in one sentence what happened and what to do; `field` names the offending input, as a dotted
    path into the body; `facts` holds the numbers of the sentence, such as `left` and `price` (epsilon).
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    field: str | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
