"""One round of DP-SGD (Abadi et al. 2016), on Opacus' optimizer: weights in, weights out, and nothing about rows.

A step draws a Poisson sample of units at the plan's rate, clips each sampled unit's gradient to the plan's norm, adds
Gaussian noise to their sum, and divides by the expected size of a sample. A unit is a row, or an entity with all its
rows (`entities`). All of it but the rows is public; an empty sample, and an empty table, take the same steps with the
same noise.

The guarantee is that of the mechanism over real numbers (`plan.NUMERICS`): sums of 32-bit floats depend on their order,
and Box-Muller noise is not continuous (Mironov 2012; Casacuberta et al. 2022).
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from opacus.optimizers import DPOptimizer
from torch import Tensor, nn

from jali.wire.graph import WEIGHT_MAX
from jali.wire.targets import Loss
from jali_node.training import weights
from jali_node.training.descent import Tail, descent
from jali_node.training.entities import Units
from jali_node.training.gradients import Part, Recorder, squared_norms
from jali_node.training.interpreter import Interpreted
from jali_node.training.losses import losses_of
from jali_node.training.plan import CHUNK_VALUES, PER_VALUE, TrainingPlan
from jali_node.training.randomness import Randomness
from jali_node.training.tensors import Rows

BELOW = 1 - 2.0**-17
"""Rows are clipped this much below the norm, which rounding in 32-bit floats then cannot reach: that of the norm
itself, and that of a factor and its product."""

Places = dict[Tensor, slice]


class ClippingOptimizer(DPOptimizer):  # type: ignore[misc]
    """Opacus' optimizer over one flat parameter, whose clipping survives any number that a gradient can hold.

    Where a row's gradient is not finite it counts as zero. `where` chooses: zero times infinity is not a number, and
    one row would show in every weight.
    """

    def __init__(self, flat: nn.Parameter, plan: TrainingPlan, randomness: Randomness) -> None:
        super().__init__(
            descent(flat, plan),
            noise_multiplier=plan.noise_multiplier,
            max_grad_norm=plan.clip_norm,
            expected_batch_size=plan.expected_batch,
        )
        self._randomness, self._bound = randomness, plan.clip_norm * BELOW
        self._sum, self._places = torch.zeros_like(flat, requires_grad=False), dict[Tensor, slice]()
        self._sums: dict[Tensor, Tensor] = {}
        self._flat, self._weights = flat, flat.detach()
        self.params[0].summed_grad = self._sum  # where Opacus looks for it

    def zero_grad(self, set_to_none: bool = False) -> None:
        """Begin a step: nothing is summed yet."""
        self._sum.zero_()

    def take_in(self, parts: list[Part], places: Places) -> None:
        """Clip rows' or entities' gradients and add them to the step's sum."""
        shorter = squared_norms(parts).rsqrt_().mul_(self._bound)  # infinity where the norm is 0, and 0 where infinity
        factors = shorter.clamp_(max=1.0).nan_to_num_(nan=0.0).float()
        if places is not self._places:
            self._places = places
            self._sums = {parameter: self._sum[place].view(parameter.shape) for parameter, place in places.items()}
        for part in parts:
            part.add_to(self._sums, factors)

    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Refuse: Opacus' own step would clip what is clipped already."""
        raise RuntimeError("expected walk() after take_in()")

    def walk(self, learning_rate: float) -> None:
        """Add the noise, divide by the expected size of a sample, and take the step at this rate.

        Weights are kept such that the next round takes them. They are noised by then: this looks at nothing else.
        """
        for group in self.param_groups:
            group["lr"] = learning_rate
        self.add_noise()
        self.params[0].grad.div_(self.expected_batch_size)
        self.original_optimizer.step()
        self._weights.nan_to_num_(nan=0.0).clamp_(-WEIGHT_MAX, WEIGHT_MAX)

    def add_noise(self) -> None:
        """Make the step's gradient of its sum and fresh noise from the cryptographic generator."""
        noise = torch.from_numpy(self._randomness.normals(self._sum.numel()))
        noised = torch.add(self._sum, noise, alpha=self.noise_multiplier * self.max_grad_norm)
        self._flat.grad = noised.float()


