"""Entities of several rows: each one's rows give one gradient, which is clipped as a row's would be.

An entity's gradient is the **mean** of its rows': its rows' losses are divided by how many it has before the backward
pass, and the gradients are added up. The mean, because it is as long as one row's, so that a clip norm and a learning
rate that suit a table of rows suit this one; because an entity with many rows would else be clipped for having them;
and because held-out metrics are the mean over entities of the mean over their rows, so what is learned is what is
measured. The bound does not rest on it: whatever an entity's rows add up to is clipped once, and one number of rows
divides no other entity's.

Everything here that is decided of an entity (its norm, its factor, which way its norm is computed) depends on its own
rows alone. One row that is no number makes its entity's gradient none, so that it counts as zero, all of it.

Huge gradients that almost cancel are the trap of sums: the norm of what is left is small, so it is hardly scaled down,
and the rounding of the huge ones would be added in full. Where an entity's sum is made first and then measured and
added as it is, there is nothing to round. Where it is never made (`_Inner`), its norm counts as larger by
`STRAY` of its rows' norms together.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jali_node.training.gradients import (
    ORDINARY,
    STRAY,
    EmbeddingPart,
    LinearPart,
    Part,
    Recorder,
    SampledPart,
    Sums,
    finite,
    squares,
)
from jali_node.training.tensors import Rows


class Units:
    """A table's entities, and the rows of each that have a target, next to each other.

    An entity without any teaches nothing, and is not counted: whether it is sampled changes nothing.
    """

    def __init__(self, rows: Rows) -> None:
        if rows.unit is None:
            raise ValueError("expected rows that say whose they are")
        there = np.flatnonzero(rows.present)
        order = there[np.argsort(rows.unit[there], kind="stable")]
        _, counts = np.unique(rows.unit[order], return_counts=True)
        self._counts = counts.astype(np.int64)
        self._starts = np.cumsum(self._counts) - self._counts
        self._features, self._target = (torch.from_numpy(array[order]) for array in (rows.features, rows.target))

    def __len__(self) -> int:
        return len(self._counts)

    def chunks(self, chosen: NDArray[np.intp], size: int) -> Iterator["Chunk"]:
        """Yield a sample's entities with all their rows, no more than `size` rows at a time where one has no more."""
        counts = self._counts[chosen]
        ends = np.cumsum(counts)
        first = 0
        while first < len(chosen):
            done = ends[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(ends, done + size, side="right")))
            yield self._chunk(chosen[first:last])
            first = last

    def _chunk(self, chosen: NDArray[np.intp]) -> "Chunk":
        counts = self._counts[chosen]
        before = np.cumsum(counts) - counts
        at = torch.from_numpy(np.repeat(self._starts[chosen] - before, counts) + np.arange(counts.sum()))
        return Chunk(self._features.index_select(0, at), self._target.index_select(0, at), torch.from_numpy(counts))


@dataclass(frozen=True)
class Chunk:
    """Some entities' rows, one entity's behind the other's; `counts` (entities,) says how many each has, 1 or more."""

    features: Tensor
    target: Tensor
    counts: Tensor

    def parts(self, recorder: Recorder, loss: Callable[[Tensor], Tensor]) -> list[Part]:
        """Return every layer's gradients for each entity: the mean of its rows'."""
        grouping = Grouping(self.counts)
        share = (1.0 / self.counts).float().index_select(0, grouping.of_row)
        return [summed(part, grouping) for part in recorder.parts(self.features, lambda output: loss(output) * share)]


@dataclass(frozen=True)
class Grouping:
    """Which rows belong together: the first `counts[0]` of them, then the next `counts[1]`, and so on."""

    counts: Tensor

    @cached_property
    def of_row(self) -> Tensor:
        """Each row's entity."""
        return torch.repeat_interleave(torch.arange(len(self.counts)), self.counts)

    @cached_property
    def blocks(self) -> list[tuple[Tensor, Tensor]]:
        """Entities of about as many rows, and where these lie, shape (entities, rows).

        An entity with fewer rows than there is room for, at most half, names the row behind the last one for the rest.
        """
        rooms = 2 ** torch.ceil(torch.log2(self.counts.double())).long()
        starts = self.counts.cumsum(0) - self.counts
        found = []
        for room in sorted(set(rooms.tolist())):
            members, offsets = torch.nonzero(rooms == room).flatten(), torch.arange(room)
            places = starts[members, None] + offsets
            found.append((members, places.masked_fill(offsets >= self.counts[members, None], len(self.of_row))))
        return found

    def add_up(self, values: Tensor) -> Tensor:
        """Return each entity's sum, shape (entities, ...), of values of shape (rows, ...)."""
        return values.new_zeros(len(self.counts), *values.shape[1:]).index_add_(0, self.of_row, values)


def summed(part: Part, grouping: Grouping) -> Part:
    """Return a layer's gradients for each entity, the sum of its rows', in the form in which rows' gradients come."""
    match part:
        case SampledPart():
            return SampledPart({parameter: grouping.add_up(each) for parameter, each in part.gradients.items()})
        case EmbeddingPart():
            return _Vectors.of(part, grouping)
        case LinearPart():
            return _Matrices.of(part, grouping)
    raise TypeError(f"expected rows' gradients, got {type(part).__name__}")


