"""One frozen plan holds sampling, clipping, noise and the event that a round costs, so that they cannot disagree.

It is built from public facts alone: the form, the public number of units, the account's terms. No row is touched, and
torch is not needed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

from pydantic import TypeAdapter

from jali.wire.descent import Constant, Optimizer, Rates, Schedule, averaged_steps
from jali.wire.targets import Loss
from jali_node.errors import InvalidRequest
from jali_node.ledger import training_price
from jali_node.ledger.event import Event, Gaussian, SelfComposed
from jali_node.ledger.terms import Terms

NUMERICS = "idealised numerics"
"""Gradients are summed, and noise is added, in floating point: the guarantee is that of the real-number mechanism."""
STRICT = "exact arithmetic"
"""Gradients are summed in whole numbers, and the noise is the exact discrete Gaussian (`strict`)."""
CLASSES = (Loss.LOGISTIC, Loss.CHOICE)
"""Losses of models that tell classes; the others tell numbers."""
CHUNK_VALUES = 2**24
"""Of a sample's rows, activations and gradients of at most about so many numbers are held at a time."""
PER_VALUE = 4
"""How often a row's activations are held while its gradient is computed, about."""
SCHEDULES: TypeAdapter[Rates] = TypeAdapter(Schedule)
CONSTANT = Constant()
ENTITY_VALUES_MAX = 2**25
"""An entity's rows hold at most so many numbers together while its gradient is computed: they are read at once."""
CLIP_NORM_MIN = 1e-6
"""Below this, rounding in 32-bit floats is no longer small next to the norm."""


