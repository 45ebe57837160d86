"""When an answer leaves: at a time fixed before its rows are read, or else at twice, four, eight times that."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

PLACES = 2
"""How many questions are measured at once. Calibrated times are doubled, which pays for sharing the machine by two."""


class Clock:
    """Tells the time that nobody can set, and waits."""

    def now(self) -> float:
        """Return seconds since some moment in the past."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass
class Departure:
    """One answer's way out. `missed` is how many of its times it was not ready for."""

    missed: int = 0


@dataclass(frozen=True)
class Departures:
    """Gives answers their place and their time.

    A place is held from before the charge until the answer may leave, so that how long the next question waits for one
    depends on public times as well, not on what the rows of this one made of it.
    """

    clock: Clock = field(default_factory=Clock)
    places: threading.Semaphore | None = field(default_factory=lambda: threading.Semaphore(PLACES))

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for the block, once one is free."""
        with self.places or nullcontext():
            yield

    @contextmanager
    def leaving(self, after_s: float | None) -> Iterator[Departure]:
        """Run the block, and end at `after_s` from its beginning however it ends: with a result or an error.

        A block that takes longer ends at twice, four times, eight times that: by when it was ready an observer learns
        no more than the logarithm. Without a time it ends when it is ready.
        """
        departure, begun = Departure(), self.clock.now()
        try:
            yield departure
        finally:
            if after_s is not None:
                while (now := self.clock.now()) > begun + after_s * 2**departure.missed:
                    departure.missed += 1
                self.clock.sleep(begun + after_s * 2**departure.missed - now)
