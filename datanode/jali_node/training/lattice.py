"""The lattice on which held-out rows are measured, and how far one row moves what is summed.

Each row adds `LATTICE` for itself, and in whole steps from minus to plus half of it whether the model is right (or how
far off it is, clamped to the target's range), and its loss, clamped. So adding or removing one row moves the count by
`LATTICE`, each of the others by at most half of it, and the three together by at most `SENSITIVITY` in the Euclidean
norm. What is centred moves less, and so takes less noise.

Where a unit is an entity of several rows, it adds what one row would whose numbers are the means of its rows': the same
bounds, since a mean lies where its parts do.
"""

import math

LATTICE = 1000
SUMS = 3
HALF = LATTICE // 2
SENSITIVITY = math.isqrt(LATTICE**2 + 2 * HALF**2) + 1
FEATURE, RESIDUAL = 2**10, 2**16
"""Strict rounds cut features, and residuals, to so many steps for 1."""
LOSS_MAX = 5.0
"""A row's loss counts as at most this, and as at least 0."""


def bound_of(clip_norm: float) -> int:
    """Return how far a row moves the sum of a strict round, in steps of 1 over `FEATURE * RESIDUAL`."""
    return max(1, math.floor(clip_norm * FEATURE * RESIDUAL))
