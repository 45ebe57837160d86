"""Federated averaging (McMahan et al. 2017): the next model is the weighted mean of the nodes' models.

Weights are public figures, such as the populations' sizes; they are never counted from rows.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.float32]]


def average(updates: Sequence[Arrays], weights: Sequence[float]) -> dict[str, NDArray[np.float32]]:
    """Return the weighted mean of models of one form, array by array.

    Args:
        updates: each node's arrays by name, all of the same names and shapes.
        weights: one public, positive figure a node.

    Raises:
        ValueError: no update, a weight that is not positive, or models of different forms.

    >>> average([{"w": np.float32([1.0])}, {"w": np.float32([4.0])}], [2.0, 1.0])["w"].tolist()
    [2.0]
    """
    if not updates or len(updates) != len(weights) or min(weights, default=0.0) <= 0:
        raise ValueError(f"expected one positive weight for each of at least 1 update, got {len(weights)}")
    forms = [{name: array.shape for name, array in update.items()} for update in updates]
    if any(form != forms[0] for form in forms):
        raise ValueError("the nodes' models differ in names or shapes")
    shares = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    return {name: _mean([update[name] for update in updates], shares) for name in forms[0]}


def _mean(arrays: Sequence[NDArray[np.float32]], shares: NDArray[np.float64]) -> NDArray[np.float32]:
    mean: NDArray[np.float32] = np.tensordot(shares, np.stack(arrays).astype(np.float64), axes=1).astype(np.float32)
    return mean
