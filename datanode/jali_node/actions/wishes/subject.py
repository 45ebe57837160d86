"""A request or a job, by its id: what both are while they wait."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from jali.wire import evidence
from jali.wire.ids import PREFIX_CODE, PREFIX_JOB
from jali.wire.money import DELTA_UNITS, digest, from_fixed
from jali_node.errors import UnknownResource
from jali_node.people.caller import Caller
from jali_node.policy import request_state
from jali_node.settings import Settings
from jali_node.store import clock
from jali_node.tables import AccessRequestRow, CodeJobRow, JobRow

Subject = AccessRequestRow | JobRow | CodeJobRow
T = TypeVar("T", AccessRequestRow, JobRow, CodeJobRow)
NOT_YOURS = "there is no such request, or it is not yours"


def visible(session: Session, caller: Caller, subject_id: str, *, lock: bool = False) -> Subject:
    """Return a request or job that the caller may read.

    Raises:
        UnknownResource: there is none, or it is somebody else's.
    """
    row = _found(session, subject_id, lock=lock)
    if row is None or not (caller.oversees or row.person_id == caller.id):
        raise UnknownResource(NOT_YOURS, field="request")
    return row


def own(session: Session, caller: Caller, subject_id: str) -> Subject:
    """Return a request or job of the caller's, locked until the transaction ends.

    Raises:
        UnknownResource: there is none, or it is somebody else's.
        DecisionOutdated: it has lapsed.
    """
    row = locked(session, subject_id)
    if row is None or row.person_id != caller.id:
        raise UnknownResource(NOT_YOURS, field="request")
    request_state.refuse_if_lapsed(row.status, row.undecided_until, clock.now(session))
    return row


def content(row: Subject) -> dict[str, Any]:
    """Return what is asked for, as revisions keep it and reviewers compare it. Of a job's weights only the digest."""
    if isinstance(row, JobRow):
        return {**json.loads(row.training), "weights": digest(row.weights)}
    if isinstance(row, CodeJobRow):
        form: dict[str, Any] = json.loads(row.form)
        return form
    asked: dict[str, Any] = {"purpose": row.purpose, "epsilon": from_fixed(row.epsilon)}
    if row.query is not None:
        return {**asked, "query": json.loads(row.query)}
    if row.raises is not None:
        return {**asked, "grant": row.raises}
    for name, names in (("statistics", row.statistics), ("columns", row.columns), ("job_kinds", row.job_kinds)):
        asked[name] = "all" if names is None else json.loads(names)
    asked["delta"] = "all" if row.delta is None else from_fixed(row.delta, DELTA_UNITS)
    return asked


def bound(row: Subject) -> str:
    """Return the digest that decisions about a wish are bound to: all that is asked for, of a job all that runs."""
    return evidence.wish_digest(
        person=row.person_id,
        kind=kind(row),
        dataset=row.dataset_id,
        project=row.project_id,
        content=content(row),
        purpose_digest=row.purpose_digest,
        runs=runs(row),
    )


def runs(row: Subject) -> str | None:
    """Return the digest of the version that a job runs on, and of its plan."""
    return None if isinstance(row, AccessRequestRow) else evidence.runs_digest(row.version_id, row.plan)


def binding(row: Subject) -> dict[str, Any]:
    """Return what an entry says of how a wish's digest was made, so that others can make it again."""
    made = runs(row)
    return {"binds": evidence.BINDS} if made is None else {"binds": evidence.BINDS, "runs": made}


def kind(row: Subject) -> str:
    """Return what is asked for, in a word."""
    if isinstance(row, AccessRequestRow):
        return row.kind
    return str(json.loads(row.training if isinstance(row, JobRow) else row.form)["kind"])


def wait_anew(row: Subject, settings: Settings) -> None:
    """Let the days begin in which owners mean to answer, and after which it lapses."""
    now = datetime.now(UTC)
    row.answer_by = now + timedelta(days=settings.request_answer_days)
    row.undecided_until = now + timedelta(days=settings.request_expire_days)


def locked(session: Session, subject_id: str) -> Subject | None:
    """Return a request or job, locked until the transaction ends, or None where there is none."""
    return _found(session, subject_id, lock=True)


def _found(session: Session, subject_id: str, *, lock: bool) -> Subject | None:
    if subject_id.startswith(f"{PREFIX_JOB}_"):
        return _one(session, select(JobRow).where(JobRow.id == subject_id), lock=lock)
    if subject_id.startswith(f"{PREFIX_CODE}_"):
        return _one(session, select(CodeJobRow).where(CodeJobRow.id == subject_id), lock=lock)
    return _one(session, select(AccessRequestRow).where(AccessRequestRow.id == subject_id), lock=lock)


def _one(session: Session, query: Select[T], *, lock: bool) -> T | None:
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()
