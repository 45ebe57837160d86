"""A wish reaches the owners, and is resubmitted or withdrawn until they decide."""

from datetime import UTC, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from jali.wire.discussion import Happened
from jali.wire.ids import PREFIX_REQUEST, new_id
from jali.wire.query import Query
from jali.wire.request import AccessRequest, RequestForm, RequestStatus
from jali_node import audit
from jali_node.actions.requests.show_requests import shown
from jali_node.actions.requests.wanted import Wanted, form_for_question, question_digest, wanted
from jali_node.actions.wishes import revise, subject
from jali_node.actions.wishes.tell import tell
from jali_node.errors import InvalidRequest, UnknownResource
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy import request_state
from jali_node.store import clock
from jali_node.tables import AccessRequestRow

KEPT = ("kind", "dataset_id", "project_id", "raises")
"""What a revision cannot change: with another of these it is another wish."""


def file_request(node: Node, caller: Caller, form: RequestForm) -> AccessRequest:
    """Store a wish and return it.

    Raises:
        AccessDenied, UnknownDataset, UnknownResource: not for this person or project.
        InvalidRequest, UnknownColumn: a statistic, column or grant that does not fit.
    """
    with node.database.writing() as session:
        return shown(session, _filed(session, node, caller, wanted(session, caller, form)))


def file_for_question(session: Session, node: Node, caller: Caller, query: Query) -> str:
    """File a wish for exactly one question, unless one waits already; return the request's id."""
    lapses = AccessRequestRow.undecided_until
    waiting = session.scalars(
        select(AccessRequestRow.id).where(
            AccessRequestRow.question == question_digest(query),
            AccessRequestRow.person_id == caller.id,
            AccessRequestRow.project_id == query.project,
            AccessRequestRow.dataset_id == query.dataset,
            AccessRequestRow.status.in_(request_state.OPEN),
            or_(lapses.is_(None), lapses > clock.now(session)),
        )
    ).first()
    return waiting or _filed(session, node, caller, wanted(session, caller, form_for_question(query))).id


def revise_request(node: Node, caller: Caller, request_id: str, form: RequestForm) -> AccessRequest:
    """Replace an undecided request of one's own by its next revision, which then waits for a decision.

    Raises:
        UnknownResource: there is no such request, or it is somebody else's.
        DecisionOutdated: it was decided, or has lapsed.
        InvalidRequest: nothing differs, or it is another wish altogether.
    """
    with node.database.writing() as session:
        row = _own(session, caller, request_id)
        status = request_state.moved(RequestStatus(row.status), RequestStatus.SUBMITTED)
        new = wanted(session, caller, form)
        _refuse_another_wish(row, new)
        draft = AccessRequestRow(person_id=row.person_id)
        new.write(draft)
        revise.keep(session, node, row, subject.bound(draft))
        new.write(row)
        row.status = status
        session.flush()
        tell(session, node, row, Happened.RESUBMITTED, caller)
        return shown(session, row)


def withdraw_request(node: Node, caller: Caller, request_id: str) -> AccessRequest:
    """Take an undecided request of one's own back.

    Raises:
        UnknownResource: there is no such request, or it is somebody else's.
        DecisionOutdated: it was decided, or has lapsed.
    """
    with node.database.writing() as session:
        row = _own(session, caller, request_id)
        row.status = request_state.moved(RequestStatus(row.status), RequestStatus.WITHDRAWN)
        row.decided_at = datetime.now(UTC)
        tell(session, node, row, Happened.WITHDRAWN, caller)
        return shown(session, row)


def _own(session: Session, caller: Caller, request_id: str) -> AccessRequestRow:
    row = subject.own(session, caller, request_id)
    if not isinstance(row, AccessRequestRow):
        raise UnknownResource("this is a job: see /v1/jobs", field="request")
    return row


def _filed(session: Session, node: Node, caller: Caller, new: Wanted) -> AccessRequestRow:
    row = AccessRequestRow(
        id=new_id(PREFIX_REQUEST),
        person_id=caller.id,
        revision=1,
        status=RequestStatus.SUBMITTED,
        created_at=datetime.now(UTC),
        reason="",
    )
    new.write(row)
    row.digest = subject.bound(row)
    subject.wait_anew(row, node.settings)
    session.add(row)
    session.flush()
    audit.record(
        session,
        audit.REQUEST_FILED,
        request=row.id,
        digest=row.digest,
        person=caller.id,
        project=row.project_id,
        dataset=row.dataset_id,
        **subject.binding(row),
    )
    tell(session, node, row, Happened.FILED, caller)
    return row


def _refuse_another_wish(row: AccessRequestRow, new: Wanted) -> None:
    for name in KEPT:
        before, after = getattr(row, name), getattr(new, name)
        if before != after:
            field = {"raises": "grant"}.get(name, name.removesuffix("_id"))
            raise InvalidRequest(
                f"a revision keeps its {field}: expected {before}, got {after}; file a new request instead", field=field
            )
