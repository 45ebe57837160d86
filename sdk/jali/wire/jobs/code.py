"""A Python function to be run where the rows are: what is asked, who decided, and what became of its output.

No epsilon covers what such a job gives back. It is off unless the owner turns it on for a dataset, a person reads the
code before it runs, and a person reads the output before it leaves.
"""

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from jali.wire import source as function
from jali.wire.base import Reply, Request
from jali.wire.output import OUTPUT_MAX, Output, refuse_deep
from jali.wire.query import Id
from jali.wire.request import Approval, Purpose, Reason, Revision
from jali.wire.source import SOURCE_MAX, Function

PARAMS_MAX = 10_000
"""Characters that parameters take as JSON."""
TRIED_MAX = 20_000
ENDS_PROMISE = "This leaves the promise: no epsilon covers what the code gives back."

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Column = Annotated[str, Field(min_length=1, max_length=63)]


class CodeLimits(Request):
    """What a run may use: seconds, memory beyond what its libraries take, and bytes of its output."""

    wall_s: int = Field(default=300, ge=1, le=3600, strict=True)
    memory_mb: int = Field(default=2048, ge=64, le=65_536, strict=True)
    output_bytes: int = Field(default=1_000_000, ge=1, le=OUTPUT_MAX, strict=True)


class TryOut(Request):
    """What the function gave on made-up rows, on its author's machine. It is their word; nobody else has seen it run.

    `output` is the beginning of it, in words and numbers, for a reviewer to read.
    """

    rows: int = Field(ge=0, le=1_000_000, strict=True)
    mock: Annotated[str, Field(max_length=200)]
    shape: Annotated[str, Field(max_length=200)]
    output: Annotated[str, Field(max_length=TRIED_MAX)]
    digest: Digest
    packages: dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=80)]] = Field(max_length=20)


class CodeForm(Request):
    """A wish to run a function over some columns. `packages` are those that it imports, beside numpy and pandas."""

    kind: Literal["code"] = "code"
    dataset: Id
    project: Id
    purpose: Purpose
    source: Annotated[str, Field(min_length=1, max_length=SOURCE_MAX)]
    columns: tuple[Column, ...] = Field(min_length=1, max_length=1000)
    params: dict[Annotated[str, Field(max_length=100)], JsonValue] = Field(default_factory=dict, max_length=100)
    limits: CodeLimits = CodeLimits()
    tryout: TryOut

    @model_validator(mode="after")
    def _fits_its_limits(self) -> Self:
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("columns: each is named once")
        refuse_deep(self.params)
        if len(_text(self.params)) > PARAMS_MAX:
            raise ValueError(f"params: expected at most {PARAMS_MAX:,} characters as JSON")
        return self

    @property
    def function(self) -> Function:
        """What the function takes and imports.

        Raises:
            SourceRefused: it is not one function that stands on its own. What was stored was looked at before.
        """
        return function.read(self.source)

    def describe(self) -> str:
        """Say in one line what is asked."""
        shown, more = ", ".join(self.columns[:12]), len(self.columns) - 12
        return f"run {len(self.source.splitlines())} lines of Python over {shown}" + (
            f" and {more} more" if more > 0 else ""
        )


class CodeStatus(StrEnum):
    """Where it stands. `policy/code_state` in the node knows the legal moves."""

    SUBMITTED = "submitted"
    CHANGES_ASKED = "changes_asked"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    APPROVED = "approved"
    RUNNING = "running"
    """Begun; to its asker also while the output waits for a person: how long it ran may say what rows hold."""
    HELD = "held"
    """It has run, and its output is in the airlock. Only whoever oversees the node is told."""
    RELEASED = "released"
    DESTROYED = "destroyed"
    FAILED = "failed"
    """It never began, for a reason that is public."""
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Whether it is undecided, so that it may be resubmitted."""
        return self in (CodeStatus.SUBMITTED, CodeStatus.CHANGES_ASKED)


class CodeDecision(Request):
    """A person's answer to the job with this digest, as its revision was read."""

    digest: str = Field(min_length=64, max_length=64)
    revision: Revision | None = None
    outcome: Literal[CodeStatus.APPROVED, CodeStatus.DENIED, CodeStatus.CHANGES_ASKED]
    reason: Reason = ""


class CodeJob(Reply):
    """A code job as both sides see it.

    `digest` is over everything that runs: function, columns, parameters, packages with their versions, dataset version,
    limits and try-out. `packages` are the node's. Once released, `released_at` says since when.
    """

    id: str
    form: CodeForm
    dataset_name: str
    project_name: str
    person: str
    person_name: str
    version: str
    packages: dict[str, str]
    digest: str
    status: CodeStatus
    revision: int = 1
    created_at: datetime
    answer_by: datetime | None = None
    undecided_until: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    reason: str = ""
    approvals: tuple[Approval, ...] = ()
    waiting_for: str = ""
    released_at: datetime | None = None


class Level(StrEnum):
    """How a check came out."""

    PASS = "pass"  # noqa: S105 - a level, not a secret
    WARN = "warn"
    FAIL = "fail"


class OutputCheck(Reply):
    """One thing that was looked at in an output, held against the rows; for whoever decides, and nobody else."""

    name: str
    level: Level
    text: str


class Held(Reply):
    """An output in the airlock: for owners and reviewers alone.

    `seal` is what a decision is bound to; the chain has it too, and it tells nothing of the output.
    """

    job: str
    seal: str
    output: Output | None
    shape: str
    bytes: int
    checks: tuple[OutputCheck, ...]
    held_since: datetime
    held_until: datetime
    approvals: tuple[Approval, ...] = ()
    waiting_for: str = ""


class AirlockDecision(Request):
    """A person's word about the output with this seal. It is released or destroyed, for a reason."""

    seal: Digest
    outcome: Literal[CodeStatus.RELEASED, CodeStatus.DESTROYED]
    reason: Annotated[str, Field(min_length=1, max_length=4000)]


class Released(Reply):
    """An output that left, without a guarantee; `entry` is where the ledger says so."""

    job: str
    output: Output
    digest: str
    entry: int
    released_at: datetime


class CodeTerms(Reply):
    """What a node offers to code jobs: packages with their versions, the standard library's modules, and limits."""

    packages: dict[str, str]
    modules: tuple[str, ...]
    limits: CodeLimits


class CodeAllowed(Request):
    """Whether code jobs may be submitted for a dataset."""

    allowed: bool = Field(strict=True)


def plan_of(form: CodeForm, packages: dict[str, str], tier: int) -> str:
    """Return how a job runs, as text that its digest covers: with which packages, at which tier, on which very values.

    Parameters go in as they are written, since 1.0 and "1.0" are not the same to a program.
    """
    params = hashlib.sha256(_text(form.params).encode()).hexdigest()
    return _text({"packages": packages, "params": params, "tier": tier})


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
