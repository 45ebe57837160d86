"""A wish for access reaches the owners."""

import json
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.dataset import Card
from jali.wire.ids import PREFIX_REQUEST, new_id
from jali.wire.money import digest, to_fixed
from jali.wire.query import Query
from jali.wire.request import AccessRequest, AccessRequestForm, RequestStatus
from jali.wire.statistics import STATISTICS
from jali_node import audit
from jali_node.actions.requests.show_requests import shown
from jali_node.errors import InvalidRequest, UnknownColumn
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.store import catalog
from jali_node.tables import AccessRequestRow

KINDS = tuple(str(statistic.model_fields["kind"].default) for statistic in STATISTICS)


def file_request(node: Node, caller: Caller, form: AccessRequestForm) -> AccessRequest:
    """Store a wish and return it.

    Raises:
        AccessDenied, UnknownDataset: not for this person or project.
        InvalidRequest, UnknownColumn: a statistic or column that does not exist.
    """
    caller.must_belong_to(form.project)
    with node.database.writing() as session:
        _refuse_unknown_names(form, catalog.registered(session, form.dataset).card)
        row = _filed(session, caller, form)
        return shown(session, row)


def file_for_question(session: Session, caller: Caller, query: Query) -> str:
    """File a wish for exactly one question, unless one waits already; return the request's id."""
    form = form_for_question(query)
    waiting = session.scalars(
        select(AccessRequestRow.id).where(
            AccessRequestRow.digest == request_digest(caller, form),
            AccessRequestRow.status == RequestStatus.SUBMITTED,
        )
    ).first()
    return waiting or _filed(session, caller, form).id


def form_for_question(query: Query) -> AccessRequestForm:
    """Return the wish for exactly one question."""
    return AccessRequestForm(
        dataset=query.dataset,
        project=query.project,
        purpose=f"To ask one question outside of what was granted: {query.describe()}"[:4000],
        epsilon=query.epsilon,
        statistics=(query.statistic.kind,),
        columns=tuple(sorted(query.reads)),
    )


def request_digest(caller: Caller, form: AccessRequestForm) -> str:
    """Return the digest of what an owner is asked to decide."""
    return digest({"person": caller.id, **form.model_dump(mode="json")})


def _filed(session: Session, caller: Caller, form: AccessRequestForm) -> AccessRequestRow:
    row = AccessRequestRow(
        id=new_id(PREFIX_REQUEST),
        dataset_id=form.dataset,
        project_id=form.project,
        person_id=caller.id,
        purpose=form.purpose,
        epsilon=to_fixed(form.epsilon),
        statistics=None if form.statistics is None else json.dumps(sorted(form.statistics)),
        columns=None if form.columns is None else json.dumps(sorted(form.columns)),
        status=RequestStatus.SUBMITTED,
        digest=request_digest(caller, form),
        created_at=datetime.now(UTC),
        reason="",
    )
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
    )
    return row


def _refuse_unknown_names(form: AccessRequestForm, card: Card) -> None:
    for i, kind in enumerate(form.statistics or ()):
        if kind not in KINDS:
            raise InvalidRequest(f"expected one of {', '.join(KINDS)}", field=f"statistics.{i}")
    known = {column.name for column in card.columns}
    for i, name in enumerate(form.columns or ()):
        if name not in known:
            raise UnknownColumn("the dataset has no column of that name", field=f"columns.{i}")
