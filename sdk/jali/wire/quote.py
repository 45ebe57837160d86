"""A price asked beforehand. It costs nothing and reads no row."""

from jali.wire.base import Reply
from jali.wire.statistics import Statistic


class Forecast(Reply):
    """How far noise will move one figure: half the width of its expected 95 % noise interval.

    Planned from the card alone: the public number of units, all of them present, spread evenly over the public range;
    `expected` is what the figure would be then.
    """

    key: tuple[str, ...]
    figure: str
    expected: float
    half_width: float


class Step(Reply):
    """Something to ask first, at a price of its own, before an accuracy can be promised."""

    statistic: Statistic
    epsilon: float
    why: str


class Quote(Reply):
    """What a question would cost and how exact its answer would be.

    `epsilon` is what to ask with: the wish's, or the smallest that gives the error it named. `first` lists what has to
    be asked before such an error can be promised; where it is not empty, `epsilon` is a guess. `price` is 0 when the
    project has this answer already (`repeated`). `fits` says whether the quota has room; the population's cap is
    checked when the question is asked. `split` says how the price is divided.
    """

    epsilon: float
    price: float
    repeated: bool
    fits: bool
    left_before: float
    left_after: float
    forecast: tuple[Forecast, ...]
    split: str
    warnings: tuple[str, ...] = ()
    first: tuple[Step, ...] = ()
