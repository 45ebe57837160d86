"""A model to be trained where the rows are: what is asked for, what it costs, and where it stands."""

import base64
import binascii
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from jali.wire.base import Reply, Request
from jali.wire.dataset import UnitKind
from jali.wire.descent import Constant, Optimizer, Schedule, averaged_steps
from jali.wire.features import Feature, Scaled, column_of, described
from jali.wire.graph import Graph
from jali.wire.money import Epsilon, digest
from jali.wire.query import Id
from jali.wire.request import Approval, Purpose, Reason, Revision
from jali.wire.targets import Loss, Target, loss_of

ROUNDS_MAX = 200
STEPS_MAX = 20_000
HELD_OUT_MAX = 0.5
DESCRIBED_MAX = 20
DRAWS_MAX = 2**19
"""A strict round's noise has at most so many numbers: each is drawn exactly, which takes microseconds."""
PRIORITY_MAX = 100


def _is_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("expected base64") from error
    return text


Weights = Annotated[str, Field(min_length=1, max_length=32_000_000), AfterValidator(_is_base64)]
"""Model weights: a safetensors file of float32 tensors named after the graph's nodes, in base64."""


def _tag(value: Any) -> str:
    return "all" if isinstance(value, str) else "rows"


Batch = Annotated[
    Annotated[int, Field(ge=1, le=1_000_000, strict=True), Tag("rows")] | Annotated[Literal["all"], Tag("all")],
    Discriminator(_tag),
]
"""How many rows a step is expected to see; `all` of them is full-batch descent, in which nothing is sampled."""


class Numerics(StrEnum):
    """What the guarantee assumes of a computer's arithmetic."""

    IDEALISED = "idealised"
    """Gradients are summed and noised in floating point: the promise is that of the mechanism over real numbers."""
    STRICT = "strict"
    """Gradients are whole numbers, and so is their noise, drawn exactly: of linear models, over all rows."""


def _plain(value: object) -> bool:
    """Say whether a setting is as it was before it could be said: left away then, so that old digests stay."""
    return value in (Optimizer.SGD, 0.0, Constant(), Numerics.IDEALISED)


