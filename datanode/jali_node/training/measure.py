"""The figures that the noised sums over held-out rows give. One discrete Gaussian covers the three of them."""

import math
from collections.abc import Sequence

from jali.wire.dataset import UnitKind
from jali.wire.jobs.train import Metrics
from jali.wire.money import from_fixed
from jali_node.mechanisms import gaussian
from jali_node.training.lattice import LATTICE, LOSS_MAX, SENSITIVITY, SUMS
from jali_node.training.plan import CLASSES, TrainingPlan

__all__ = ["SUMS", "noised"]


def noised(totals: Sequence[int], plan: TrainingPlan) -> Metrics:
    """Draw the charged noise, once, and return the figures."""
    count, figure, lost = gaussian.noised(totals, SENSITIVITY, plan.metrics_noise)
    spread = gaussian.scale(plan.metrics_noise, SENSITIVITY)
    divisor = max(count, LATTICE)
    share, loss_share = (min(1.0, max(0.0, 0.5 + total / divisor)) for total in (figure, lost))
    classes = plan.loss in CLASSES
    unit = 1.0 if classes else plan.target_unit

    def off(ratio: float) -> float:
        return spread * math.hypot(1.0, ratio - 0.5) / divisor

    return Metrics(
        rows=count / LATTICE,
        rows_stddev=spread / LATTICE,
        accuracy=share if classes else None,
        error=None if classes else share * unit,
        figure_stddev=off(share) * unit,
        loss=loss_share * LOSS_MAX,
        loss_stddev=off(loss_share) * LOSS_MAX,
        loss_max=LOSS_MAX,
        epsilon=from_fixed(plan.metrics_epsilon),
        unit=UnitKind.ROW if plan.max_rows is None else UnitKind.ENTITY,
    )
