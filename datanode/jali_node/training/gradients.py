"""Each row's gradient, one backward pass for all: what a layer was shown times what its output did to the loss.

A Linear layer's gradient for one row is the outer product of the two, so its norm and its weighted sum need no matrix
a row (Goodfellow 2015, "Efficient per-example gradient computations"). An embedding's is the blame of each id's vector,
so it needs no table a row. Other layers go through Opacus' grad samplers. A layer that runs at each step of a sequence,
as an LSTM's do, has the sum of its steps' gradients, which is that of one layer over the whole sequence.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from opacus.grad_sample import GradSampleModule
from opacus.layers.dp_rnn import RNNLinear
from torch import Tensor, nn

from jali_node.training.layers import Embedding

ORDINARY = 2.0**80
"""Squared norms above this, and those that are no number, are not scaled down but taken for zero. Factors that fit them
are so small that 32-bit floats round them by whole percents, and a row would count more than it may."""
STRAY = 2.0**-12
"""The squared norm of a sum that is never made counts as larger by this share of the squared sum of its parts' norms.
Where huge parts almost cancel, the norm of what is left is small, so it is hardly scaled down, and the rounding of the
parts would be added in full. With this, scaled parts are together no longer than 64 times the clip norm, and what
rounding leaves of them is below what this and `engine.BELOW` leave free. Parts that agree lose 0.01 % of their length.
"""
BLOCK = 64
SAMPLERS: dict[type[nn.Module], Callable[..., dict[nn.Parameter, Tensor]]] = GradSampleModule.GRAD_SAMPLERS
KNOWN = {*SAMPLERS, Embedding, RNNLinear}
Pass = tuple[nn.Module, Tensor, Tensor]
Sums = Mapping[Tensor, Tensor]
"""For each parameter the sum of rows' clipped gradients so far, in its shape."""


@dataclass(frozen=True)
class LinearPart:
    """The gradients of one Linear layer: `shown` (rows, in) and `blame` (rows, out)."""

    layer: nn.Linear
    shown: Tensor
    blame: Tensor

    def squared_norms(self) -> Tensor:
        """Return each row's squared gradient norm over this layer, shape (rows,), as doubles, or infinity."""
        return _of_linear([self])

    def add_to(self, sums: Sums, factors: Tensor) -> None:
        """Add factor times gradient to each parameter's sum. A factor of 0 leaves no trace of its row."""
        blame = finite(self.blame).t()
        sums[self.layer.weight].addmm_(blame * factors, finite(self.shown))
        if self.layer.bias is not None:
            sums[self.layer.bias].addmv_(blame, factors)


@dataclass(frozen=True)
class SampledPart:
    """The gradients of any other layer, as Opacus computes them: (rows, *shape) for each parameter."""

    gradients: dict[nn.Parameter, Tensor]

    def squared_norms(self) -> Tensor:
        """Return each row's squared gradient norm over this layer, shape (rows,), as doubles, or infinity."""
        squared = torch.stack([squares(gradient.flatten(1)) for gradient in self.gradients.values()]).sum(0)
        return squared.masked_fill_(squared > ORDINARY, math.inf)

    def add_to(self, sums: Sums, factors: Tensor) -> None:
        """Add factor times gradient to each parameter's sum. A factor of 0 leaves no trace of its row."""
        for parameter, gradient in self.gradients.items():
            sums[parameter].view(-1).addmv_(finite(gradient.flatten(1)).t(), factors)


@dataclass(frozen=True)
class EmbeddingPart:
    """The gradients of an embedding: `ids` (rows, k) and `blame` (rows, k, dim). Equal ids of a row add up."""

    layer: Embedding
    ids: Tensor
    blame: Tensor

    def squared_norms(self) -> Tensor:
        """Return each row's squared gradient norm over this layer, shape (rows,), as doubles, or infinity."""
        blame = self.blame.double()
        same = (self.ids.unsqueeze(2) == self.ids.unsqueeze(1)).double()
        squared = (same * (blame @ blame.mT)).sum((1, 2)).clamp(min=0.0)
        if self.ids.shape[1] > 1:
            squared.add_(torch.linalg.vector_norm(blame, dim=2).sum(1).square(), alpha=STRAY)
        return squared.masked_fill_(squared > ORDINARY, math.inf)

    def add_to(self, sums: Sums, factors: Tensor) -> None:
        """Add factor times gradient to the table's sum. A factor of 0 leaves no trace of its row."""
        blame = finite(self.blame).mul_(factors.view(-1, 1, 1))
        sums[self.layer.weight].index_add_(0, self.ids.reshape(-1), blame.flatten(0, 1))


class Part(Protocol):
    """One layer's gradients for each row, or for each entity of several rows (`entities`)."""

    def squared_norms(self) -> Tensor:
        """Return each one's squared gradient norm over this layer, as doubles, or infinity."""

    def add_to(self, sums: Sums, factors: Tensor) -> None:
        """Add factor times gradient to each parameter's sum. A factor of 0 leaves no trace."""


def squared_norms(parts: Sequence[Part]) -> Tensor:
    """Return each row's squared gradient norm over all layers, shape (rows,), as doubles; it may not be finite."""
    linear = [part for part in parts if isinstance(part, LinearPart)]
    squared = [part.squared_norms() for part in parts if not isinstance(part, LinearPart)]
    if linear:
        squared.append(_of_linear(linear))
    return squared[0] if len(squared) == 1 else torch.stack(squared).sum(0)


