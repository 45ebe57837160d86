"""A reviewer's word. A yes, or two above the threshold, opens a quota under the population's account, or raises one."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.discussion import Happened
from jali.wire.ids import PREFIX_GRANT, new_id
from jali.wire.money import from_fixed, to_fixed
from jali.wire.request import AccessRequest, Decision, RequestStatus
from jali_node import audit
from jali_node.actions.approvals import agree
from jali_node.actions.approvals.agree import Yes
from jali_node.actions.requests import show_requests
from jali_node.actions.requests.show_requests import shown
from jali_node.actions.wishes.tell import tell
from jali_node.errors import InvalidRequest, UnknownResource
from jali_node.ledger import book
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy import request_state
from jali_node.store import catalog, clock, projects
from jali_node.tables import AccessRequestRow, AccountRow, GrantRow


def decide_request(node: Node, caller: Caller, request_id: str, decision: Decision) -> AccessRequest:
    """Record a decision, and give what is asked for if it is a yes.

    Raises:
        AccessDenied: the caller does not review, or asks themselves, or has approved it already.
        UnknownResource: there is no such request.
        DecisionOutdated: it was decided already, has lapsed, or is not the revision that was read.
        ProjectEnded: there is nothing to grant for it any more.
        InvalidRequest: a no without a reason, or a quota above the population's cap.
    """
    caller.must_review()
    if decision.outcome is not RequestStatus.GRANTED and not decision.reason.strip():
        wanted = "a denial" if decision.outcome is RequestStatus.DENIED else "asking for changes"
        raise InvalidRequest(f"{wanted} needs a reason, so that the asker knows what to change", field="reason")
    with node.database.writing() as session:
        row = _undecided(session, caller, request_id, decision)
        status = request_state.moved(RequestStatus(row.status), decision.outcome)
        quota, every = _checked_quota(session, row, decision), _every(session, row, decision)
        days = _days(session, row, decision)
        if decision.outcome is RequestStatus.GRANTED:
            projects.refuse_if_ended(session, row.project_id)
            yes = agree.agreed(session, caller, Yes(row.id, row.digest, quota, days, decision.reason, every))
            if yes is None:
                tell(session, node, row, Happened.APPROVED_FIRST, caller, decision.reason)
                return shown(session, row)
            quota, days, every = yes.epsilon, yes.expires_days or days, yes.refresh_days
        row.status, row.reason = status, decision.reason
        if decision.outcome is RequestStatus.CHANGES_ASKED:
            tell(session, node, row, Happened.CHANGES_ASKED, caller, decision.reason)
            return shown(session, row)
        row.decided_at, row.decided_by = datetime.now(UTC), caller.id
        session.flush()
        audit.record(
            session,
            audit.REQUEST_DECIDED,
            request=row.id,
            revision=row.revision,
            digest=row.digest,
            outcome=row.status,
            by=caller.id,
        )
        if decision.outcome is RequestStatus.GRANTED:
            _give(session, row, quota, days, every)
        tell(session, node, row, Happened(decision.outcome), caller, decision.reason)
        return shown(session, row)


def _undecided(session: Session, caller: Caller, request_id: str, decision: Decision) -> AccessRequestRow:
    """Return the request that is decided, locked, if it is the one that was read and may still be decided."""
    row = session.scalars(
        select(AccessRequestRow).where(AccessRequestRow.id == request_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise UnknownResource("there is no such request", field="request")
    request_state.refuse_unless_newest(decision.digest, decision.revision, row.digest, row.revision)
    request_state.refuse_if_lapsed(row.status, row.undecided_until, clock.now(session))
    caller.must_not_be(row.person_id)
    return row


def _checked_quota(session: Session, row: AccessRequestRow, decision: Decision) -> int:
    """Return the quota (1e-12) that there would be, if a decision may make it so."""
    asked = row.epsilon if decision.epsilon is None else to_fixed(decision.epsilon)
    quota, most = show_requests.quota_after(session, row, asked), _account(session, row).cap
    if decision.outcome is not RequestStatus.GRANTED:
        return quota
    if row.question is not None and asked != row.epsilon:
        raise InvalidRequest(
            f"a question is granted at its price of {from_fixed(row.epsilon):g}, got {from_fixed(asked):g}; ask for "
            "changes instead",
            field="epsilon",
        )
    if quota > most:
        raise InvalidRequest(
            f"expected at most the population's cap of {from_fixed(most):g}, got {from_fixed(quota):g}", field="epsilon"
        )
    return quota


def _account(session: Session, row: AccessRequestRow) -> AccountRow:
    return session.get_one(AccountRow, catalog.registered(session, row.dataset_id).population.account_id)


def _days(session: Session, row: AccessRequestRow, decision: Decision) -> int:
    """Return how many days the grant would hold; one that is raised keeps the day on which it ends."""
    if row.raises is None:
        return decision.expires_days
    left = session.get_one(GrantRow, row.raises).expires_at - datetime.now(UTC)
    return max(1, math.ceil(left / timedelta(days=1)))


def _every(session: Session, row: AccessRequestRow, decision: Decision) -> int | None:
    """Return every how many days the quota would refresh; one that is raised does so as before, if nothing is said."""
    if decision.refresh_days is not None and row.question is not None:
        raise InvalidRequest("a grant for one question does not refresh", field="refresh_days")
    if decision.refresh_days is not None or row.raises is None:
        return decision.refresh_days
    grant = session.get_one(GrantRow, row.raises)
    return session.get_one(AccountRow, grant.account_id).window_days


def _give(session: Session, row: AccessRequestRow, quota: int, days: int, every: int | None) -> None:
    if row.raises is None:
        _grant(session, row, quota, days, every)
    else:
        _raise(session, row, quota, every)


def _raise(session: Session, row: AccessRequestRow, quota: int, every: int | None) -> None:
    grant = session.get_one(GrantRow, row.raises)
    if grant.expires_at <= clock.now(session):
        raise InvalidRequest(
            f"the grant that is to have more ended on {grant.expires_at:%Y-%m-%d}; the asker needs a new one",
            field="grant",
        )
    account = book.raise_cap(session, grant.account_id, quota)
    if every != account.window_days:
        book.set_window(session, grant.account_id, every)
    audit.record(session, audit.GRANT_RAISED, grant=grant.id, request=row.id, account=grant.account_id)


def _grant(session: Session, row: AccessRequestRow, cap: int, days: int, every: int | None) -> None:
    account = _account(session, row)
    grant_id, now = new_id(PREFIX_GRANT), datetime.now(UTC)
    terms = book.terms(account)
    if row.delta is not None:
        terms = replace(terms, pool=min(terms.pool, row.delta))
    quota = book.open_account(session, book.QUOTA, cap, terms, {"grant": grant_id, "under": account.id}, every)
    grant = GrantRow(
        id=grant_id,
        request_id=row.id,
        dataset_id=row.dataset_id,
        project_id=row.project_id,
        person_id=row.person_id,
        account_id=quota.id,
        statistics=row.statistics,
        columns=row.columns,
        job_kinds=row.job_kinds,
        question=row.question,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    session.add(grant)
    session.flush()
    audit.record(
        session,
        audit.GRANT_GIVEN,
        grant=grant.id,
        request=row.id,
        account=quota.id,
        person=row.person_id,
        project=row.project_id,
        dataset=row.dataset_id,
    )
