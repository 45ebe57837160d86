"""What was done, kept apart from what it costs. Events are facts: never removed, never changed in meaning."""

from dataclasses import dataclass
from typing import Any

from jali.wire.money import DELTA_UNITS


@dataclass(frozen=True)
class Gaussian:
    """Integer vectors released with discrete Gaussian noise.

    `noise_multiplier` is the noise's scale over the L2 sensitivity: how far adding or removing one privacy unit can
    move the vector in the Euclidean norm. A discrete Gaussian's Rényi divergences are at most the continuous one's
    (Canonne, Kamath, Steinke 2020, Theorem 14), so one event prices both.
    """

    noise_multiplier: float

    def __post_init__(self) -> None:
        if not 0 < self.noise_multiplier < float("inf"):
            raise ValueError(f"expected 0 < noise_multiplier < inf, got {self.noise_multiplier}")

    def record(self) -> dict[str, Any]:
        """Return the event as it is written into the chain."""
        return {"kind": "gaussian", "v": 1, "noise_multiplier": repr(self.noise_multiplier)}


@dataclass(frozen=True)
class PoissonSampled:
    """One step of a mechanism over a Poisson sample: each privacy unit takes part on its own with probability `q`.

    Neighbours differ by adding or removing one unit. Neither `q` nor what the mechanism divides by may depend on the
    rows; an empty sample is answered like any other.
    """

    q: float
    event: Gaussian

    def __post_init__(self) -> None:
        if not 0 < self.q <= 1:
            raise ValueError(f"expected 0 < q <= 1, got {self.q}")

    def record(self) -> dict[str, Any]:
        """Return the event as it is written into the chain."""
        return {"kind": "poisson_sampled", "v": 1, "q": repr(self.q), "event": self.event.record()}


@dataclass(frozen=True)
class SelfComposed:
    """The same event `times` over, each time with fresh randomness."""

    event: Gaussian | PoissonSampled
    times: int

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"expected times >= 1, got {self.times}")

    def record(self) -> dict[str, Any]:
        """Return the event as it is written into the chain."""
        return {"kind": "self_composed", "v": 1, "times": self.times, "event": self.event.record()}


@dataclass(frozen=True)
class Thresholded:
    """Counts of unknown keys with discrete Gaussian noise; keys leave whose noised count reaches a threshold.

    A privacy unit has at most `rows` rows: the noise's multiplier is relative to that, keys with no more rows than that
    count as absent, and one unit can make so many keys present. `delta` (1e-18) bounds the probability that any of
    those reaches `threshold`. The release is delta-approximately zero-concentrated with the Gaussian's loss (Rogers
    2023; Whitehouse, Ramdas, Rogers, Wu 2023 for how such losses add up); delta is taken from the account's pool.
    """

    gaussian: Gaussian
    delta: int
    rows: int
    threshold: int

    def __post_init__(self) -> None:
        if not 0 < self.delta < DELTA_UNITS:
            raise ValueError(f"expected 0 < delta < 1e18 (in 1e-18), got {self.delta}")
        if not 0 < self.rows < self.threshold:
            raise ValueError(f"expected 0 < rows < threshold, got {self.rows} and {self.threshold}")

    def record(self) -> dict[str, Any]:
        """Return the event as it is written into the chain."""
        facts = {"delta": self.delta, "rows": self.rows, "threshold": self.threshold}
        return {"kind": "thresholded", "v": 1, "event": self.gaussian.record(), **facts}


@dataclass(frozen=True)
class Concentrated:
    """A mechanism that is `rho`-zero-concentrated: its divergence at order a is at most a * rho, for every a above 1.

    That is what a Gaussian of multiplier 1 / sqrt(2 rho) costs (Bun and Steinke 2016, Definition 1.1 and
    Proposition 1.6), so the account treats the two alike.
    """

    rho: float

    def __post_init__(self) -> None:
        if not 0 < self.rho < float("inf"):
            raise ValueError(f"expected 0 < rho < inf, got {self.rho}")

    def record(self) -> dict[str, Any]:
        """Return the event as it is written into the chain."""
        return {"kind": "concentrated", "v": 1, "rho": repr(self.rho)}


@dataclass(frozen=True)
class Composed:
    """Several events about the same privacy units, one after the other or together."""

    events: tuple[Gaussian | Thresholded, ...]

    def __post_init__(self) -> None:
        if not self.events:
            raise ValueError("expected at least 1 event, got 0")

    def record(self) -> dict[str, Any]:
        """Return the event as it is written into the chain."""
        return {"kind": "composed", "v": 1, "events": [event.record() for event in self.events]}


Event = Gaussian | Thresholded | Concentrated | PoissonSampled | SelfComposed | Composed
