"""Counts of keys that nobody declared: exact discrete Gaussian noise, and only what reaches a threshold leaves.

Say a privacy unit has at most m rows. Keys with m rows or fewer count as absent and never leave, so nothing that one
unit alone has can show; of the others' counts m is taken off, and given back after the noise. What is left of a count,
max(0, count - m), moves no further than the count does.

A key that shows tells that it was there. Take one unit away: it moves the counts of keys that stay by at most m in the
Euclidean norm, which the noise covers, and at most m keys vanish, each with at most m left. Unless one of those reaches
the threshold, the answer is that of a Gaussian mechanism over the keys that stay. So the release is delta-approximately
zero-concentrated (Bun and Steinke 2016, Definition 8.1) with the Gaussian's rho, delta being the chance that any of m
counts of m reaches the threshold (Rogers 2023, "A unifying privacy analysis framework for unknown domain algorithms",
the Gaussian with a threshold).
"""

import math
from collections.abc import Hashable, Mapping
from fractions import Fraction
from functools import lru_cache
from statistics import NormalDist
from typing import TypeVar

from opendp.domains import atom_domain, map_domain
from opendp.measurements import make_gaussian_threshold
from opendp.metrics import absolute_distance, l02inf_distance

from jali.wire.money import DELTA_UNITS
from jali_node.mechanisms import gaussian

Key = TypeVar("Key", bound=Hashable)

DELTA_MIN = 1000
"""In 1e-18, for each row that a unit may have: OpenDP's own map cannot tell much smaller chances from 0."""


@lru_cache(maxsize=4096)
def threshold(noise_multiplier: float, rows: int, delta: int) -> int:
    """Return the noised count from which a key leaves.

    With probability at most delta, any of the keys that one unit makes present reaches it. A discrete Gaussian is at
    least t with at most the probability that the continuous one is at least t - 1 (Canonne, Kamath, Steinke 2020,
    Proposition 25), so what is left of a count may be `rows + 1 + scale * quantile(1 - delta / rows)`; OpenDP's map has
    the last word.

    Args:
        noise_multiplier: the noise's scale over the L2 sensitivity, which is `rows`.
        rows: how many rows a privacy unit has at most: so many keys, each with a count of at most so many.
        delta: in 1e-18.

    Raises:
        ValueError: delta is below `DELTA_MIN` a row, or rows below 1.
    """
    if not 0 < DELTA_MIN * rows <= delta < DELTA_UNITS // 2:
        raise ValueError(f"expected {DELTA_MIN * rows} <= delta < 5e17 (in 1e-18), rows >= 1, got {delta} and {rows}")
    quantile = -NormalDist().inv_cdf(delta / DELTA_UNITS / rows)
    found = 2 * rows + 1 + max(0, math.ceil(gaussian.scale(noise_multiplier, rows) * quantile))
    while delta_of(noise_multiplier, rows, found) > Fraction(delta, DELTA_UNITS):
        found += 1
    return found


def delta_of(noise_multiplier: float, rows: int, found: int) -> Fraction:
    """Return the probability, at most, that a key reaches the threshold that one unit made present.

    It is what OpenDP states for one threshold less: its map bounds the chance of a value *above* the threshold (a
    discrete Gaussian is above t with at most the probability that the continuous one is), while its release keeps
    values that equal it (opendp#2922). Here values that equal the threshold leave as well.
    """
    keys = map_domain(atom_domain(T="u32"), atom_domain(T="i64"))
    distance = l02inf_distance(absolute_distance(T="i64"))
    stated = make_gaussian_threshold(keys, distance, gaussian.scale(noise_multiplier, rows), found - rows - 1)
    cost: tuple[float, float] = stated.map((rows, rows, rows))  # type: ignore[no-untyped-call]
    return Fraction(cost[1])


def noised(counts: Mapping[Key, int], rows: int, noise_multiplier: float, delta: int) -> dict[Key, int]:
    """Return the keys whose noised count reaches `threshold(noise_multiplier, rows, delta)`, with that count.

    The keys come in falling order of their noised counts, so their order tells no more than those.

    Args:
        counts: how many rows each key has; those with `rows` or fewer may be left out.
        rows: how many rows a privacy unit has at most.
        noise_multiplier: the charged event's.
        delta: the charged event's, in 1e-18.

    Raises:
        RuntimeError: OpenDP's own map finds the release dearer than the event; nothing is drawn.
    """
    least = threshold(noise_multiplier, rows, delta)
    above = {key: count - rows for key, count in counts.items() if count > rows}
    drawn = gaussian.noised(list(above.values()), rows, noise_multiplier)
    shown = [(key, left + rows) for key, left in zip(above, drawn, strict=True) if left + rows >= least]
    return dict(sorted(shown, key=lambda pair: (-pair[1], str(pair[0]))))
