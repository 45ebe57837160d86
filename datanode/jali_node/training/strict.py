"""A round of full-batch descent of a linear model in exact arithmetic: whole numbers only, until the noise is in.

What a row adds to a step's sum is a vector of whole numbers that follows from that row, the weights and public numbers
alone, and whose Euclidean norm is at most `bound`, exactly:

- Its features are cut to steps of 1/1024, each by itself. Its logit is their product with weights on a lattice: sums of
  whole numbers below 2^53, which floating point adds without rounding in whatever order, so it does not matter which
  rows stand beside it.
- Its residual is read from a table at that logit, and its target, in steps of 1/65536.
- The residual is cut to `bound // m`, where the whole number m is no less than the norm of its features; then residual
  times features has a norm of at most `(bound // m) * m <= bound`.

So adding or removing a row moves the sum by a vector of whole numbers no longer than `bound`, and the discrete Gaussian
of Canonne, Kamath and Steinke (2020, theorem 14), drawn exactly, has the Renyi divergences of the real mechanism at the
same multiplier: the price is that of a `Gaussian` event. The noise is drawn before the round runs (`draws`). What
follows it, the walk included, follows from released numbers, and is floating point again.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from jali.wire.graph import WEIGHT_MAX
from jali.wire.targets import Loss
from jali_node.training import weights
from jali_node.training.descent import Tail, descent
from jali_node.training.lattice import FEATURE, HALF, LATTICE, LOSS_MAX, RESIDUAL, bound_of
from jali_node.training.plan import TrainingPlan
from jali_node.training.tensors import Rows

Whole = NDArray[np.int64]
FINE, STEEPEST = 2**16, 2**8
"""A weight is cut to steps of 1/65536, and to no more than 256."""
_INDEX, _LAST = 2**12, 2**16
"""A table has 4096 entries for each 1 of a logit, and ends at 16 on either side."""
_FARTHEST = 4 * RESIDUAL
"""A residual of a number counts as at most 4: its scale is from -1 to 1."""
_CHUNK_VALUES = 2**22
_LOGITS = np.arange(-_LAST, _LAST + 1) / _INDEX
_SIGMOIDS = np.trunc(RESIDUAL / (1 + np.exp(-_LOGITS))).astype(np.int64)
_LOSSES = np.minimum(np.floor(np.log1p(np.exp(_LOGITS)) / LOSS_MAX * LATTICE + 0.5), LATTICE).astype(np.int64)
"""The logistic loss of a row of class 0 at each place, in steps of the lattice; turned round, of a row of class 1."""


class Lattice:
    """Rows as whole numbers."""

    def __init__(self, rows: Rows, plan: TrainingPlan, intercept: bool) -> None:
        features = np.nan_to_num(rows.features, nan=0.0, posinf=1.0, neginf=-1.0).clip(-1, 1)
        features = np.trunc(features * np.float32(FEATURE))  # a power of two: nothing is rounded before it is cut
        ones = np.full((len(features), int(intercept)), FEATURE, np.float32)
        self._features = np.concatenate([features, ones], axis=1)
        self._target, self._present, self._classes = rows.target, rows.present, plan.loss == Loss.LOGISTIC
        self._size = max(1, _CHUNK_VALUES // max(1, self._features.shape[1]))

    def gradient(self, flat: NDArray[Any], bound: int) -> Whole:
        """Return the exact sum over rows, in steps of 1 over `FEATURE * RESIDUAL`."""
        total = np.zeros(self._features.shape[1], np.int64)
        for features, target, present in self._chunks():
            residual = self._residual(_logits(features, flat), target)
            most = bound // _norms(features)
            residual = np.where(present, np.clip(residual, -most, most), 0)
            total += (residual.astype(np.float64) @ features).astype(np.int64)
        return total

    def sums(self, flat: NDArray[Any], span: float) -> list[int]:
        """Return the exact sums of how a model does, as `sums.sums` does: of rows that have a target."""
        found = np.zeros(3, np.int64)
        for features, target, present in self._chunks():
            logits = _logits(features, flat)
            if self._classes:
                right, place = (logits > 0) == (target > 0.5), _places(logits)
                lost = np.where(target > 0.5, _LOSSES[::-1][place], _LOSSES[place])
                figure = np.where(right, LATTICE, 0)
            else:
                error = np.abs(self._residual(logits, target))
                figure = np.minimum(error * LATTICE // round(span * RESIDUAL), LATTICE)
                lost = np.minimum(error**2 * LATTICE // round(2 * LOSS_MAX * RESIDUAL**2), LATTICE)
            each = np.stack([np.full(len(logits), LATTICE), figure - HALF, lost - HALF], 1)
            found += np.where(present[:, None], each, 0).sum(0)
        return [int(total) for total in found]

    def _residual(self, logits: Whole, target: NDArray[np.float32]) -> Whole:
        if self._classes:
            told: Whole = _SIGMOIDS[_places(logits)]
            return told - np.where(target > 0.5, RESIDUAL, 0)
        aim = np.trunc(np.nan_to_num(target, nan=0.0).clip(-1, 1) * np.float32(RESIDUAL)).astype(np.int64)
        off: Whole = (logits >> int(math.log2(FEATURE * FINE // RESIDUAL))) - aim
        return off.clip(-_FARTHEST, _FARTHEST)

    def _chunks(self) -> Any:
        for start in range(0, len(self._features), self._size):
            part = slice(start, start + self._size)
            yield self._features[part].astype(np.float64), self._target[part], self._present[part]


def train(model: nn.Module, rows: Rows, plan: TrainingPlan, noise: Whole) -> bytes:
    """Take the plan's steps of one round, and return the new weights.

    Args:
        model: one linear layer of one output, with the weights that the round begins with; they are changed.
        rows: all of the table.
        plan: of a round that is charged already, and strict.
        noise: shape (steps, parameters), drawn for this round alone by `draws.drawn`.

    Returns:
        a safetensors file.
    """
    flat = nn.Parameter(parameters_to_vector(model.parameters()).detach())
    if noise.shape != (plan.steps_per_round, flat.numel()):
        raise ValueError(f"expected noise of shape {(plan.steps_per_round, flat.numel())}, got {noise.shape}")
    walk, tail, bound = descent(flat, plan), Tail(flat, plan), bound_of(plan.clip_norm)
    lattice = Lattice(rows, plan, intercept=flat.numel() > rows.features.shape[1])
    for taken in range(plan.steps_per_round):
        noised = lattice.gradient(flat.detach().numpy(), bound) + noise[taken]
        gradient = noised / (FEATURE * RESIDUAL * plan.expected_batch)
        flat.grad = torch.from_numpy(gradient).to(flat.dtype)
        for group in walk.param_groups:
            group["lr"] = plan.rate_at(taken)
        walk.step()
        with torch.no_grad():
            flat.nan_to_num_(nan=0.0).clamp_(-WEIGHT_MAX, WEIGHT_MAX)
        tail.take_in(taken)
    tail.settle()
    vector_to_parameters(flat, model.parameters())
    return weights.write(model)


def sums(model: nn.Module, rows: Rows, plan: TrainingPlan) -> list[int]:
    """Return the exact sums of how a linear model does on rows. They never leave without noise (`measure`)."""
    flat = parameters_to_vector(model.parameters()).detach().numpy()
    return Lattice(rows, plan, intercept=len(flat) > rows.features.shape[1]).sums(flat, plan.target_span)


def _logits(features: NDArray[np.float64], flat: NDArray[Any]) -> Whole:
    """Return whole logits, in steps of 1 over `FEATURE * FINE`; each sum is below 2^53, so none is rounded."""
    steep = np.trunc(np.clip(flat.astype(np.float64), -STEEPEST, STEEPEST) * FINE)
    found: Whole = (features @ steep).astype(np.int64)
    return found


def _norms(features: NDArray[np.float64]) -> Whole:
    """Return, for each row, a whole number no less than its norm, and at least 1."""
    squared = (features * features).sum(1).astype(np.int64)
    above = np.sqrt(squared.astype(np.float64)).astype(np.int64)
    above += above * above < squared
    norms: Whole = above.clip(1)
    return norms


def _places(logits: Whole) -> Whole:
    """Return where a logit stands in a table."""
    places: Whole = logits >> int(math.log2(FEATURE * FINE // _INDEX))
    return places.clip(-_LAST, _LAST) + _LAST
