"""Lets the same question through one at a time, so that its twin finds the stored answer instead of paying again."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Turnstile:
    """One lock for each key that somebody holds or waits for; nothing is kept of the others.

    It spares callers of one process from paying twice for a question repeated while it runs. The ledger does not rely
    on it: twins in two processes are both charged, and both charges are sound.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._wanted: Counter[str] = Counter()

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Hold the key for the block."""
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
            self._wanted[key] += 1
        try:
            with lock:
                yield
        finally:
            with self._guard:
                self._wanted[key] -= 1
                if not self._wanted[key]:
                    del self._wanted[key], self._locks[key]
