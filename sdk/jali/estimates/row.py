"""One figure of an answer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A figure, what it is about (`key`: a column, a bin, the groups' categories), and its 95 % noise interval.

    The interval holds the noise alone: not sampling error, not what clamping or rounding to a grid moved.
    """

    key: tuple[str, ...]
    figure: str
    value: float
    low: float
    high: float
