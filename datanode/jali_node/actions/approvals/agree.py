"""A yes above the threshold waits for another person's; both are bound to the same digest."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.money import FIXED_MAX, from_fixed
from jali.wire.request import Approval
from jali_node import audit
from jali_node.errors import AccessDenied, DecisionOutdated
from jali_node.people.caller import Caller
from jali_node.store import policies
from jali_node.tables import ApprovalRow

UNPROMISED = FIXED_MAX
"""The epsilon (1e-12) of what no epsilon covers: above every limit."""


@dataclass(frozen=True)
class Yes:
    """What somebody agrees to: a request or job of this digest, at most this epsilon (1e-12), at most so many days.

    A quota may refresh every `refresh_days`; then it is the sum over its days that two persons may have to agree to.
    """

    subject: str
    digest: str
    epsilon: int
    expires_days: int | None
    reason: str
    refresh_days: int | None = None

    @property
    def total(self) -> int:
        """All that may be spent of it, in 1e-12."""
        if self.refresh_days is None or self.expires_days is None:
            return self.epsilon
        return self.epsilon * math.ceil(self.expires_days / self.refresh_days)


def agreed(session: Session, caller: Caller, yes: Yes) -> Yes | None:
    """Return what everybody needed has agreed to, or None where another person's yes must follow; this one is kept.

    Where two persons named different amounts, they have agreed to the smaller ones. The subject's row must be locked.

    Raises:
        DecisionOutdated: the first yes was to something else.
        AccessDenied: the first yes was this person's.
    """
    earlier = _approvals(session, yes.subject)
    if any(row.digest != yes.digest for row in earlier):
        raise DecisionOutdated("this is not what the first person approved; it must be asked for anew", field="digest")
    both = _smaller(yes, earlier)
    alone = all(row.person_id == caller.id for row in earlier)
    if alone and _takes_two(session, both.total):
        if earlier:
            raise AccessDenied("you have approved this already; a second person must")
        _keep(session, caller, yes)
        return None
    if not alone:
        _keep(session, caller, yes)
    return both


def approvals(session: Session, subject: str) -> tuple[Approval, ...]:
    """Return the yeses so far, the first first."""
    return tuple(
        Approval(person=row.person_id, at=row.created_at, reason=row.reason) for row in _approvals(session, subject)
    )


def waiting_for(session: Session, subject: str, epsilon: int) -> str:
    """Return in words whose decision an undecided request or job waits for."""
    given = len(_approvals(session, subject))
    if not given and not _takes_two(session, epsilon):
        return "an owner or a reviewer"
    limit = policies.in_force(session).approval.two_persons_above_epsilon
    above = "" if limit is None else f": above epsilon {limit:g} two must agree"
    return f"a second person{above}, and one has" if given else f"two persons{above}"


def _takes_two(session: Session, epsilon: int) -> bool:
    limit = policies.in_force(session).approval.two_persons_above_epsilon
    return limit is not None and from_fixed(epsilon) > limit


def _approvals(session: Session, subject: str) -> Sequence[ApprovalRow]:
    query = select(ApprovalRow).where(ApprovalRow.subject_id == subject)
    return session.scalars(query.order_by(ApprovalRow.created_at, ApprovalRow.person_id)).all()


def _smaller(yes: Yes, earlier: Sequence[ApprovalRow]) -> Yes:
    days = [row.expires_days for row in earlier if row.expires_days is not None]
    periods = [yes.refresh_days, *(row.refresh_days for row in earlier)]
    refreshing = [period for period in periods if period is not None]
    return Yes(
        yes.subject,
        yes.digest,
        min([yes.epsilon, *(row.epsilon for row in earlier)]),
        None if yes.expires_days is None else min([yes.expires_days, *days]),
        yes.reason,
        max(refreshing) if len(refreshing) == len(periods) else None,
    )


def _keep(session: Session, caller: Caller, yes: Yes) -> None:
    row = ApprovalRow(
        subject_id=yes.subject,
        person_id=caller.id,
        digest=yes.digest,
        epsilon=yes.epsilon,
        refresh_days=yes.refresh_days,
        expires_days=yes.expires_days,
        reason=yes.reason,
        created_at=datetime.now(UTC),
    )
    session.add(row)
    session.flush()
    audit.record(session, audit.APPROVAL_GIVEN, subject=yes.subject, digest=yes.digest, by=caller.id)
