"""What leaves a node: integers with exact discrete Gaussian noise, and what they cost."""

from datetime import datetime

from jali.wire.base import Reply
from jali.wire.budget import PrivacyLoss
from jali.wire.dataset import Column
from jali.wire.selection import ALL_ROWS, Selection
from jali.wire.statistics import Statistic


class Noised(Reply):
    """Integer aggregates plus discrete Gaussian noise of one standard deviation (in units of the aggregate).

    Where the keys are not public, `keys` holds those whose noised count reached `threshold`, one a value.
    """

    values: tuple[int, ...]
    noise_stddev: float
    keys: tuple[str, ...] | None = None
    threshold: int | None = None


class Release(Reply):
    """An answer. Everything else (means, intervals, quantiles) is computed from `measurements` without further cost.

    `columns` are the public facts under which it was asked; `left` is the asker's quota afterwards (epsilon).
    `units` and `rows` are the owner's public figures; measurements carry names that mean the same in every release of
    the same rows, such as `sum:age`, so that one may serve a later question.
    An answer never says whether something went wrong while rows were read: an implausible one may be pure noise.
    """

    id: str
    dataset: str
    version: str
    project: str
    statistic: Statistic
    selection: Selection = ALL_ROWS
    epsilon: float
    loss: PrivacyLoss
    columns: tuple[Column, ...]
    units: int
    rows: int = 0
    measurements: dict[str, Noised]
    created_at: datetime
    repeated: bool
    left: float
