"""The life of a request. A job's is the same until it is decided (see `job_state`).

    submitted --> granted
     ^ |  |  '--> denied <---------.
     | |  '-----> changes_asked ---|--> (resubmitted: submitted, as a new revision)
     | '--(resubmitted)--'         |
     '--- both may be withdrawn by the asker, and expire where nobody decides in time

Granted, denied, withdrawn and expired are final: a new wish is a new request. A decision is about one revision.
"""

from datetime import datetime

from jali.wire.request import RequestStatus
from jali_node.errors import DecisionOutdated

ALWAYS = (RequestStatus.DENIED, RequestStatus.WITHDRAWN, RequestStatus.EXPIRED, RequestStatus.SUBMITTED)
MOVES = {
    RequestStatus.SUBMITTED: (RequestStatus.GRANTED, RequestStatus.CHANGES_ASKED, *ALWAYS),
    RequestStatus.CHANGES_ASKED: ALWAYS,
}
OPEN = tuple(status.value for status in MOVES)
"""Undecided, as requests and jobs both call it."""
LAPSED = "nobody decided in time"
DIGITS = 12


def moved(status: RequestStatus, to: RequestStatus) -> RequestStatus:
    """Return the new status, or raise DecisionOutdated if the request may not go there."""
    if to in MOVES.get(status, ()):
        return to
    if status is RequestStatus.CHANGES_ASKED:
        raise DecisionOutdated("changes were asked for; it waits to be resubmitted", field="outcome", status=status)
    raise DecisionOutdated(f"the request is {status} already", field="outcome", status=status)


def lapsed(status: str, undecided_until: datetime | None, now: datetime) -> bool:
    """Say whether nobody has decided in time. It counts from that moment, whenever it is written down."""
    return status in OPEN and undecided_until is not None and undecided_until <= now


def refuse_if_lapsed(status: str, undecided_until: datetime | None, now: datetime) -> None:
    """Raise DecisionOutdated if nobody has decided in time."""
    if lapsed(status, undecided_until, now):
        assert undecided_until is not None  # noqa: S101 - it has passed
        raise DecisionOutdated(
            f"it lapsed undecided on {undecided_until:%Y-%m-%d %H:%M} UTC; it must be asked for anew",
            field="status",
            status=RequestStatus.EXPIRED,
        )


def refuse_unless_newest(digest: str, revision: int | None, newest_digest: str, newest_revision: int) -> None:
    """Hold what a decision is about against the newest revision.

    Raises:
        DecisionOutdated: it is about another one; both are named.
    """
    if digest == newest_digest and revision in (None, newest_revision):
        return
    read = f"digest {digest[:DIGITS]}" if revision is None else f"revision {revision} (digest {digest[:DIGITS]})"
    raise DecisionOutdated(
        f"the decision is about {read}, the newest is revision {newest_revision} "
        f"(digest {newest_digest[:DIGITS]}); read it again",
        field="digest" if digest != newest_digest else "revision",
        digest=digest,
        revision=revision,
        newest_digest=newest_digest,
        newest_revision=newest_revision,
    )
