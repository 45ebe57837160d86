"""A model to be trained where the rows are: what is asked for, what it costs, and where it stands."""

import base64
import binascii
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from jali.wire.base import Reply, Request
from jali.wire.features import Threshold
from jali.wire.graph import Graph
from jali.wire.money import Epsilon, digest
from jali.wire.query import Id
from jali.wire.request import Approval, Purpose, Reason, Revision
from jali.wire.statistics.ask import ColumnName

ROUNDS_MAX = 200
STEPS_MAX = 1000


def _is_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("expected base64") from error
    return text


Weights = Annotated[str, Field(min_length=1, max_length=32_000_000), AfterValidator(_is_base64)]
"""Model weights: a safetensors file of float32 tensors named after the graph's nodes, in base64."""


class Training(Request):
    """What a reviewer decides about: the model as data, what it reads, and how it is trained.

    `batch` is the expected number of rows in a step; the sampling rate is `batch` over the population's public figure.
    `steps` are taken in each of `rounds`; `epsilon` is the stand-alone price of all of them together.
    """

    kind: Literal["train"] = "train"
    dataset: Id
    project: Id
    purpose: Purpose
    graph: Graph
    features: tuple[ColumnName, ...] = Field(min_length=1, max_length=500)
    target: Threshold
    epsilon: Epsilon
    rounds: int = Field(ge=1, le=ROUNDS_MAX, strict=True)
    steps: int = Field(ge=1, le=STEPS_MAX, strict=True)
    batch: int = Field(ge=1, le=1_000_000, strict=True)
    learning_rate: float = Field(gt=0, le=100, strict=True)
    clip_norm: float = Field(ge=1e-6, le=1000, strict=True)

    def describe(self) -> str:
        """Say in one line what is asked; owners read this, and so do ledgers."""
        return (
            f"train a model of {self.graph.parameter_count:,} parameters on {', '.join(self.features)} to predict "
            f"{self.target.describe()}, {self.rounds} rounds of {self.steps} steps"
        )


class JobForm(Request):
    """A wish to train: the training, and the weights that it begins with."""

    training: Training
    weights: Weights

    @property
    def digest(self) -> str:
        """Binds a decision to all that will run, the first weights included."""
        return digest({"training": self.training.model_dump(mode="json"), "weights": self.weights})


class JobQuote(Reply):
    """What a training job would cost at one node, planned from public figures alone.

    Where the population's account has no room for it, `fitting` is the dearest epsilon at which it would have.
    """

    price: float
    per_round: float
    noise_multiplier: float
    sampling_rate: float
    delta: float
    numerics: str
    fits: bool
    fitting: float | None = None


class JobStatus(StrEnum):
    """Where a job stands. `policy/job_state` in the node knows the legal moves."""

    SUBMITTED = "submitted"
    CHANGES_ASKED = "changes_asked"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    APPROVED = "approved"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Whether it is undecided, so that it may be resubmitted."""
        return self in (JobStatus.SUBMITTED, JobStatus.CHANGES_ASKED)


class JobDecision(Request):
    """An owner's answer to the job with this digest, as its revision was read."""

    digest: str = Field(min_length=64, max_length=64)
    revision: Revision | None = None
    outcome: Literal[JobStatus.APPROVED, JobStatus.DENIED, JobStatus.CHANGES_ASKED]
    reason: Reason = ""


class Job(Reply):
    """A job as both sides see it. `rounds_done` counts replies that were stored, from public causes alone.

    `waiting_for` says whose decision it waits for; nothing once there is one. Without `decided_by`, a rule of the
    node's policy has decided; `reason` names it.
    """

    id: str
    training: Training
    dataset_name: str
    project_name: str
    person: str
    person_name: str
    digest: str
    status: JobStatus
    quote: JobQuote
    rounds_done: int
    revision: int = 1
    created_at: datetime
    answer_by: datetime | None = None
    undecided_until: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    reason: str = ""
    approvals: tuple[Approval, ...] = ()
    waiting_for: str = ""


class RoundForm(Request):
    """The weights that a round begins with. The same run, round and weights get the same stored reply."""

    run: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9_-]+$")]
    weights: Weights

    @property
    def digest(self) -> str:
        """The same for the same weights of the same run."""
        return digest({"run": self.run, "weights": self.weights})


class RoundStatus(StrEnum):
    """Where a round stands."""

    EXPECTED = "expected"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


class Round(Reply):
    """One round at one node. `weights` is the reply, once there is one; `waiting_for` says why there is none."""

    job: str
    number: int
    run: str
    status: RoundStatus
    waiting_for: str = ""
    weights: str | None = None
