"""Requests as they are read: one's own, or all of them for whoever oversees the node."""

import json

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.money import DELTA_UNITS, from_fixed
from jali.wire.query import Query
from jali.wire.request import AccessRequest, RequestKind, RequestStatus
from jali_node.actions.approvals import agree
from jali_node.errors import UnknownResource
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy import request_state
from jali_node.store import clock
from jali_node.tables import AccessRequestRow, AccountRow, DatasetRow, GrantRow, PersonRow, ProjectRow


def list_requests(node: Node, caller: Caller) -> list[AccessRequest]:
    """Return the requests that concern the caller, the newest first."""
    query = select(AccessRequestRow).order_by(AccessRequestRow.created_at.desc(), AccessRequestRow.id.desc())
    if not caller.oversees:
        query = query.where(AccessRequestRow.person_id == caller.id)
    with node.database.reading() as session:
        return [shown(session, row) for row in session.scalars(query)]


def show_request(node: Node, caller: Caller, request_id: str) -> AccessRequest:
    """Return one request.

    Raises:
        UnknownResource: there is none, or it is somebody else's.
    """
    with node.database.reading() as session:
        row = session.get(AccessRequestRow, request_id)
        if row is None or not (caller.oversees or row.person_id == caller.id):
            raise UnknownResource("there is no such request, or it is not yours", field="request")
        return shown(session, row)


def shown(session: Session, row: AccessRequestRow) -> AccessRequest:
    """Return a stored request as both sides see it."""
    grant = session.scalars(select(GrantRow).where(GrantRow.request_id == row.id)).one_or_none()
    lapsed = request_state.lapsed(row.status, row.undecided_until, clock.now(session))
    status = RequestStatus.EXPIRED if lapsed else RequestStatus(row.status)
    return AccessRequest(
        id=row.id,
        kind=RequestKind(row.kind),
        revision=row.revision,
        dataset=row.dataset_id,
        dataset_name=session.get_one(DatasetRow, row.dataset_id).name,
        project=row.project_id,
        project_name=session.get_one(ProjectRow, row.project_id).name,
        person=row.person_id,
        person_name=session.get_one(PersonRow, row.person_id).name,
        purpose=row.purpose,
        epsilon=from_fixed(row.epsilon),
        statistics=None if row.statistics is None else tuple(json.loads(row.statistics)),
        columns=None if row.columns is None else tuple(json.loads(row.columns)),
        job_kinds=None if row.job_kinds is None else tuple(json.loads(row.job_kinds)),
        delta=None if row.delta is None else from_fixed(row.delta, DELTA_UNITS),
        query=None if row.query is None else Query.model_validate_json(row.query),
        raises=row.raises,
        status=status,
        digest=row.digest,
        created_at=row.created_at,
        answer_by=row.answer_by,
        undecided_until=row.undecided_until,
        decided_at=row.undecided_until if lapsed else row.decided_at,
        decided_by=row.decided_by,
        reason=request_state.LAPSED if lapsed else row.reason,
        approvals=agree.approvals(session, row.id),
        waiting_for=_waiting_for(session, row, status),
        grant=None if grant is None else grant.id,
        expires_at=None if grant is None else grant.expires_at,
        refresh_days=None if grant is None else session.get_one(AccountRow, grant.account_id).window_days,
    )


def quota_after(session: Session, row: AccessRequestRow, epsilon: int) -> int:
    """Return the quota (1e-12) that there would be: what a grant has already, and what is added to it."""
    if row.raises is None:
        return epsilon
    grant = session.get_one(GrantRow, row.raises)
    return session.get_one(AccountRow, grant.account_id).cap + epsilon


def _waiting_for(session: Session, row: AccessRequestRow, status: RequestStatus) -> str:
    if status is RequestStatus.CHANGES_ASKED:
        return "the asker, who is to change it"
    if status is not RequestStatus.SUBMITTED:
        return ""
    return agree.waiting_for(session, row.id, quota_after(session, row, row.epsilon))
