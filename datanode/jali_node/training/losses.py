"""The losses that a node knows: each row's own, never their mean, in which a row's share depends on the others."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from jali.wire.targets import Loss

LOG_RATE_MAX = 30.0
"""A log rate beyond this is taken for it at measuring; training takes it as it is."""


def losses_of(loss: Loss, target: Tensor, outputs: int) -> Callable[[Tensor], Tensor]:
    """Return the function from a model's output to each row's loss, shape (rows,).

    Args:
        loss: which.
        target: shape (rows,).
        outputs: how many numbers the model answers for a row.
    """

    def losses(output: Tensor) -> Tensor:
        if output.shape != (len(target), outputs):
            raise ValueError(f"expected an output of shape ({len(target)}, {outputs}), got {tuple(output.shape)}")
        return LOSSES[loss](output, target)

    return losses


def _logistic(output: Tensor, target: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(output[:, 0], target, reduction="none")


def _choice(output: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(output, target.long(), reduction="none")


def _squared(output: Tensor, target: Tensor) -> Tensor:
    return (output[:, 0] - target).square() / 2


def _poisson(output: Tensor, target: Tensor) -> Tensor:
    return torch.exp(output[:, 0]) - target * output[:, 0]


LOSSES: Mapping[Loss, Callable[[Tensor, Tensor], Tensor]] = {
    Loss.LOGISTIC: _logistic,
    Loss.CHOICE: _choice,
    Loss.SQUARED: _squared,
    Loss.POISSON: _poisson,
}


def right(loss: Loss, output: Tensor, target: Tensor) -> Tensor:
    """Return 1 for each row that a model of classes gets right, else 0."""
    told = output.argmax(1) if loss is Loss.CHOICE else (output[:, 0] > 0).long()
    return (told == target.long()).double()


def errors(loss: Loss, output: Tensor, target: Tensor) -> Tensor:
    """Return how far a model of numbers is off, for each row, on the scale of the target."""
    told = torch.exp(output[:, 0].clamp(max=LOG_RATE_MAX)) if loss is Loss.POISSON else output[:, 0]
    return (told - target).abs().double()