@dataclass(frozen=True)
class _Vectors:
    """An embedding: one summed vector for each id that an entity has, so it needs no table an entity."""

    table: Tensor
    entities: int
    of_entity: Tensor
    ids: Tensor
    sums: Tensor

    @classmethod
    def of(cls, part: EmbeddingPart, grouping: Grouping) -> "_Vectors":
        known = len(part.layer.weight)
        keys, at = (grouping.of_row[:, None] * known + part.ids).unique(return_inverse=True)  # type: ignore[no-untyped-call]
        blame = part.blame.flatten(0, 1)
        sums = blame.new_zeros(len(keys), blame.shape[1]).index_add_(0, at.flatten(), blame)
        return cls(part.layer.weight, len(grouping.counts), keys // known, keys % known, sums)

    def squared_norms(self) -> Tensor:
        """Return each entity's squared gradient norm over this layer, shape (entities,), as doubles, or infinity."""
        found = torch.zeros(self.entities, dtype=torch.float64).index_add_(0, self.of_entity, squares(self.sums))
        return found.masked_fill_(found > ORDINARY, math.inf)

    def add_to(self, sums: Sums, factors: Tensor) -> None:
        """Add factor times gradient to the table's sum. A factor of 0 leaves no trace of its entity."""
        sums[self.table].index_add_(0, self.ids, finite(self.sums).mul_(factors[self.of_entity, None]))


@dataclass(frozen=True)
class _Inner:
    """Entities whose matrix over a Linear layer is larger than what their rows hold, so that it is never made.

    Its squared norm is the sum over all pairs of an entity's rows of <shown, shown> <blame, blame>. `members` are these
    entities' numbers; `shown` is (entities, rows, in) and `blame` (entities, rows, out), 0 where there is no row.
    """

    members: Tensor
    shown: Tensor
    blame: Tensor

    def squared_norms(self) -> Tensor:
        shown, blame = (torch.linalg.vector_norm(each, dim=2, dtype=torch.float64) for each in (self.shown, self.blame))
        beyond = (torch.maximum(shown, blame).square() > ORDINARY).any(1)
        found: Tensor = (shown * blame).square().sum(1)
        if shown.shape[1] > 1:
            wide, high = self.shown.double(), self.blame.double()
            pairs = torch.bmm(wide, wide.mT).mul_(torch.bmm(high, high.mT))
            found = pairs.sum((1, 2)).clamp_(min=0.0).add_((shown * blame).sum(1).square(), alpha=STRAY)
        return found.masked_fill_(beyond, math.inf)

    def add_to(self, total: Tensor, factors: Tensor) -> None:
        blame = finite(self.blame).mul_(factors[self.members, None, None]).flatten(0, 1)
        total.addmm_(blame.t(), finite(self.shown).flatten(0, 1))


@dataclass(frozen=True)
class _Made:
    """Entities whose matrix over a Linear layer is small, so that it is made: `sums` is (entities, out, in)."""

    members: Tensor
    sums: Tensor

    def squared_norms(self) -> Tensor:
        found = squares(self.sums.flatten(1))
        return found.masked_fill_(found > ORDINARY, math.inf)

    def add_to(self, total: Tensor, factors: Tensor) -> None:
        total.view(-1).addmv_(finite(self.sums.flatten(1)).t(), factors[self.members])


@dataclass(frozen=True)
class _Matrices:
    """A Linear layer; each entity's matrix is made or not, as its own number of rows says."""

    layer: nn.Linear
    entities: int
    blocks: Sequence[_Inner | _Made]
    bias: SampledPart | None

    @classmethod
    def of(cls, part: LinearPart, grouping: Grouping) -> "_Matrices":
        layer, blocks = part.layer, []
        shown, blame = (torch.cat([each, each.new_zeros(1, each.shape[1])]) for each in (part.shown, part.blame))
        for members, places in grouping.blocks:
            inner = _Inner(members, shown[places], blame[places])
            small = shown.shape[1] * blame.shape[1] <= places.shape[1] * (shown.shape[1] + blame.shape[1])
            blocks.append(_Made(members, torch.bmm(inner.blame.mT, inner.shown)) if small else inner)
        bias = None if layer.bias is None else SampledPart({layer.bias: grouping.add_up(part.blame)})
        return cls(layer, len(grouping.counts), blocks, bias)

    def squared_norms(self) -> Tensor:
        """Return each entity's squared gradient norm over this layer, shape (entities,), as doubles, or infinity."""
        found = torch.zeros(self.entities, dtype=torch.float64)
        for block in self.blocks:
            found[block.members] = block.squared_norms()
        return found if self.bias is None else found + self.bias.squared_norms()

    def add_to(self, sums: Sums, factors: Tensor) -> None:
        """Add factor times gradient to each parameter's sum. A factor of 0 leaves no trace of its entity."""
        for block in self.blocks:
            block.add_to(sums[self.layer.weight], factors)
        if self.bias is not None:
            self.bias.add_to(sums, factors)