class Training(Request):
    """What a reviewer decides about: the model as data, what it reads, and how it is trained.

    `batch` is the expected number of units in a step: of rows, or of entities, each with all its rows, where these are
    the population's unit. The sampling rate is `batch` over the population's public figure, and 1 where it is `all`.
    `clip_norm` bounds the gradient of one unit, an entity's being the mean of its rows'. `steps` are taken in each of
    `rounds`; `epsilon` is the stand-alone price of all of them together. `schedule` says how the learning rate goes
    over all of them; what an optimizer remembers begins anew in each round. With `average`, what leaves a round is the
    mean of its weights after each of that share of its last steps. With `numerics` that are strict, gradients of a
    linear model over all rows are whole numbers, and their noise is the exact discrete Gaussian.

    With `held_out`, about that share of the units, chosen by a keyed hash of each row's own content or of each entity's
    identifier, teaches nothing; once all rounds are done the model is measured on it, and the figures leave at a price
    of their own, `metrics_epsilon`.
    """

    kind: Literal["train"] = "train"
    dataset: Id
    project: Id
    purpose: Purpose
    graph: Graph
    features: tuple[Feature, ...] = Field(min_length=1, max_length=1000)
    target: Target
    epsilon: Epsilon
    rounds: int = Field(ge=1, le=ROUNDS_MAX, strict=True)
    steps: int = Field(ge=1, le=STEPS_MAX, strict=True)
    batch: Batch
    learning_rate: float = Field(gt=0, le=100, strict=True)
    clip_norm: float = Field(ge=1e-6, le=1000, strict=True)
    held_out: float = Field(default=0.0, ge=0, le=HELD_OUT_MAX, strict=True)
    metrics_epsilon: Epsilon | None = None
    optimizer: Optimizer = Field(default=Optimizer.SGD, exclude_if=_plain)
    momentum: float = Field(default=0.0, ge=0, lt=1, strict=True, exclude_if=_plain)
    schedule: Schedule = Field(default=Constant(), exclude_if=_plain)
    average: float = Field(default=0.0, ge=0, le=1, strict=True, exclude_if=_plain)
    numerics: Numerics = Field(default=Numerics.IDEALISED, exclude_if=_plain)

    @model_validator(mode="after")
    def _metrics_have_rows_and_a_price(self) -> Self:
        if (self.held_out > 0) != (self.metrics_epsilon is not None):
            raise ValueError("held_out and metrics_epsilon come together: which rows measure, and what that may cost")
        return self

    @model_validator(mode="after")
    def _walk_is_possible(self) -> Self:
        if self.momentum and self.optimizer is not Optimizer.SGD:
            raise ValueError(
                f"momentum is of the optimizer sgd, not of {self.optimizer}, which has its own; leave it out"
            )
        if self.schedule.warm_up >= self.rounds * self.steps:
            raise ValueError(
                f"expected schedule.warm_up < {self.rounds * self.steps:,}, the steps of all rounds together, got "
                f"{self.schedule.warm_up:,}"
            )
        return self

    @model_validator(mode="after")
    def _strict_numerics_are_possible(self) -> Self:
        if not self.strict:
            return self
        kinds, drawn = [node.kind for node in self.graph.nodes], self.steps * self.graph.parameter_count
        if kinds != ["linear"] or self.graph.out_features != 1:
            raise ValueError(
                "numerics: strict ones are of a model of one linear layer with one output; got "
                f"{', '.join(kinds[:5])} with {self.graph.out_features}"
            )
        if loss_of(self.target) not in (Loss.LOGISTIC, Loss.SQUARED):
            raise ValueError(f"numerics: strict ones are of two classes or an amount, not of {self.target.describe()}")
        if self.batch != "all":
            raise ValueError(f"numerics: strict ones take batch='all', got {self.batch:,}")
        if drawn > DRAWS_MAX:
            raise ValueError(
                f"numerics: strict ones take at most {DRAWS_MAX:,} draws a round, got {self.steps:,} steps of "
                f"{self.graph.parameter_count:,} parameters, which is {drawn:,}: take more rounds of fewer steps"
            )
        if logs := [way.column for way in self.features if isinstance(way, Scaled) and way.log]:
            raise ValueError(
                f"numerics: strict ones take no logarithm, which computers round differently; {', '.join(logs)} is "
                "shown as one: show it without log"
            )
        return self

    @property
    def strict(self) -> bool:
        """Whether gradients and noise are whole numbers."""
        return self.numerics is Numerics.STRICT

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that are read, each once: the features' and the target's."""
        return tuple(dict.fromkeys((*map(column_of, self.features), self.target.column)))

    @property
    def last(self) -> int:
        """The number of the last step of all: the last round, or the measurement that follows it."""
        return self.rounds + (1 if self.held_out > 0 else 0)

    def describe(self) -> str:
        """Say in one line what is asked; owners read this, and so do ledgers."""
        few, more = self.features[:DESCRIBED_MAX], len(self.features) - DESCRIBED_MAX
        shown = ", ".join(map(described, few)) + (f" and {more} more" if more > 0 else "")
        return (
            f"train a model of {self.graph.parameter_count:,} parameters on {shown} to predict "
            f"{self.target.describe()}, {self.rounds} rounds of {self.steps} steps"
            + "".join(f", {said}" for said in self.unusual)
        )

    @property
    def unusual(self) -> tuple[str, ...]:
        """How it walks, where that is not plain gradient descent over samples at a constant rate."""
        return (
            *(("full batch",) if self.batch == "all" else ()),
            *((self.walk,) if self.optimizer is not Optimizer.SGD or self.momentum else ()),
            *(() if self.schedule == Constant() else (f"learning rate {self.schedule.describe()}",)),
            *((f"averaged over each round's last {self.averaged:,} steps",) if self.averaged > 1 else ()),
            *(("in exact arithmetic",) if self.strict else ()),
        )

    @property
    def walk(self) -> str:
        """What is done with a step's noised gradient, in words."""
        if self.optimizer is Optimizer.ADAM:
            return "Adam"
        return f"gradient descent with momentum {self.momentum:g}" if self.momentum else "gradient descent"

    @property
    def averaged(self) -> int:
        """Over how many of a round's last steps the weights that leave it are averaged; 1 is no average."""
        return averaged_steps(self.average, self.steps)

    @property
    def leaving(self) -> str:
        """What leaves a round, in words."""
        return "the weights" + (f", averaged over its last {self.averaged:,} steps," if self.averaged > 1 else "")

    def a_step(self, units: str = "rows") -> str:
        """Say how many units, rows or entities, a step sees."""
        return f"all {units} (full batch)" if self.batch == "all" else f"about {self.batch:,} {units}"


