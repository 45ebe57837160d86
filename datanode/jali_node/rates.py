"""How many requests each person may send: so many at once, then so many a second. Kept in memory, by one process.

The generic cell rate algorithm: `free_at` moves on by a step with each request, and may be ahead of the clock by a
burst. What it costs to be refused is a look into a dictionary.
"""

import threading
import time
from collections.abc import Callable

from jali_node.errors import TooManyRequests

KEPT_MAX = 10_000
"""Beyond so many keys, those that are free anyway are forgotten."""


class Rates:
    """One bucket a key. Threads may share it.

    Args:
        per_s: requests a second that are always let through.
        burst: how many may come at once.
        now: a clock that nobody can set, in seconds.
    """

    def __init__(self, per_s: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._step_s = 1 / per_s
        self._burst = burst
        self._now = now
        self._free_at: dict[str, float] = {}
        self._guard = threading.Lock()

    def take(self, key: str) -> None:
        """Count a request.

        Raises:
            TooManyRequests: it is one too many, and not counted; `wait_s` is how long to wait.
        """
        with self._guard:
            now = self._now()
            ahead = max(self._free_at.get(key, now), now) + self._step_s
            wait_s = ahead - now - self._burst * self._step_s
            if wait_s <= 1e-9:
                self._forget(now)
                self._free_at[key] = ahead
                return
        seconds = int(wait_s) + 1
        raise TooManyRequests(
            f"expected at most {self._burst} requests at once and {1 / self._step_s:g} a second, got more; "
            f"nothing was done; wait {seconds} s",
            wait_s=seconds,
        )

    def _forget(self, now: float) -> None:
        if len(self._free_at) >= KEPT_MAX:
            self._free_at = {key: at for key, at in self._free_at.items() if at > now}