@dataclass(frozen=True)
class TrainingPlan:
    """How a model is trained, and what each round costs.

    Attributes:
        epsilon: the stand-alone price that was asked for, of all rounds together, in 1e-12.
        rounds: how many times weights leave.
        steps_per_round: noised steps in each.
        q: the probability with which a unit takes part in a step.
        expected_batch: what a step's summed gradient is divided by: q times the public number of units.
        clip_norm: no unit moves a step's summed gradient further than this, in the Euclidean norm.
        learning_rate: of each step, before `schedule`.
        noise_multiplier: the noise's standard deviation in each coordinate, over `clip_norm`.
        loss: how far a prediction is off; the target says which.
        outputs: how many numbers the model answers for a row.
        target_span: how far an error can reach on the target's scale, and target_unit what that is in its own unit.
        held_out: the share of units that measure and do not teach.
        metrics_epsilon: the stand-alone price of measuring, in 1e-12; 0 where nothing is measured.
        metrics_noise: the noise's scale over the L2 sensitivity of what is measured; 0 where nothing is.
        optimizer: what is done with a step's noised gradient.
        momentum: of plain gradient descent.
        schedule: how the learning rate goes over the steps of all rounds.
        average: over which share of a round's last steps its weights are averaged before they leave.
        steps_taken: by the rounds before the one that this is the plan of; see `of_round`.
        max_rows: how many rows a unit has at most, where it is an entity; None where it is a row.
        strict: whether gradients are whole numbers, and their noise is.
    """

    epsilon: int
    rounds: int
    steps_per_round: int
    q: float
    expected_batch: float
    clip_norm: float
    learning_rate: float
    noise_multiplier: float
    loss: str = Loss.LOGISTIC
    outputs: int = 1
    target_span: float = 1.0
    target_unit: float = 1.0
    held_out: float = 0.0
    metrics_epsilon: int = 0
    metrics_noise: float = 0.0
    optimizer: str = Optimizer.SGD
    momentum: float = 0.0
    schedule: Rates = CONSTANT
    steps_taken: int = 0
    max_rows: int | None = None
    average: float = 0.0
    strict: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.schedule, dict):  # as JSON holds it
            object.__setattr__(self, "schedule", SCHEDULES.validate_python(self.schedule))
        if not CLIP_NORM_MIN <= self.clip_norm < float("inf"):
            raise InvalidRequest(f"expected clip_norm >= {CLIP_NORM_MIN:g}, got {self.clip_norm:g}", field="clip_norm")

    @property
    def numerics(self) -> str:
        """What the guarantee assumes of arithmetic."""
        return STRICT if self.strict else NUMERICS

    @property
    def round_event(self) -> SelfComposed:
        """What one round does to a privacy unit."""
        return training_price.round_event(self.q, self.noise_multiplier, self.steps_per_round)

    @property
    def metrics_event(self) -> Gaussian | None:
        """What measuring does to a privacy unit, where it is asked for."""
        return Gaussian(self.metrics_noise) if self.metrics_noise else None

    @property
    def events(self) -> tuple[Event, ...]:
        """What each step does to a privacy unit: all rounds, then the measurement."""
        rounds = (self.round_event,) * self.rounds
        return rounds if self.metrics_event is None else (*rounds, self.metrics_event)

    def record(self) -> dict[str, Any]:
        """Return the plan as JSON holds it; `TrainingPlan(**record)` is the same plan."""
        return {**asdict(self), "schedule": self.schedule.model_dump(mode="json")}

    @property
    def full_batch(self) -> bool:
        """Whether every unit takes part in every step, so that no draw decides anything."""
        return self.q >= 1

    @property
    def averaged(self) -> int:
        """Over how many of a round's last steps its weights are averaged; 1 is no average."""
        return averaged_steps(self.average, self.steps_per_round)

    def of_round(self, number: int) -> Self:
        """Return the plan as a round of this number runs it: it knows how many steps came before."""
        return replace(self, steps_taken=(number - 1) * self.steps_per_round)

    def rate_at(self, taken: int) -> float:
        """Return the learning rate of the round's next step, when it has taken so many."""
        share = self.schedule.share(self.steps_taken + taken, self.rounds * self.steps_per_round)
        return self.learning_rate * share

    @classmethod
    def of(
        cls,
        *,
        epsilon: int,
        terms: Terms,
        units: int,
        batch: int | Literal["all"],
        rounds: int,
        steps: int,
        clip_norm: float,
        learning_rate: float,
        held_out: float = 0.0,
        metrics_epsilon: int = 0,
        aim: Mapping[str, Any] | None = None,
        walk: Mapping[str, Any] | None = None,
        max_rows: int | None = None,
    ) -> Self:
        """Return the plan whose whole price is at most epsilon, with as little noise as that allows.

        Args:
            epsilon: the stand-alone price of all rounds together, in 1e-12.
            terms: the population account's.
            units: the owner's public figure for the population, never a count of rows.
            batch: how many units a step is expected to see; all of them, exactly, where it says so or is
                no less than those who teach.
            rounds: how many times weights leave.
            steps: in each round.
            clip_norm: the bound on each unit's gradient.
            learning_rate: of each step, before the schedule.
            held_out: the share of units that do not teach.
            metrics_epsilon: the stand-alone price of measuring on them, in 1e-12, or 0.
            aim: `loss`, `outputs`, `target_span` and `target_unit`, where they are not those of two classes.
            walk: `optimizer`, `momentum`, `schedule`, `average` and `strict`, where these are not plain descent's.
            max_rows: how many rows of a unit are read, where it is an entity.

        Raises:
            InvalidRequest: the clip norm is too small for the arithmetic.
            EpsilonTooSmall: no noise is large enough.
        """
        taught = units * (1 - held_out)
        q = 1.0 if batch == "all" or batch >= int(taught) else batch / taught
        noise = training_price.noise_multiplier_for(epsilon, terms, q, steps, rounds)
        if training_price.whole_price(q, noise, steps, rounds, terms) > epsilon:
            raise RuntimeError("the noise that was found costs more than the price that it was found for")
        plan = cls(epsilon, rounds, steps, q, q * taught, clip_norm, learning_rate, noise)
        measured = training_price.noise_multiplier_for(metrics_epsilon, terms, 1.0, 1, 1) if metrics_epsilon else 0.0
        return replace(
            plan,
            held_out=held_out,
            metrics_epsilon=metrics_epsilon,
            metrics_noise=measured,
            max_rows=max_rows,
            **dict(aim or {}),
            **dict(walk or {}),
        )