class JobForm(Request):
    """A wish to train: the training, and the weights that it begins with."""

    training: Training
    weights: Weights

    @property
    def digest(self) -> str:
        """Binds a decision to all that will run, the first weights included."""
        return digest({"training": self.training.model_dump(mode="json"), "weights": self.weights})


class Effort(Reply):
    """What a training takes of a node's machine, from public figures alone; no row was read for it.

    `round_seconds` is an estimate for one thread of a slow core, several times what is usual; a round is ended after
    `seconds_limit`, or where it takes more than `memory_limit`. `state_bytes` is of the weights and of what the
    optimizer remembers, `memory_bytes` about all that a round takes. `warnings` says which limit it may not keep.
    """

    steps: int
    parameters: int
    state_bytes: int
    memory_bytes: int
    memory_limit: int
    flops_per_row: int
    round_seconds: float
    seconds_limit: float
    warnings: tuple[str, ...] = ()

    def describe(self) -> str:
        """Say what it takes, in one line."""
        return (
            f"{self.steps:,} steps in all, {self.parameters:,} parameters, {self.flops_per_row:,} operations a row; a "
            f"round takes about {self.round_seconds:,.2g} s of {self.seconds_limit:,.0f} on a slow core and "
            f"{self.memory_bytes / 2**20:,.0f} MiB of {self.memory_limit / 2**20:,.0f}"
        )


class JobQuote(Reply):
    """What a training job would cost at one node, planned from public figures alone.

    `price` is of everything, all rounds and the metrics, whose own price is `metrics_price`.
    Where the population's account has no room for it, `fitting` is the dearest epsilon at which it would have. `effort`
    is what it takes of the machine. It protects a `unit`: a row, or an entity with all its rows, of which `max_rows` at
    most are read.
    """

    price: float
    metrics_price: float = 0.0
    per_round: float
    noise_multiplier: float
    sampling_rate: float
    delta: float
    numerics: str
    fits: bool
    fitting: float | None = None
    effort: Effort | None = None
    unit: UnitKind = UnitKind.ROW
    max_rows: int | None = None

    @property
    def protected(self) -> str:
        """What the price protects, in words.

        >>> JobQuote(price=1, per_round=1, noise_multiplier=1, sampling_rate=0.1, delta=1e-6, numerics="", fits=True,
        ...     unit="entity", max_rows=20).protected
        'entity of at most 20 rows'
        """
        return "row" if self.max_rows is None else f"entity of at most {self.max_rows:,} rows"


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


class JobPriority(Request):
    """How early a job's rounds go among those that wait: the higher, the earlier; those that are equal, by age."""

    priority: int = Field(ge=-PRIORITY_MAX, le=PRIORITY_MAX, strict=True)


class JobQueue(Request):
    """Whether training jobs run over a dataset one after the other."""

    one_at_a_time: bool = Field(strict=True)


