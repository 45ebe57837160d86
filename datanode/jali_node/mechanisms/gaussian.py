"""Discrete Gaussian noise on integer vectors, from OpenDP's exact sampler.

OpenDP's `make_gaussian` over int64 is a proven zero-concentrated mechanism (Canonne, Kamath, Steinke 2020): its sampler
draws exactly, without floating point, and its privacy map is rounded up.
"""

import os
from collections.abc import Sequence
from fractions import Fraction

os.environ.setdefault("RUST_BACKTRACE", "0")  # OpenDP's default makes every refused scale five times slower

# Its parts, not its prelude: that loads scikit-learn wherever it finds it, which takes a second and a half.
from opendp.domains import atom_domain, vector_domain
from opendp.measurements import make_gaussian
from opendp.metrics import l2_distance
from opendp.mod import enable_features

enable_features("contrib")

_ABOVE = 1 + 2.0**-40
"""Scales are this much larger than asked, so that OpenDP's rounded-up map stays below the exact charge."""
VALUE_MAX = 2**62
"""Aggregates saturate here before noise. Saturating moves no two neighbours further apart."""


def scale(noise_multiplier: float, sensitivity: int) -> float:
    """Return the noise's scale, in units of the values, for a multiplier of their L2 sensitivity."""
    return noise_multiplier * sensitivity * _ABOVE


def noised(values: Sequence[int], sensitivity: int, noise_multiplier: float) -> list[int]:
    """Return the values plus independent discrete Gaussian noise of `scale(noise_multiplier, sensitivity)`.

    Args:
        values: exact integer aggregates.
        sensitivity: how far one privacy unit can move the whole vector, in the Euclidean norm.
        noise_multiplier: the charged `Gaussian` event's.

    Raises:
        RuntimeError: OpenDP's own map finds the release dearer than the event; nothing is drawn.
    """
    space = vector_domain(atom_domain(T="i64")), l2_distance(T=float)
    mechanism = make_gaussian(*space, scale(noise_multiplier, sensitivity))
    charged = 1 / (2 * Fraction(noise_multiplier) ** 2)
    cost: float = mechanism.map(float(sensitivity))  # type: ignore[no-untyped-call]
    if Fraction(cost) > charged:
        raise RuntimeError("the mechanism costs more than the event that was charged for it")
    drawn: list[int] = mechanism([max(-VALUE_MAX, min(VALUE_MAX, int(value))) for value in values])
    return drawn
