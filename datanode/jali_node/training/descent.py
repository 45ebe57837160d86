"""What is done with a noised gradient: plain descent, momentum, Adam. It comes after the noise, so it costs nothing.

torch's own optimizers load a compiler when they are made: seconds, and files that a sandbox does not let one write.
These are in the form in which Opacus asks for one. What they remember begins anew with each round: a round begins with
weights that somebody may have changed outside, and where the steps before led says little about those. Nor are weights
averaged beyond their round.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from jali.wire.descent import Optimizer
from jali_node.training.plan import TrainingPlan

BETAS = (0.9, 0.999)
TINY = 1e-8


class Descent:
    """Gradient descent; with momentum it walks along a sum of gradients in which older ones fade."""

    def __init__(self, flat: nn.Parameter, learning_rate: float, momentum: float = 0.0) -> None:
        self.param_groups: list[dict[str, Any]] = [{"params": [flat], "lr": learning_rate}]
        self._momentum = momentum
        self._sum: Tensor | None = None

    def step(self) -> None:
        """Walk against the gradient."""
        with torch.no_grad():
            for group in self.param_groups:
                for flat in group["params"]:
                    flat.sub_(self._direction(flat.grad), alpha=group["lr"])

    def _direction(self, gradient: Tensor) -> Tensor:
        if not self._momentum:
            return gradient
        self._sum = gradient.clone() if self._sum is None else self._sum.mul_(self._momentum).add_(gradient)
        return self._sum

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient."""
        for group in self.param_groups:
            for flat in group["params"]:
                flat.grad = None


class Adam(Descent):
    """Adam (Kingma & Ba 2015, algorithm 1): the gradient's running mean over the root of its running square."""

    def __init__(self, flat: nn.Parameter, learning_rate: float) -> None:
        super().__init__(flat, learning_rate)
        self._mean, self._square = (torch.zeros_like(flat, requires_grad=False) for _ in range(2))
        self._taken = 0

    def _direction(self, gradient: Tensor) -> Tensor:
        self._taken += 1
        early_mean, early_square = (1 - beta**self._taken for beta in BETAS)
        self._mean.lerp_(gradient, 1 - BETAS[0])
        self._square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        scale = self._square.sqrt().div_(math.sqrt(early_square)).add_(TINY)
        return self._mean.div(scale).div_(early_mean)


class Tail:
    """The mean of the weights after each of a round's last steps (Rakhlin, Shamir and Sridharan 2012).

    It costs nothing: the price is of all of a round's noised gradients, every one of its weights follows from these,
    and so does any function of its weights. Weights that are averaged are kept nowhere but in their sum.
    """

    def __init__(self, flat: nn.Parameter, plan: TrainingPlan) -> None:
        self._flat, self._steps = flat, plan.averaged
        self._first = plan.steps_per_round - plan.averaged
        self._sum = torch.zeros(flat.shape, dtype=torch.float64) if plan.averaged > 1 else None

    def take_in(self, taken: int) -> None:
        """Count the weights after a step, when so many came before it."""
        if self._sum is not None and taken >= self._first:
            self._sum.add_(self._flat.detach())

    def settle(self) -> None:
        """Set the weights to the mean."""
        if self._sum is not None:
            with torch.no_grad():
                self._flat.copy_(self._sum / self._steps)


def descent(flat: nn.Parameter, plan: TrainingPlan) -> Descent:
    """Return the plan's optimizer, which has not taken a step yet."""
    if plan.optimizer == Optimizer.ADAM:
        return Adam(flat, plan.learning_rate)
    return Descent(flat, plan.learning_rate, plan.momentum)
