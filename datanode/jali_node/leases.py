"""A lease on work: renewed while it goes on, and lost when somebody else has it or what it is for has ended."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jali_node.errors import NodeUnavailable

RENEW_S = 2.0
log = logging.getLogger(__name__)


@contextmanager
def kept(renew: Callable[[], bool]) -> Iterator[threading.Event]:
    """Renew a lease while the block runs.

    Args:
        renew: renews it, and says whether it is still held. Where the node's database does not answer it is tried
            again; should the lease end meanwhile, whoever takes it over makes sure that nothing is stored twice.

    Yields:
        what is set once the lease is lost: the work may stop, nothing of it will be stored.
    """
    ended, lost = threading.Event(), threading.Event()

    def keep() -> None:
        while True:
            try:
                if not renew():
                    lost.set()
                    return
            except NodeUnavailable as refused:
                log.warning("a lease could not be renewed: %s", refused.detail)
            if ended.wait(RENEW_S):
                return

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield lost
    finally:
        ended.set()
        keeper.join()
