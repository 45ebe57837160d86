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
    """Return the exact sums over rows that have a target. They never leave without noise."""
    found = torch.zeros(SUMS, dtype=torch.int64)
    size = max(1, CHUNK_VALUES // values_per_row)
    model.eval()
    with torch.no_grad():
        for start in range(0, len(rows.target), size):
            part = slice(start, start + size)
            features, target = torch.from_numpy(rows.features[part]), torch.from_numpy(rows.target[part])
            steps = _steps(model(features), target, plan)
            found += torch.where(torch.from_numpy(rows.present[part])[:, None], steps, 0).sum(0)
    return [int(total) for total in found]


def _steps(output: Tensor, target: Tensor, plan: TrainingPlan) -> Tensor:
    """Return each row's three numbers, shape (rows, 3): its count, and two from minus to plus half of that."""
    loss = Loss(plan.loss)
    if loss in CLASSES:
        figure = losses.right(loss, output, target)
    else:
        figure = losses.errors(loss, output, target) / plan.target_span
    lost = losses.LOSSES[loss](output, target).double() / LOSS_MAX
    shares = torch.stack([torch.ones_like(lost), figure, lost], 1)
    within = torch.nan_to_num(shares, nan=1.0, posinf=1.0, neginf=0.0).clamp(0, 1)
    return torch.floor(within * LATTICE + 0.5).long() - torch.tensor([0, HALF, HALF])
