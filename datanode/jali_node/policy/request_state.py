"""An access request's legal moves.

    submitted --> granted
              '-> denied

Both ends are final: a new wish is a new request.
"""

from jali.wire.request import RequestStatus
from jali_node.errors import DecisionOutdated

MOVES = {RequestStatus.SUBMITTED: (RequestStatus.GRANTED, RequestStatus.DENIED)}


def moved(status: RequestStatus, to: RequestStatus) -> RequestStatus:
    """Return the new status, or raise DecisionOutdated if the request was decided already."""
    if to not in MOVES.get(status, ()):
        raise DecisionOutdated(f"the request is {status} already", field="outcome")
    return to
