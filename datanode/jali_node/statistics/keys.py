"""A measurement whose keys are private: counts that leave only where they reach a threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from jali import estimates
from jali.wire.money import DELTA_UNITS, from_fixed
from jali.wire.release import Noised
from jali_node.engine.tally import KeyCounts
from jali_node.errors import InvalidRequest
from jali_node.ledger.event import Gaussian, Thresholded
from jali_node.mechanisms import gaussian, thresholded


@dataclass(frozen=True)
class Keys:
    """The row counts of a column's values, read off the table itself.

    `delta` (1e-18) bounds the probability that a value shows because of one privacy unit; `name` holds it, since
    releases of another delta withhold other values. `weight` is its share of the answer's zero-concentrated loss.
    """

    name: str
    tally: KeyCounts
    delta: int
    weight: int = 1

    def priced(self, event: Gaussian, rows: int, pool: int) -> "KeysPart":
        """Return the measurement with its noise and its threshold.

        Args:
            event: the noise, relative to the sensitivity.
            rows: how many rows a privacy unit has at most.
            pool: how much delta (1e-18) the account sets aside for unknown keys, spent or not.

        Raises:
            InvalidRequest: delta is larger than the whole pool, or too small to be verified.
        """
        least = thresholded.DELTA_MIN * rows
        if not least <= self.delta <= pool:
            low, high, found = (from_fixed(amount, DELTA_UNITS) for amount in (least, pool, self.delta))
            raise InvalidRequest(
                f"expected {low:.3g} <= delta <= {high:.3g} (what this population sets aside for unknown keys), "
                f"got {found:.3g}",
                field="statistic.delta",
            )
        needed = thresholded.threshold(event.noise_multiplier, rows, self.delta)
        counted = replace(self, tally=replace(self.tally, above=rows))
        return KeysPart(counted, rows, Thresholded(event, self.delta, rows, needed))


@dataclass(frozen=True)
class KeysPart:
    """Counts of unknown keys, their noise and their threshold. `sensitivity` is the rows that a unit has at most."""

    measurement: Keys
    sensitivity: int
    event: Thresholded

    @property
    def noise_stddev(self) -> float:
        """The noise's standard deviation, in rows."""
        return gaussian.scale(self.event.gaussian.noise_multiplier, self.sensitivity)

    @property
    def note(self) -> str:
        """What is withheld, in words."""
        return f"values with fewer than some {self.event.threshold} rows do not show"

    def noised(self, exact: Mapping[str, int]) -> Noised:
        """Return the keys above the threshold, with fresh noise on their counts."""
        shown = thresholded.noised(exact, self.sensitivity, self.event.gaussian.noise_multiplier, self.event.delta)
        return self._noised(shown)

    def imagined(self, values: Sequence[int]) -> Noised:
        """Return a stand-in: one key with just the count that shows."""
        return self._noised({estimates.top.RAREST: self.event.threshold})

    def _noised(self, shown: Mapping[str, int]) -> Noised:
        return Noised(
            values=tuple(shown.values()),
            noise_stddev=self.noise_stddev,
            keys=tuple(shown),
            threshold=self.event.threshold,
        )
