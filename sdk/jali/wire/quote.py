"""A price asked beforehand. It costs nothing and reads no row."""

from jali.wire.base import Reply


class Forecast(Reply):
    """How far noise will move one figure: half the width of its expected 95 % noise interval.

    Planned from the card alone: the public number of units, all of them present, spread evenly over the public range;
    `expected` is what the figure would be then.
    """

    key: tuple[str, ...]
    figure: str
    expected: float
    half_width: float


class Quote(Reply):
    """What a question would cost and how exact its answer would be.

    `price` is 0 when the project has this answer already (`repeated`). `fits` says whether the quota has room;
    the population's own cap is checked when the question is asked. `split` says how the price is divided.
    """

    price: float
    repeated: bool
    fits: bool
    left_before: float
    left_after: float
    forecast: tuple[Forecast, ...]
    split: str
    warnings: tuple[str, ...] = ()
