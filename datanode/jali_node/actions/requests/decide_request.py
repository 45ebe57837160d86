"""A reviewer's yes or no. A yes, or two above the threshold, opens a quota under the population's account."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.ids import PREFIX_GRANT, new_id
from jali.wire.money import from_fixed, to_fixed
from jali.wire.request import AccessRequest, Decision, RequestStatus
from jali_node import audit
from jali_node.actions.approvals import agree
from jali_node.actions.approvals.agree import Yes
from jali_node.actions.requests.show_requests import shown
from jali_node.errors import DecisionOutdated, InvalidRequest, UnknownResource
from jali_node.ledger import book
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy import request_state
from jali_node.store import catalog
from jali_node.tables import AccessRequestRow, AccountRow, GrantRow


def decide_request(node: Node, caller: Caller, request_id: str, decision: Decision) -> AccessRequest:
    """Record a decision, and give the grant if it is a yes.

    Raises:
        AccessDenied: the caller does not review, or asks themselves, or has approved it already.
        UnknownResource: there is no such request.
        DecisionOutdated: it was decided already, or it is not the request that was read.
        InvalidRequest: a no without a reason, or a quota above the population's cap.
    """
    caller.must_review()
    if decision.outcome is RequestStatus.DENIED and not decision.reason.strip():
        raise InvalidRequest("a denial needs a reason, so that the asker knows what to change", field="reason")
    with node.database.writing() as session:
        row = session.scalars(
            select(AccessRequestRow).where(AccessRequestRow.id == request_id).with_for_update()
        ).one_or_none()
        if row is None:
            raise UnknownResource("there is no such request", field="request")
        if row.digest != decision.digest:
            raise DecisionOutdated("this is not the request that was read; read it again", field="digest")
        caller.must_not_be(row.person_id)
        status = request_state.moved(RequestStatus(row.status), decision.outcome)
        cap, days = _checked_cap(session, row, decision), decision.expires_days
        if decision.outcome is RequestStatus.GRANTED:
            yes = agree.agreed(session, caller, Yes(row.id, row.digest, cap, days, decision.reason))
            if yes is None:
                return shown(session, row)
            cap, days = yes.epsilon, yes.expires_days or days
        row.status = status
        row.decided_at, row.decided_by, row.reason = datetime.now(UTC), caller.id, decision.reason
        session.flush()
        audit.record(
            session,
            audit.REQUEST_DECIDED,
            request=row.id,
            digest=row.digest,
            outcome=row.status,
            by=caller.id,
        )
        if decision.outcome is RequestStatus.GRANTED:
            _grant(session, row, cap, days)
        return shown(session, row)


def _checked_cap(session: Session, row: AccessRequestRow, decision: Decision) -> int:
    """Return the quota (1e-12) that a decision names, if it is no larger than the population's cap."""
    cap, most = row.epsilon if decision.epsilon is None else to_fixed(decision.epsilon), _account(session, row).cap
    if decision.outcome is RequestStatus.GRANTED and cap > most:
        raise InvalidRequest(
            f"expected at most the population's cap of {from_fixed(most):g}, got {from_fixed(cap):g}", field="epsilon"
        )
    return cap


def _account(session: Session, row: AccessRequestRow) -> AccountRow:
    return session.get_one(AccountRow, catalog.registered(session, row.dataset_id).population.account_id)


def _grant(session: Session, row: AccessRequestRow, cap: int, days: int) -> None:
    account = _account(session, row)
    grant_id, now = new_id(PREFIX_GRANT), datetime.now(UTC)
    quota = book.open_account(session, book.QUOTA, cap, book.terms(account), {"grant": grant_id, "under": account.id})
    grant = GrantRow(
        id=grant_id,
        request_id=row.id,
        dataset_id=row.dataset_id,
        project_id=row.project_id,
        person_id=row.person_id,
        account_id=quota.id,
        statistics=row.statistics,
        columns=row.columns,
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
