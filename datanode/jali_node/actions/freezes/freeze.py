"""Freezing, unfreezing and revoking, at once: whatever has not begun when the entry is written never begins."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.freeze import Freeze
from jali.wire.ids import PREFIX_GRANT, PREFIX_POPULATION
from jali.wire.jobs.code import CodeStatus
from jali.wire.jobs.train import JobStatus
from jali_node import audit
from jali_node.actions.code.end_code import end
from jali_node.actions.jobs.end_job import close_spends
from jali_node.errors import DecisionOutdated, InvalidRequest, UnknownResource
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy import code_state, job_state
from jali_node.store import clock, freezes
from jali_node.tables import AccountRow, CodeJobRow, DatasetRow, FreezeRow, GrantRow, JobRow, PersonRow, PopulationRow


def subject_named(
    node: Node,
    population: str | None = None,
    dataset: str | None = None,
    grant: str | None = None,
    account: str | None = None,
) -> str:
    """Return the subject that names and ids speak of: the whole node if there is none.

    Raises:
        InvalidRequest: there are several, or there is no such population or dataset.
    """
    given = [name for name in (population, dataset, grant, account) if name]
    if len(given) > 1:
        raise InvalidRequest("expected one of population, dataset, grant and account", field="subject")
    with node.database.reading() as session:
        if population:
            row = session.scalars(select(PopulationRow).where(PopulationRow.name == population)).one_or_none()
            return _named(row.id if row else None, f"there is no population {population}", "population")
        if dataset:
            found = session.scalars(select(DatasetRow).where(DatasetRow.name == dataset)).one_or_none()
            return _named(found.id if found else None, f"there is no dataset {dataset}", "dataset")
    return given[0] if given else freezes.NODE


def _named(found: str | None, otherwise: str, field: str) -> str:
    if found is None:
        raise InvalidRequest(otherwise, field=field)
    return found


def list_freezes(node: Node, caller: Caller) -> list[Freeze]:
    """Return everything that is stopped, the newest first.

    Raises:
        AccessDenied: the caller does not oversee this node.
    """
    caller.must_oversee()
    with node.database.reading() as session:
        rows = session.scalars(select(FreezeRow).order_by(FreezeRow.at.desc(), FreezeRow.subject)).all()
        return [_shown(session, row) for row in rows]


def freeze(node: Node, caller: Caller | None, subject: str, reason: str) -> Freeze:
    """Stop a subject: questions and rounds that have not begun are refused; what has begun stays spent.

    Args:
        caller: None at the node's own machine.

    Raises:
        AccessDenied: the caller does not review.
        UnknownResource: there is no such thing.
        DecisionOutdated: it is stopped already.
    """
    if caller is not None:
        caller.must_review()
    with node.database.writing() as session:
        return _shown(session, _stopped(session, caller, _settled(session, subject), reason, final=False))


def unfreeze(node: Node, caller: Caller | None, subject: str) -> Freeze:
    """Let a subject spend again, and return what it was stopped by. Queued rounds go on.

    Raises:
        AccessDenied: the caller is no owner.
        UnknownResource: it is not frozen.
        InvalidRequest: it is a grant that was revoked, which is for good.
    """
    if caller is not None:
        caller.must_own()
    with node.database.writing() as session:
        row = session.get(FreezeRow, _settled(session, subject), with_for_update=True)
        if row is None:
            raise UnknownResource("this is not frozen", field="subject")
        if row.final:
            raise InvalidRequest("a revoked grant does not come back; grant a new request", field="subject")
        shown = _shown(session, row)
        session.delete(row)
        audit.record(session, audit.FREEZE_LIFTED, subject=row.subject, by=caller and caller.id)
        return shown


def revoke(node: Node, caller: Caller | None, grant_id: str, reason: str) -> Freeze:
    """End a grant for good, and cancel its holder's jobs on the dataset for the project, unless another grant holds.

    Rounds that were begun stay spent, and their replies are destroyed.

    Raises:
        AccessDenied: the caller does not review.
        UnknownResource: there is no such grant.
        DecisionOutdated: it was revoked already.
    """
    if caller is not None:
        caller.must_review()
    with node.database.writing() as session:
        grant = session.get(GrantRow, grant_id)
        if grant is None:
            raise UnknownResource("there is no such grant", field="grant")
        row = _stopped(session, caller, grant_id, reason, final=True)
        grant.expires_at = min(grant.expires_at, row.at)
        session.flush()
        if not _others(session, grant):
            _cancel_jobs(session, caller, grant, reason)
        return _shown(session, row)


def _stopped(session: Session, caller: Caller | None, subject: str, reason: str, *, final: bool) -> FreezeRow:
    row = session.get(FreezeRow, subject, with_for_update=True)
    if row is not None and (row.final or not final):
        word = "revoked" if row.final else "frozen"
        raise DecisionOutdated(f"this is {word} since {row.at:%Y-%m-%d %H:%M} UTC", field="subject")
    if row is None:
        row = FreezeRow(subject=subject)
        session.add(row)
    row.final, row.reason, row.at = final, reason.strip(), datetime.now(UTC)
    row.person_id = caller.id if caller else None
    session.flush()
    audit.record(session, audit.FREEZE_SET, subject=subject, final=final, by=row.person_id)
    return row


def _settled(session: Session, subject: str) -> str:
    """Return the id that a freeze is kept under: for a population its account's, for a name what it names.

    Raises:
        UnknownResource: there is no such thing.
    """
    if subject == freezes.NODE:
        return subject
    if subject.startswith(PREFIX_POPULATION):
        population = session.get(PopulationRow, subject)
        subject = population.account_id if population else ""
    if not any(session.get(kind, subject) for kind in (AccountRow, DatasetRow, GrantRow)):
        raise UnknownResource("there is no such account, population, dataset or grant", field="subject")
    return subject


def _others(session: Session, grant: GrantRow) -> bool:
    """Say whether the holder has another grant for the same dataset and project that still holds."""
    stopped = select(FreezeRow.subject).where(FreezeRow.final)
    query = select(GrantRow.id).where(
        GrantRow.person_id == grant.person_id,
        GrantRow.project_id == grant.project_id,
        GrantRow.dataset_id == grant.dataset_id,
        GrantRow.expires_at > clock.now(session),
        GrantRow.id.not_in(stopped),
    )
    return session.scalars(query.limit(1)).first() is not None


def _cancel_jobs(session: Session, caller: Caller | None, grant: GrantRow, reason: str) -> None:
    query = select(JobRow).where(
        JobRow.person_id == grant.person_id,
        JobRow.project_id == grant.project_id,
        JobRow.dataset_id == grant.dataset_id,
        JobRow.status.not_in(job_state.ENDED),
    )
    for job in session.scalars(query.order_by(JobRow.id).with_for_update()).all():
        waiting = JobStatus(job.status).is_open
        job.status = job_state.moved(JobStatus(job.status), JobStatus.DENIED if waiting else JobStatus.CANCELLED)
        job.reason = f"access was revoked: {reason.strip()}"
        close_spends(session, job.id)
        audit.record(session, audit.JOB_ENDED, job=job.id, outcome=job.status, by=caller and caller.id)
    codes = select(CodeJobRow).where(
        CodeJobRow.person_id == grant.person_id,
        CodeJobRow.project_id == grant.project_id,
        CodeJobRow.dataset_id == grant.dataset_id,
        CodeJobRow.status.not_in(code_state.ENDED),
    )
    for code in session.scalars(codes.order_by(CodeJobRow.id).with_for_update()).all():
        waiting = CodeStatus(code.status).is_open
        code.reason = f"access was revoked: {reason.strip()}"
        end(session, code, CodeStatus.DENIED if waiting else CodeStatus.CANCELLED, caller.id if caller else None)


def _shown(session: Session, row: FreezeRow) -> Freeze:
    what, name = freezes.described(session, row.subject)
    by = session.get(PersonRow, row.person_id) if row.person_id else None
    return Freeze(
        subject=row.subject,
        what=what,
        name=name if not row.subject.startswith(PREFIX_GRANT) else _holder(session, row.subject),
        final=row.final,
        reason=row.reason,
        by=row.person_id,
        by_name=by.name if by else None,
        at=row.at,
    )


def _holder(session: Session, grant_id: str) -> str:
    grant = session.get_one(GrantRow, grant_id)
    return f"{session.get_one(PersonRow, grant.person_id).name}, {session.get_one(DatasetRow, grant.dataset_id).name}"
