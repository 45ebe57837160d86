"""Requests as they are read: one's own, or all of them for whoever oversees the node."""

import json

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.money import from_fixed
from jali.wire.request import AccessRequest, RequestStatus
from jali_node.actions.approvals import agree
from jali_node.errors import UnknownResource
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.tables import AccessRequestRow, DatasetRow, GrantRow, PersonRow, ProjectRow


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
    return AccessRequest(
        id=row.id,
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
        status=RequestStatus(row.status),
        digest=row.digest,
        created_at=row.created_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        reason=row.reason,
        approvals=agree.approvals(session, row.id),
        waiting_for=agree.waiting_for(session, row.id, row.epsilon) if row.status == RequestStatus.SUBMITTED else "",
        grant=None if grant is None else grant.id,
        expires_at=None if grant is None else grant.expires_at,
    )