def train(model: nn.Module, rows: Rows, plan: TrainingPlan, randomness: Randomness | None = None) -> bytes:
    """Take the plan's steps of one round, and return the new weights.

    Args:
        model: checked, with the weights that the round begins with; they are changed.
        rows: all of the table, which may say whose they are: then entities are sampled and clipped, not rows.
        plan: of a round that is charged already. May be run once for each charge, and no more.
        randomness: keyed in this process; a fresh one by default.

    Returns:
        a safetensors file. With its noise it is what `plan.round_event` says, under `plan.NUMERICS`.

    Raises:
        ValueError: the model is none that can be trained; this depends on the model alone.
    """
    randomness, loss = randomness or Randomness(), Loss(plan.loss)
    with Recorder(model) as recorder, torch.random.fork_rng(devices=[]):
        flat, places = _flattened(model)
        optimizer, tail = ClippingOptimizer(flat, plan, randomness), Tail(flat, plan)
        torch.manual_seed(randomness.seed())
        recorder.parts(
            torch.zeros(2, rows.features.shape[1]), losses_of(loss, torch.zeros(2), plan.outputs)
        )  # whatever fails, fails here
        there, tables = np.flatnonzero(rows.present), [torch.from_numpy(each) for each in (rows.features, rows.target)]
        size = max(1, CHUNK_VALUES // values_per_row(model))
        units = None if rows.unit is None else Units(rows)
        for taken in range(plan.steps_per_round):
            optimizer.zero_grad()
            if units is None:
                for chosen in _chunks(there[randomness.sample(len(there), plan.q)], size):
                    features, target = (table.index_select(0, chosen) for table in tables)
                    optimizer.take_in(recorder.parts(features, losses_of(loss, target, plan.outputs)), places)
            else:
                for chunk in units.chunks(randomness.sample(len(units), plan.q), size):
                    optimizer.take_in(chunk.parts(recorder, losses_of(loss, chunk.target, plan.outputs)), places)
            optimizer.walk(plan.rate_at(taken))
            tail.take_in(taken)
        tail.settle()
    return weights.write(model)


def train_of_nothing(model: nn.Module, width: int, plan: TrainingPlan, randomness: Randomness | None = None) -> bytes:
    """Take the same steps over an empty table: the answer where rows could not be read or trained on."""
    nothing = Rows(np.zeros((0, width), np.float32), np.zeros(0, np.float32), np.zeros(0, np.bool_))
    return train(model, nothing, plan, randomness)


def _flattened(model: nn.Module) -> tuple[nn.Parameter, Places]:
    """Return one parameter that holds the model's, and where each lies: one clipped sum and one noise draw a step.

    The model's parameters become views of it.
    """
    parameters = list(model.parameters())
    flat = nn.Parameter(torch.cat([parameter.detach().reshape(-1) for parameter in parameters]))
    places: Places = {}
    start = 0
    for parameter in parameters:
        places[parameter] = slice(start, start + parameter.numel())
        parameter.data = flat.data[places[parameter]].view_as(parameter)
        start += parameter.numel()
    return flat, places


def _chunks(positions: NDArray[np.intp], size: int) -> tuple[Tensor, ...]:
    """Divide a sample so that no chunk holds more than `size` rows; an empty one has no chunks."""
    chosen = torch.from_numpy(positions)
    return (chosen,) if 0 < len(chosen) <= size else torch.split(chosen, size) if len(chosen) else ()


def values_per_row(model: nn.Module) -> int:
    """Return about how many numbers a row takes while its gradient is computed."""
    if isinstance(model, Interpreted):
        return PER_VALUE * max(1, model.graph.values_per_row)
    per_layer = (
        layer.in_features + layer.out_features
        if isinstance(layer, nn.Linear)
        else sum(parameter.numel() for parameter in layer.parameters(recurse=False))
        for layer in model.modules()
    )
    return PER_VALUE * max(1, sum(per_layer))