def _of_linear(parts: Sequence[LinearPart]) -> Tensor:
    """Return the squared norms over several Linear layers at once: few operations, whatever their number."""
    values = [*(part.shown for part in parts), *(part.blame for part in parts)]
    squared = torch.stack([_norms(each) for each in values]).double().square_()
    squared.masked_fill_(squared > ORDINARY, math.inf)  # times 0 this is no number, which counts as infinity does
    shown, blame = squared[: len(parts)], squared[len(parts) :]
    with_bias = [at for at, part in enumerate(parts) if part.layer.bias is not None]
    if len(with_bias) == len(parts):
        shown.add_(1)
    elif with_bias:
        shown[with_bias] += 1
    return shown.mul_(blame).sum(0)


class Recorder:
    """Watches a model's layers, and tells each row's gradient of a loss.

    Args:
        model: every parameter belongs to a layer that Opacus knows, which runs once in a forward pass; an LSTM's
            two linear layers run once a step.

    Raises:
        ValueError: it does not.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._passes: list[Pass] = []
        self._layers = [layer for layer in model.modules() if any(True for _ in layer.parameters(recurse=False))]
        unknown = sorted({type(layer).__name__ for layer in self._layers if type(layer) not in KNOWN})
        if unknown or not self._layers:
            raise ValueError(f"expected layers that Opacus knows, got {', '.join(unknown) or 'none with parameters'}")
        owned = [id(parameter) for layer in self._layers for parameter in layer.parameters(recurse=False)]
        if len(set(owned)) < len(owned):
            raise ValueError("expected layers with parameters of their own, got shared ones")
        for layer in self._layers:
            layer.forward = self._noting(layer)  # a hook would take three times as long

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
        self._refuse_unless_once()
        outputs = [output for *_, output in self._passes]
        blames = torch.autograd.grad(losses, outputs, torch.ones_like(losses), materialize_grads=True)
        passes, self._passes = self._passes, []
        return _parts([(layer, shown, blame) for (layer, shown, _), blame in zip(passes, blames, strict=True)])

    def _refuse_unless_once(self) -> None:
        ran = [layer for layer, *_ in self._passes]
        if ran == self._layers:
            return
        once = [id(layer) for layer in ran if not isinstance(layer, RNNLinear)]
        many = {id(layer) for layer in ran if isinstance(layer, RNNLinear)}
        if sorted([*once, *many]) != sorted(id(layer) for layer in self._layers):
            raise ValueError(f"expected {len(self._layers)} layers to run once each, got {len(ran)} passes")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for layer in self._layers:
            del layer.forward

    def _noting(self, layer: nn.Module) -> Callable[[Tensor], Tensor]:
        forward = layer.forward

        def noting(shown: Tensor) -> Tensor:
            output: Tensor = forward(shown)
            self._passes.append((layer, shown.detach(), output))
            return output

        return noting


def _parts(passes: list[Pass]) -> list[Part]:
    """Return a part for each layer; the steps of one that ran several times stand side by side."""
    steps: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {}
    for layer, shown, blame in passes:
        steps.setdefault(layer, []).append((shown, blame))
    return [
        _part(layer, *(found[0] if len(found) == 1 else (torch.stack(each, 1) for each in zip(*found, strict=True))))
        for layer, found in steps.items()
    ]


def _part(layer: nn.Module, shown: Tensor, blame: Tensor) -> Part:
    if isinstance(layer, nn.Linear) and shown.dim() == 2:
        return LinearPart(layer, shown, blame)
    if isinstance(layer, Embedding):
        return EmbeddingPart(layer, layer.ids(shown).flatten(1), blame.flatten(1, -2))
    sampler = SAMPLERS[nn.Linear if isinstance(layer, nn.Linear) else type(layer)]
    with torch.no_grad():
        # Opacus' convolutions step through memory as if a row's numbers lay in order: others would be read instead.
        return SampledPart(sampler(layer, [shown.contiguous()], blame.contiguous()))


def finite(values: Tensor) -> Tensor:
    """Return a copy without infinities and what is no number: a row that has any of them has a factor of 0, and 0 times
    these would show. What is finite stays as it is."""
    return torch.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def squares(values: Tensor) -> Tensor:
    """Return each row's squared norm in double precision, where squares of 32-bit floats cannot overflow.

    Rows of whole blocks are taken block by block first, in 32-bit floats (see `_norms`). That is for gradients, which
    are far below any clip norm where their squares lose bits at the lower end; for what is yet to be multiplied with
    something large it would not do.
    """
    rows, width = values.shape
    if width > BLOCK and width % BLOCK == 0:
        values = torch.linalg.vector_norm(values.reshape(rows, -1, BLOCK), dim=2)
    return _norms(values).double().square_()


def _norms(values: Tensor) -> Tensor:
    """Return each row's norm: of `BLOCK` numbers at most in 32-bit floats, of more in double precision.

    So many squares and their sum round by less than 2^-18 of it, so the norm by less than 2^-19. One that overflows is
    far beyond `ORDINARY`. What squares lose at their lower end shows only in a norm below 9e-19, and that times the
    largest that `ORDINARY` allows, 2^40, is below any clip norm.
    """
    narrow = values.shape[1] <= BLOCK
    norms: Tensor = torch.linalg.vector_norm(values, dim=1, dtype=None if narrow else torch.float64)
    return norms
