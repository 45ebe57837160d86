"""What a serving node does beside answering, in a thread of its own: again and again until it is stopped."""

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)
STOPPING_S = 30.0


class Errands:
    """Runs each errand every `every_s` seconds. One that fails is told in the log by its kind, and runs again."""

    def __init__(self, every_s: float, *errands: Callable[[], object]) -> None:
        self._every_s = every_s
        self._errands = errands
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="errands", daemon=True)

    def start(self) -> None:
        """Begin; the first round is run at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the errand that is under way."""
        self._stopped.set()
        self._thread.join(STOPPING_S)

    def _run(self) -> None:
        while not self._stopped.is_set():
            for errand in self._errands:
                try:
                    errand()
                except Exception as error:
                    log.warning("an errand failed and will be run again: %s", type(error).__name__)
            self._stopped.wait(self._every_s)


def seldom(every_s: float, errand: Callable[[], object]) -> Callable[[], object]:
    """Return an errand that is run at once, then every `every_s` seconds at most, however often it is asked."""
    due_at = 0.0

    def run() -> None:
        nonlocal due_at
        if time.monotonic() >= due_at:
            due_at = time.monotonic() + every_s
            errand()

    return run
