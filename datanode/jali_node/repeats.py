"""Answers that were given a moment ago, for whoever asks the very same again."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from jali.wire.query import Query
from jali.wire.release import Release
from jali_node.people.caller import Caller

KEPT = 1000
SECONDS = 1.0
"""What only the clock changes, a grant's last day or a policy's hours, is looked at again after this long."""


@dataclass(frozen=True)
class _Given:
    head: str
    at: float
    release: Release


class Repeats:
    """Answers under the chain's head at which they were judged.

    Whatever an answer and the right to it depend on (grants, policies, versions, spends, freezes) is an entry of the
    chain. So while its head stands still, and the asker's token is still good, the same question has the same answer.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._given: OrderedDict[tuple[Caller, Query], _Given] = OrderedDict()

    def get(self, caller: Caller, query: Query, head: str) -> Release | None:
        """Return what was given under this head, less than SECONDS ago."""
        with self._guard:
            given = self._given.get((caller, query))
        good = given and given.head == head and time.monotonic() - given.at < SECONDS
        return given.release if given and good else None

    def put(self, caller: Caller, query: Query, head: str, release: Release) -> None:
        """Keep an answer, and forget the oldest beyond KEPT."""
        with self._guard:
            self._given[caller, query] = _Given(head, time.monotonic(), release)
            self._given.move_to_end((caller, query))
            while len(self._given) > KEPT:
                self._given.popitem(last=False)