class Job(Reply):
    """A job as both sides see it. `rounds_done` counts replies that were stored, from public causes alone.

    `waiting_for` says whose decision it waits for, or what its next round does. Without `decided_by`, a rule of the
    node's policy has decided; `reason` names it. One that is `paused_until` a day is ended then, unless it is resumed.
    `sandbox_tier` is the highest of the workers that were seen lately.
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
    priority: int = 0
    paused_until: datetime | None = None
    sandbox_tier: int | None = None


class JobProgress(Reply):
    """How far a job has come. Its parts are its rounds, and measuring behind them.

    `spent` is the stand-alone price of the parts that were begun, were they alone, out of `price`.
    """

    status: JobStatus
    rounds_done: int
    rounds: int
    steps_a_round: int
    parts_done: int
    parts: int
    spent: float
    price: float
    waiting_for: str = ""
    ended: bool = False

    def describe(self) -> str:
        """Say it in one line.

        >>> JobProgress(status="running", rounds_done=2, rounds=4, steps_a_round=30, parts_done=2, parts=5, spent=0.7,
        ...             price=1.0, waiting_for="a worker that trains it").describe()
        'running: 2 of 4 rounds of 30 steps done, ε 0.7 of 1 spent; waits for a worker that trains it'
        """
        done = f"{self.rounds_done} of {self.rounds} rounds of {self.steps_a_round} steps done"
        waits = f"; waits for {self.waiting_for}" if self.waiting_for else ""
        return f"{self.status.value.replace('_', ' ')}: {done}, ε {self.spent:.3g} of {self.price:.3g} spent{waits}"


class RoundForm(Request):
    """The weights that a round begins with. The same run, round and weights get the same stored reply.

    Without weights, a round begins where the one before it ended at this node, the first with the job's own.
    """

    run: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9_-]+$")]
    weights: Weights | None = None

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


class Metrics(Reply):
    """How a model does on held-out rows, with noise. `stddev` is of the noise alone, about, in each figure's own unit.

    `accuracy` is the share of rows that it gets right; where the target is a number, `error` is the mean absolute one
    in the target's unit instead. `loss` is the mean of each row's, clamped to `loss_max`. Where `unit` is an entity,
    `rows` counts entities, and each figure is the mean over entities of the mean over their rows. Over several nodes it
    may be `mixed`: rows of some, entities of others.
    """

    rows: float
    rows_stddev: float
    accuracy: float | None = None
    error: float | None = None
    figure_stddev: float
    loss: float
    loss_stddev: float
    loss_max: float
    epsilon: float
    unit: UnitKind = UnitKind.ROW
    mixed: bool = False

    def describe(self) -> str:
        """Say how it does, each figure with the noise's standard deviation.

        >>> Metrics(rows=400.2, rows_stddev=9.1, accuracy=0.81, figure_stddev=0.02, loss=0.44, loss_stddev=0.1,
        ...     loss_max=5.0, epsilon=0.1).describe()
        'accuracy 0.81 ± 0.02, loss 0.44 ± 0.1, on about 400 held-out rows (noise alone; ε 0.1)'
        """
        name, figure = ("error", self.error) if self.accuracy is None else ("accuracy", self.accuracy)
        counted = "rows and entities" if self.mixed else self.unit.plural
        return (
            f"{name} {figure:.3g} ± {self.figure_stddev:.2g}, loss {self.loss:.3g} ± {self.loss_stddev:.2g}, on about "
            f"{max(0.0, self.rows):,.0f} held-out {counted} (noise alone; ε {self.epsilon:.3g})"
        )


class Round(Reply):
    """One round at one node. `weights` is the reply, once there is one; `waiting_for` says why there is none.

    The step behind the last round measures: its reply is `metrics`.
    """

    job: str
    number: int
    run: str
    status: RoundStatus
    waiting_for: str = ""
    weights: str | None = None
    metrics: Metrics | None = None
