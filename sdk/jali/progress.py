"""Long waits: a bar while they last, and a plain last line, since bars vanish from an exported notebook.

Nothing shows for what is over within a second.
"""

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHOWN_AFTER_S = 1.0


class Wait:
    """A wait that is going on. `outcome` is the last line; it says what has come of the wait."""

    def __init__(self, advance: Callable[[float], object]) -> None:
        self._advance = advance
        self._done = 0.0
        self.outcome = ""

    def reach(self, done: float) -> None:
        """Say how far it has come."""
        self._advance(max(0.0, done - self._done))
        self._done = max(done, self._done)


@contextmanager
def waiting(what: str, total: float, unit: str) -> Iterator[Wait]:
    """Show a bar from 0 to `total` until the block ends, then one plain line.

    Example::

        with progress.waiting("waiting for the owner", 600, "s") as wait:
            wait.reach(3)
            wait.outcome = "granted"
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without ipywidgets, tqdm warns and draws plain bars
        from tqdm.auto import tqdm

    started = time.monotonic()
    with tqdm(total=total, desc=what, unit=unit, delay=SHOWN_AFTER_S, leave=False) as bar:
        wait = Wait(bar.update)
        yield wait
    took_s = time.monotonic() - started
    if took_s >= SHOWN_AFTER_S and wait.outcome:
        sys.stdout.write(f"{wait.outcome} after {took_s:.1f} s\n")
