"""What is checked beside the decision, from public facts alone. A check informs; only a person or a rule decides."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jali.wire.jobs.train import Job
from jali.wire.request import AccessRequest, RequestKind, RequestStatus
from jali_portal import words
from jali_portal.viewmodels.cost import Cost


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: whether it is as one would hope, and what was found."""

    fine: bool
    text: str


def of_request(request: AccessRequest, others: Iterable[AccessRequest], cost: Cost, now: datetime) -> tuple[Check, ...]:
    """Return what a reviewer would look up about a request."""
    return (_fits(cost), _promised(cost), _breadth(request), _earlier(request, others), *_common(request, now))


def of_job(job: Job, cost: Cost, now: datetime) -> tuple[Check, ...]:
    """Return what a reviewer would look up about a training."""
    built = Check(True, "The node has built the model from its description and tried it on made-up rows.")
    room = Check(
        job.quote.fits,
        "The population's budget has room for all rounds."
        if job.quote.fits
        else "The population's budget has no room for all rounds: the node would refuse an approval.",
    )
    return (room, _promised(cost), built, *_common(job, now))


def _fits(cost: Cost) -> Check:
    if cost.usable and not cost.above_cap:
        return Check(True, "It fits what is left of the population's budget.")
    return Check(False, f"It is more than what is left, of which {words.epsilon(cost.fits_now)} fits in one question.")


def _promised(cost: Cost) -> Check:
    if not cost.overbooked:
        return Check(True, "It leaves room for every other open quota.")
    return Check(False, f"With {words.counted(cost.others, 'other open quota')}, more is promised than is left.")


def _breadth(request: AccessRequest) -> Check:
    if request.kind is RequestKind.QUESTION:
        return Check(True, "It is for one question at its price, and for nothing else.")
    wide = [name for name, names in (("statistics", request.statistics), ("columns", request.columns)) if names is None]
    if wide:
        return Check(False, f"It is for all {' and all '.join(wide)}; a narrower request says which.")
    return Check(True, "It names the statistics and columns that it needs.")


def _earlier(request: AccessRequest, others: Iterable[AccessRequest]) -> Check:
    same = [
        other
        for other in others
        if other.person == request.person and other.dataset == request.dataset and other.id != request.id
    ]
    counts = {status: sum(other.status is status for other in same) for status in RequestStatus}
    granted, denied = counts[RequestStatus.GRANTED], counts[RequestStatus.DENIED]
    if not same:
        return Check(True, "It is the asker's first request about this dataset.")
    many = words.counted(len(same), "other request")
    return Check(denied == 0, f"{many} of the asker's about this dataset: {granted} granted, {denied} denied.")


def _common(wish: AccessRequest | Job, now: datetime) -> tuple[Check, ...]:
    checks = []
    if wish.revision > 1:
        checks.append(Check(True, f"It is revision {wish.revision}; the tab Changes shows what differs."))
    if wish.answer_by is not None and wish.status.is_open:
        checks.append(Check(wish.answer_by >= now, f"An answer {words.due(wish.answer_by, now)}."))
    return tuple(checks)
