"""A million canaries: rows whose gradients are at right angles to each other, trained by the engine as any others are.

The model is a table of one number for each canary, and every second canary has a row. Whoever sees a step's noised
gradient, which is all that training lets out, plays as many games of guessing who was in it. For a Gaussian mechanism
of multiplier z, taken T times, hits and false alarms obey Phi^-1(hits) - Phi^-1(false alarms) = sqrt(T)/z (Dong, Roth
and Su 2022) at any threshold, and for any mechanism of (epsilon, delta), hits <= e^epsilon * false alarms + delta.
Clopper-Pearson bounds on both make a lower bound of what is learned. Thresholds are fixed before anything is seen.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import nn

from jali.wire.targets import Loss
from jali_node.training import engine
from jali_node.training.gradients import Recorder
from jali_node.training.layers import Embedding
from jali_node.training.losses import losses_of
from jali_node.training.plan import TrainingPlan
from jali_node.training.randomness import Randomness
from jali_node.training.tensors import Rows

CANARIES = 1_000_000
CLIP, BATCH, RATE = 0.1, 50.0, 0.001
"""A canary's gradient is 0.5 at its own number: five times the clip norm, and no step moves that by a thousandth."""
ALARM = 1e-6
"""How often a correct engine fails a claim, at most."""
THRESHOLDS = np.linspace(-2, 2, 9)
"""In deviations of the noise, from the middle between who is in and who is not."""

Seen = NDArray[np.float64]


@dataclass(frozen=True)
class Game:
    """What was charged, and what was seen: for each canary the steps' noised gradients, summed, in clip norms."""

    plan: TrainingPlan
    inside: Seen
    outside: Seen

    @property
    def spread(self) -> float:
        """The charged noise of all steps together."""
        return self.plan.noise_multiplier * math.sqrt(self.plan.steps_per_round)

    def learned(self) -> tuple[float, float]:
        """Return bounds on Phi^-1(hits) - Phi^-1(false alarms), off with a probability of `ALARM` each."""
        found = [self._told(threshold, ALARM / len(THRESHOLDS) / 2) for threshold in self._thresholds()]
        low = max(stats.norm.ppf(hits[0]) - stats.norm.ppf(alarms[1]) for hits, alarms in found)
        high = min(stats.norm.ppf(hits[1]) - stats.norm.ppf(alarms[0]) for hits, alarms in found)
        return float(low), float(high)

    def epsilon(self, delta: float) -> float:
        """Return a lower bound on epsilon, too high with a probability of `ALARM`."""
        found = [self._told(threshold, ALARM / len(THRESHOLDS) / 4) for threshold in self._thresholds()]
        in_it = [math.log((hits[0] - delta) / alarms[1]) for hits, alarms in found if hits[0] > delta]
        out_of_it = [
            math.log((1 - alarms[1] - delta) / (1 - hits[0])) for hits, alarms in found if alarms[1] < 1 - delta
        ]
        return max(0.0, *in_it, *out_of_it)

    def noise_is_as_charged(self) -> bool:
        """Say whether spread and mean of the noise lie within their confidence intervals, of `ALARM` each."""
        count, scale = len(self.outside), self.spread
        low, high = stats.chi2.ppf([ALARM / 2, 1 - ALARM / 2], count) * scale**2
        return bool(
            low <= self.outside @ self.outside <= high
            and abs(self.outside.mean()) <= stats.norm.isf(ALARM / 2) * scale / math.sqrt(count)
        )

    def _thresholds(self) -> Seen:
        middle = self.plan.q * self.plan.steps_per_round / 2
        return np.asarray(middle + THRESHOLDS * self.spread)

    def _told(self, threshold: float, alarm: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return Clopper and Pearson's intervals for hits and for false alarms."""
        each = (int((seen > threshold).sum()) for seen in (self.inside, self.outside))
        return tuple(_interval(count, CANARIES // 2, alarm) for count in each)  # type: ignore[return-value]


def _interval(count: int, trials: int, alarm: float) -> tuple[float, float]:
    low = stats.beta.ppf(alarm, count, trials - count + 1) if count else 0.0
    high = stats.beta.isf(alarm, count + 1, trials - count) if count < trials else 1.0
    return float(low), float(high)


def played(
    noise: float, *, steps: int = 1, q: float = 1.0, reply: bool = False, each: int | None = None, **others: Any
) -> Game:
    """Train on the canaries' rows as a round does, and return what could be seen: in its steps, or in its reply.

    With `each`, a canary is an entity of so many rows.
    """
    plan = TrainingPlan(10**12, 1, steps, q, BATCH, CLIP, RATE, noise, **others)
    ids = np.arange(0, CANARIES, 2, dtype=np.float32)[:, None]  # whole numbers up to 2^24 are exact
    unit = None if each is None else np.repeat(np.arange(len(ids)), each)
    ids = ids if each is None else np.repeat(ids, each, axis=0)
    rows = Rows(ids, np.ones(len(ids), np.float32), np.ones(len(ids), np.bool_), unit)
    model = nn.Sequential(Embedding(CANARIES, 1), nn.Flatten())
    nn.init.zeros_(model[0].weight)  # type: ignore[arg-type]
    with _one_chunk(), noised_gradients() as steps_seen:
        engine.train(model, rows, plan)
    weights = model[0].weight.detach().flatten()  # type: ignore[union-attr, operator]
    told = weights * (BATCH / RATE) if reply else -torch.stack(steps_seen).double().sum(0)
    seen = told.double().numpy() / CLIP
    return Game(plan, seen[0::2], seen[1::2])


@contextmanager
def noised_gradients() -> Iterator[list[torch.Tensor]]:
    """Collect what every step hands to the optimizer: noised sums of clipped gradients, before they are divided."""
    found: list[torch.Tensor] = []
    real: Callable[[Any], None] = engine.ClippingOptimizer.add_noise

    def add_noise(self: Any) -> None:
        real(self)
        found.append(self.params[0].grad.clone())

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine.ClippingOptimizer, "add_noise", add_noise)
        yield found


@contextmanager
def _one_chunk() -> Iterator[None]:
    """Let all canaries be taken at once; a table's blame is one number a row, whatever its size."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine, "CHUNK_VALUES", 2**60)
        yield


HOSTILE = np.array(
    [0.0, 1.0, -1.0, 1e-45, 1e-30, 1e-20, 1e6, 1e11, -1e12, -1e15, 1e20, 1e25, 1e30, 3e38, np.inf, -np.inf, np.nan],
    np.float32,
)
"""What no column can hold after it was scaled; the clip norm holds even so."""


def most_of_one_row(clip: float, scale: float, rows: int) -> float:
    """Return the largest contribution of a hostile row to a step, in clip norms; infinity where it is no number.

    Args:
        clip: the norm.
        scale: of the weights.
        rows: how many are tried, the same ones each time.
    """
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1))
    torch.manual_seed(1)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=scale)
    plan = TrainingPlan(1, 1, 1, 1.0, 1.0, clip, 1.0, 1.0)
    tried = np.random.default_rng(1).choice(HOSTILE, (rows, 1, 4))
    norms = []
    with Recorder(model) as recorder:
        flat, places = engine._flattened(model)
        for row in torch.from_numpy(tried):
            optimizer = engine.ClippingOptimizer(flat, plan, Randomness())
            parts = recorder.parts(row, losses_of(Loss.SQUARED, torch.zeros(1), 1))
            optimizer.take_in(parts, places)
            norms.append(float(flat.summed_grad.double().norm()) / clip)  # type: ignore[attr-defined]
    return max(math.inf if math.isnan(norm) else norm for norm in norms)
