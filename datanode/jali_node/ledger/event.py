"""What was done, kept apart from what it costs. Events are facts: never removed, never changed in meaning."""

from dataclasses import dataclass
from typing import Any


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
class Composed:
    """Several events about the same privacy units, one after the other or together."""

    events: tuple[Gaussian, ...]

    def __post_init__(self) -> None:
        if not self.events:
            raise ValueError("expected at least 1 event, got 0")

    def record(self) -> dict[str, Any]:
        """Return the event as it is written into the chain."""
        return {"kind": "composed", "v": 1, "events": [event.record() for event in self.events]}


Event = Gaussian | PoissonSampled | SelfComposed | Composed
