"""From an engine's rows of codes, counts and sums to arrays of integers."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jali_node.engine.tally import Tally

SUM_MAX = 2**62
"""Sums saturate here, which moves no two neighbouring tables further apart."""


def array_of(tally: Tally, rows: Sequence[Sequence[Any]]) -> NDArray[np.int64]:
    """Return a tally's integers, shape `tally.shape`, from a row for each occupied combination of codes."""
    result = np.zeros(tally.shape, dtype=np.int64)
    if not rows:
        return result
    columns = list(zip(*rows, strict=True))
    codes, sums = columns[: len(tally.groups)], columns[len(tally.groups) :]
    places = np.ravel_multi_index(codes, tally.shape[1:]) if codes else [0]
    for into, found in zip(result.reshape(len(sums), -1), sums, strict=True):
        into[places] = [saturated(value) for value in found]
    return result


def keys_of(rows: Iterable[Sequence[Any]]) -> dict[str, int]:
    """Return counts by key, from a row for each key."""
    return {str(key): saturated(count) for key, count in rows}


def saturated(value: Any) -> int:
    """Return an engine's integer within +-`SUM_MAX`; nothing counts as 0."""
    return max(-SUM_MAX, min(SUM_MAX, int(value or 0)))
