"""How a model does on held-out rows: three integer sums, exact. They never leave without noise (`measure`)."""

import torch
from torch import Tensor, nn

from jali.wire.targets import Loss
from jali_node.training import losses
from jali_node.training.lattice import HALF, LATTICE, LOSS_MAX, SUMS
from jali_node.training.plan import CLASSES, TrainingPlan
from jali_node.training.tensors import Rows

CHUNK_VALUES = 2**24


def sums(model: nn.Module, rows: Rows, plan: TrainingPlan, values_per_row: int) -> list[int]:
    """Return the exact sums over units: rows that have a target, or entities that have such rows. They never leave
    without noise.

    An entity counts once, with the means of its rows' figures: the next step of the lattice to a number that lies where
    a row's does, so it moves the sums no further than a row (`lattice`), however many rows it has.
    """
    found = torch.zeros(SUMS, dtype=torch.int64)
    several = None if rows.unit is None else torch.zeros(_number(rows), SUMS, dtype=torch.float64)
    size = max(1, CHUNK_VALUES // values_per_row)
    model.eval()
    with torch.no_grad():
        for start in range(0, len(rows.target), size):
            part = slice(start, start + size)
            features, target = torch.from_numpy(rows.features[part]), torch.from_numpy(rows.target[part])
            shares = _shares(model(features), target, plan)
            present = torch.from_numpy(rows.present[part])
            if several is None or rows.unit is None:
                found += torch.where(present[:, None], _steps(shares), 0).sum(0)
            else:
                several.index_add_(0, torch.from_numpy(rows.unit[part])[present], shares[present])
    if several is not None:
        seen = several[several[:, 0] > 0]
        found += _steps(seen / seen[:, :1]).sum(0)
    return [int(total) for total in found]


def _number(rows: Rows) -> int:
    return 0 if rows.unit is None or not len(rows.unit) else int(rows.unit.max()) + 1


def _shares(output: Tensor, target: Tensor, plan: TrainingPlan) -> Tensor:
    """Return each row's three numbers from 0 to 1, shape (rows, 3): 1, its figure, and its loss."""
    loss = Loss(plan.loss)
    if loss in CLASSES:
        figure = losses.right(loss, output, target)
    else:
        figure = losses.errors(loss, output, target) / plan.target_span
    lost = losses.LOSSES[loss](output, target).double() / LOSS_MAX
    shares = torch.stack([torch.ones_like(lost), figure, lost], 1)
    return torch.nan_to_num(shares, nan=1.0, posinf=1.0, neginf=0.0).clamp(0, 1)


def _steps(shares: Tensor) -> Tensor:
    """Return these as whole numbers: the count, and two from minus to plus half of that."""
    within = shares.clamp(0, 1)
    return torch.floor(within * LATTICE + 0.5).long() - torch.tensor([0, HALF, HALF])
