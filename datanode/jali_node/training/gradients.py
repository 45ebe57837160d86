"""Each row's gradient, one backward pass for all: what a layer was shown times what its output did to the loss.

A Linear layer's gradient for one row is the outer product of the two, so its norm and its weighted sum need no matrix
a row (Goodfellow 2015, "Efficient per-example gradient computations"). Other layers go through Opacus' grad samplers.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import torch
from opacus.grad_sample import GradSampleModule
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

ORDINARY = 2.0**80
"""Squared norms above this, and those that are no number, are not scaled down but taken for zero. Factors that fit them
are so small that 32-bit floats round them by whole percents, and a row would count more than it may."""
SAMPLERS: dict[type[nn.Module], Callable[..., dict[nn.Parameter, Tensor]]] = GradSampleModule.GRAD_SAMPLERS


@dataclass(frozen=True)
class LinearPart:
    """The gradients of one Linear layer: `shown` (rows, in) and `blame` (rows, out)."""

    layer: nn.Linear
    shown: Tensor
    blame: Tensor

    def squared_norms(self) -> Tensor:
        """Return each row's squared gradient norm over this layer, shape (rows,), as doubles, or infinity."""
        shown, blame = _squared(self.shown), _squared(self.blame)
        product = (shown + 1 if self.layer.bias is not None else shown) * blame
        return torch.where((shown <= ORDINARY) & (blame <= ORDINARY), product, math.inf)

    def weighted_sums(self, factors: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield for each parameter the sum of factor times gradient. A factor of 0 leaves no trace of its row."""
        kept = (factors > 0).unsqueeze(1)
        blame = torch.where(kept, self.blame * factors.unsqueeze(1), 0.0)
        yield self.layer.weight, blame.t() @ torch.where(kept, self.shown, 0.0)
        if self.layer.bias is not None:
            yield self.layer.bias, blame.sum(0)


@dataclass(frozen=True)
class SampledPart:
    """The gradients of any other layer, as Opacus computes them: (rows, *shape) for each parameter."""

    gradients: dict[nn.Parameter, Tensor]

    def squared_norms(self) -> Tensor:
        """Return each row's squared gradient norm over this layer, shape (rows,), as doubles, or infinity."""
        squared = torch.stack([_squared(gradient.flatten(1)) for gradient in self.gradients.values()]).sum(0)
        return torch.where(squared <= ORDINARY, squared, math.inf)

    def weighted_sums(self, factors: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield for each parameter the sum of factor times gradient. A factor of 0 leaves no trace of its row."""
        kept = (factors > 0).unsqueeze(1)
        for parameter, gradient in self.gradients.items():
            yield parameter, (factors @ torch.where(kept, gradient.flatten(1), 0.0)).view(parameter.shape)


Part = LinearPart | SampledPart


class Recorder:
    """Watches a model's layers, and tells each row's gradient of a loss.

    Args:
        model: every parameter belongs to a layer that Opacus knows, which runs once in a forward pass.

    Raises:
        ValueError: it does not.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._passes: list[tuple[nn.Module, Tensor, Tensor]] = []
        self._layers = [layer for layer in model.modules() if any(True for _ in layer.parameters(recurse=False))]
        unknown = sorted({type(layer).__name__ for layer in self._layers if type(layer) not in SAMPLERS})
        if unknown or not self._layers:
            raise ValueError(f"expected layers that Opacus knows, got {', '.join(unknown) or 'none with parameters'}")
        owned = [id(parameter) for layer in self._layers for parameter in layer.parameters(recurse=False)]
        if len(set(owned)) < len(owned):
            raise ValueError("expected layers with parameters of their own, got shared ones")
        self._hooks: list[RemovableHandle] = [layer.register_forward_hook(self._note) for layer in self._layers]

    def parts(self, features: Tensor, loss: Callable[[Tensor], Tensor]) -> list[Part]:
        """Return every layer's gradients for each row.

        Args:
            features: shape (rows, width), at least one row.
            loss: from the model's output to each row's loss, shape (rows,).
        """
        self._passes = []
        losses = loss(self._model(features))
        if losses.shape != (len(features),):
            raise ValueError(f"expected a loss for each of {len(features)} rows, got shape {tuple(losses.shape)}")
        if sorted(id(layer) for layer, *_ in self._passes) != sorted(id(layer) for layer in self._layers):
            raise ValueError(f"expected {len(self._layers)} layers to run once each, got {len(self._passes)} passes")
        blames = torch.autograd.grad(losses.sum(), [output for *_, output in self._passes], materialize_grads=True)
        passes, self._passes = self._passes, []
        return [_part(layer, shown, blame) for (layer, shown, _), blame in zip(passes, blames, strict=True)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _note(self, layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        self._passes.append((layer, inputs[0].detach(), output))


def _part(layer: nn.Module, shown: Tensor, blame: Tensor) -> Part:
    if isinstance(layer, nn.Linear) and shown.dim() == 2:
        return LinearPart(layer, shown, blame)
    with torch.no_grad():
        return SampledPart(SAMPLERS[type(layer)](layer, [shown], blame))


def _squared(values: Tensor) -> Tensor:
    """Return each row's squared norm in double precision, where squares of 32-bit floats cannot overflow."""
    norms: Tensor = torch.linalg.vector_norm(values, dim=1, dtype=torch.float64)
    return norms.square()
