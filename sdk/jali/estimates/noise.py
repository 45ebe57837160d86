"""How far exact discrete Gaussian noise reaches, and what that means for a ratio of two noised integers."""

import math
from functools import lru_cache
from statistics import NormalDist

CONFIDENCE = 0.95
_EXACT_BELOW = 50.0


@lru_cache(maxsize=4096)
def half_width(stddev: float, confidence: float = CONFIDENCE) -> int:
    """Return the smallest whole h with P(|noise| <= h) >= confidence.

    Args:
        stddev: the discrete Gaussian's scale, in units of the noised integer.
        confidence: between 0 and 1.

    >>> half_width(100.0), half_width(0.1)
    (196, 0)
    """
    quantile = NormalDist().inv_cdf((1 + confidence) / 2)
    if stddev >= _EXACT_BELOW:
        return math.ceil(quantile * stddev)
    if stddev <= 0:
        return 0
    weights = [math.exp(-((x / stddev) ** 2) / 2) for x in range(int(12 * stddev) + 12)]
    total = weights[0] + 2 * sum(weights[1:])
    inside, reach = weights[0], 0
    while inside < confidence * total:
        reach += 1
        inside += 2 * weights[reach]
    return reach


def counted(value: int, stddev: float) -> tuple[float, float, float]:
    """Return a noised count with its interval, none of them below 0.

    >>> counted(-3, 2.0)
    (0.0, 0.0, 1.0)
    """
    reach = half_width(stddev)
    return max(0.0, float(value)), max(0.0, float(value - reach)), max(0.0, float(value + reach))


def ratio_interval(
    total: int,
    total_stddev: float,
    count: int,
    count_stddev: float,
    within: tuple[float, float],
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """Return the values that the ratio of two integers may have, given both with independent Gaussian noise.

    Fieller's set (Fieller 1954): every r for which `total - r * count` is within its own noise of 0. It holds the true
    ratio with the stated confidence, also where the count is small; where the count may be 0 it is all of `within`.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    total_var = max(total_stddev, half_width(total_stddev, confidence) / z) ** 2
    count_var = max(count_stddev, half_width(count_stddev, confidence) / z) ** 2
    lower, upper = within
    leading = count**2 - z**2 * count_var
    if leading <= 0:
        return within
    root = z * math.sqrt(max(0.0, count_var * total**2 + total_var * count**2 - z**2 * count_var * total_var))
    low, high = (total * count - root) / leading, (total * count + root) / leading
    return min(max(low, lower), upper), min(max(high, lower), upper)


def share_interval(part: int, rest: int, stddev: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the shares that a part may have of a whole, given it and the rest with independent noise of one deviation.

    Fieller's set again: every r for which `(1 - r) * part - r * rest` is within its own noise of 0.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    noise_square = (z * max(stddev, half_width(stddev, confidence) / z)) ** 2
    whole = part + rest
    leading, middle, last = whole**2 - 2 * noise_square, part * whole - noise_square, part**2 - noise_square
    if leading <= 0:
        return 0.0, 1.0
    root = math.sqrt(max(0.0, middle**2 - leading * last))
    low, high = (middle - root) / leading, (middle + root) / leading
    return min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)


def ratio_reach(total_stddev: float, count: int, count_stddev: float, largest: float) -> float:
    """Return the largest half width that `ratio_interval` can have for ratios within +-`largest`, and so many counted.

    Fieller's set is widest where the ratio is largest; where the count is within its noise of 0 it has no end.
    """
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    total_var = max(total_stddev, half_width(total_stddev) / z) ** 2
    count_var = max(count_stddev, half_width(count_stddev) / z) ** 2
    leading = count**2 - z**2 * count_var
    if count <= 0 or leading <= 0:
        return math.inf
    return (
        z
        * math.sqrt(max(0.0, (count_var * largest**2 + total_var) * count**2 - z**2 * count_var * total_var))
        / leading
    )
