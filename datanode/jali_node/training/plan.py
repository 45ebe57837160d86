"""One frozen plan holds sampling, clipping, noise and the event that a round costs, so that they cannot disagree.

It is built from public facts alone: the form, the public number of units, the account's terms. No row is touched, and
torch is not needed.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self

from jali_node.errors import InvalidRequest
from jali_node.ledger import training_price
from jali_node.ledger.event import SelfComposed
from jali_node.ledger.terms import Terms

NUMERICS = "idealised numerics"
"""Gradients are summed, and noise is added, in floating point: the guarantee is that of the real-number mechanism."""
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
        learning_rate: of plain gradient descent; it has no memory between steps.
        noise_multiplier: the noise's standard deviation in each coordinate, over `clip_norm`.
    """

    epsilon: int
    rounds: int
    steps_per_round: int
    q: float
    expected_batch: float
    clip_norm: float
    learning_rate: float
    noise_multiplier: float

    def __post_init__(self) -> None:
        if not CLIP_NORM_MIN <= self.clip_norm < float("inf"):
            raise InvalidRequest(f"expected clip_norm >= {CLIP_NORM_MIN:g}, got {self.clip_norm:g}", field="clip_norm")

    @property
    def numerics(self) -> str:
        """What the guarantee assumes of arithmetic."""
        return NUMERICS

    @property
    def round_event(self) -> SelfComposed:
        """What one round does to a privacy unit."""
        return training_price.round_event(self.q, self.noise_multiplier, self.steps_per_round)

    def record(self) -> dict[str, Any]:
        """Return the plan as JSON holds it; `TrainingPlan(**record)` is the same plan."""
        return asdict(self)

    @classmethod
    def of(
        cls,
        *,
        epsilon: int,
        terms: Terms,
        units: int,
        batch: int,
        rounds: int,
        steps: int,
        clip_norm: float,
        learning_rate: float,
    ) -> Self:
        """Return the plan whose whole price is at most epsilon, with as little noise as that allows.

        Args:
            epsilon: the stand-alone price of all rounds together, in 1e-12.
            terms: the population account's.
            units: the owner's public figure for the population, never a count of rows.
            batch: how many units a step is expected to see; all of them where it is `units` or more.
            rounds: how many times weights leave.
            steps: in each round.
            clip_norm: the bound on each unit's gradient.
            learning_rate: of plain gradient descent.

        Raises:
            InvalidRequest: the clip norm is too small for the arithmetic.
            EpsilonTooSmall: no noise is large enough.
        """
        q = min(1.0, batch / units)
        noise = training_price.noise_multiplier_for(epsilon, terms, q, steps, rounds)
        if training_price.whole_price(q, noise, steps, rounds, terms) > epsilon:
            raise RuntimeError("the noise that was found costs more than the price that it was found for")
        return cls(epsilon, rounds, steps, q, q * units, clip_norm, learning_rate, noise)
