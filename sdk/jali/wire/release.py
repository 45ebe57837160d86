"""What leaves a node: integers with exact discrete Gaussian noise, and what they cost."""

from datetime import datetime

from jali.wire.base import Reply
from jali.wire.budget import PrivacyLoss
from jali.wire.dataset import Column
from jali.wire.statistics import Statistic


class Noised(Reply):
    """Integer aggregates plus discrete Gaussian noise of one standard deviation (in units of the aggregate)."""

    values: tuple[int, ...]
    noise_stddev: float


class Release(Reply):
    """An answer. Everything else (means, intervals, quantiles) is computed from `measurements` without further cost.

    `columns` are the public facts under which it was asked; `left` is the asker's quota afterwards (epsilon).
    An answer never says whether something went wrong while rows were read: an implausible one may be pure noise.
    """

    id: str
    dataset: str
    version: str
    project: str
    statistic: Statistic
    epsilon: float
    loss: PrivacyLoss
    columns: tuple[Column, ...]
    units: int
    measurements: dict[str, Noised]
    created_at: datetime
    repeated: bool
    left: float
