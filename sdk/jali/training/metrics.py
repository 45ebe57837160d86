"""How one model does on the held-out rows of several nodes together, from what each of them has released."""

import math
from collections.abc import Collection

from jali.wire.dataset import UnitKind
from jali.wire.jobs.train import Metrics


def together(released: Collection[Metrics]) -> Metrics:
    """Return the figures over all nodes' held-out rows: each node's counts for as many rows as it says it has.

    The nodes' noise is independent, so its variances add. `epsilon` is the sum: a person may be at every node.

    >>> one = Metrics(rows=300, rows_stddev=3, accuracy=0.8, figure_stddev=0.01, loss=0.4, loss_stddev=0.02,
    ...               loss_max=5, epsilon=0.1)
    >>> both = together([one, one.model_copy(update={"rows": 100.0, "accuracy": 0.6})])
    >>> both.rows, both.accuracy, both.epsilon
    (400.0, 0.75, 0.2)

    Args:
        released: of one model and one target, at least one.

    Raises:
        ValueError: there are none, or some tell an accuracy and some an error.
    """
    each = list(released)
    if not each or len({one.accuracy is None for one in each}) > 1:
        raise ValueError(f"expected the metrics of one model at one node or more, got {len(each)}")
    weights = [max(one.rows, 1.0) for one in each]  # as each node divides by one row at least
    classes = each[0].accuracy is not None
    figures = [(one.accuracy if classes else one.error) or 0.0 for one in each]
    figure = _mean(figures, weights)
    return Metrics(
        rows=sum(one.rows for one in each),
        rows_stddev=math.hypot(*(one.rows_stddev for one in each)),
        accuracy=figure if classes else None,
        error=None if classes else figure,
        figure_stddev=_spread([one.figure_stddev for one in each], weights),
        loss=_mean([one.loss for one in each], weights),
        loss_stddev=_spread([one.loss_stddev for one in each], weights),
        loss_max=max(one.loss_max for one in each),
        epsilon=sum(one.epsilon for one in each),
        unit=UnitKind.ENTITY if any(one.unit is UnitKind.ENTITY for one in each) else UnitKind.ROW,
        mixed=len({one.unit for one in each}) > 1,
    )


def _mean(values: list[float], weights: list[float]) -> float:
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / sum(weights)


def _spread(stddevs: list[float], weights: list[float]) -> float:
    """Return a weighted mean's standard deviation, about: each node's says already what its noisy weight adds."""
    return math.hypot(*(stddev * weight for stddev, weight in zip(stddevs, weights, strict=True))) / sum(weights)
