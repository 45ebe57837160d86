"""What a project has asked, what was decided about it and what was released, as its pack tells it."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.discussion import Remark
from jali.wire.evidence import (
    DecisionFact,
    OutputFacts,
    ProjectFacts,
    ReleaseFacts,
    Revision,
    RoundFacts,
    Table,
    WishFacts,
)
from jali.wire.ledger import LedgerEntry
from jali.wire.money import digest, from_fixed
from jali.wire.output import Sealed
from jali.wire.query import Question
from jali_node import audit
from jali_node.actions.approvals import agree
from jali_node.actions.wishes import subject
from jali_node.actions.wishes.discuss import said_about
from jali_node.actions.wishes.subject import Subject
from jali_node.policy import request_state
from jali_node.store import catalog, projects
from jali_node.store.catalog import Registered
from jali_node.tables import (
    AccessRequestRow,
    CodeJobRow,
    CodeOutputRow,
    DatasetRow,
    GrantRow,
    JobRoundRow,
    JobRow,
    PersonRow,
    ProjectRow,
    ReleaseRow,
    RevisionRow,
)

DECIDED = (audit.REQUEST_DECIDED, audit.JOB_DECIDED, audit.REQUEST_RETURNED, audit.APPROVAL_GIVEN)
SAID = {audit.REQUEST_RETURNED: "changes_asked", audit.APPROVAL_GIVEN: "approved_first"}
"""What was said, where the entry's kind says it and not its body."""


def subjects(session: Session, project_id: str) -> list[Subject]:
    """Return a project's requests and jobs, the oldest first."""
    found: list[Subject] = [
        *session.scalars(select(AccessRequestRow).where(AccessRequestRow.project_id == project_id)),
        *session.scalars(select(JobRow).where(JobRow.project_id == project_id)),
        *session.scalars(select(CodeJobRow).where(CodeJobRow.project_id == project_id)),
    ]
    return sorted(found, key=lambda row: (row.created_at, row.id))


def wish(session: Session, row: Subject, entries: Iterable[LedgerEntry]) -> WishFacts:
    """Return a request or job with its revisions, decisions and discussion.

    Args:
        session: one that reads.
        row: the newest revision.
        entries: those of the chain that name it.
    """
    job = None if isinstance(row, AccessRequestRow) else row
    grant = session.scalars(select(GrantRow).where(GrantRow.request_id == row.id)).one_or_none()
    lapsed = request_state.lapsed(row.status, row.undecided_until, datetime.now(UTC))
    discussion = said_about(session, row)
    return WishFacts(
        id=row.id,
        kind=subject.kind(row),
        person=row.person_id,
        dataset=row.dataset_id,
        project=row.project_id,
        status="expired" if lapsed else row.status,
        revision=row.revision,
        created_at=row.created_at,
        grant=None if grant is None else grant.id,
        expires_at=None if grant is None else grant.expires_at,
        version=job and job.version_id,
        plan=job and job.plan,
        revisions=_revisions(session, row),
        decisions=tuple(_decision(entry, row, discussion) for entry in entries if entry.kind in DECIDED),
        approvals=agree.approvals(session, row.id),
        discussion=discussion,
    )


def releases(session: Session, project_id: str) -> list[ReleaseFacts]:
    """Return what was released to a project, the oldest first."""
    query = select(ReleaseRow).where(ReleaseRow.project_id == project_id)
    return [_release(row) for row in session.scalars(query.order_by(ReleaseRow.created_at, ReleaseRow.id))]


def rounds(session: Session, project_id: str) -> list[RoundFacts]:
    """Return the replies of a project's trainings, by their digests."""
    query = select(JobRoundRow).join(JobRow, JobRow.id == JobRoundRow.job_id)
    query = query.where(JobRow.project_id == project_id, JobRoundRow.reply.is_not(None))
    return [
        RoundFacts(job=row.job_id, number=row.number, spend=row.spend_id, reply=digest(row.reply), done_at=row.done_at)
        for row in session.scalars(query.order_by(JobRoundRow.job_id, JobRoundRow.number))
    ]


def outputs(session: Session, project_id: str) -> list[OutputFacts]:
    """Return what a project's code jobs gave back, as far as it was released."""
    query = select(CodeOutputRow).join(CodeJobRow, CodeJobRow.id == CodeOutputRow.job_id)
    query = query.where(CodeJobRow.project_id == project_id, CodeOutputRow.entry.is_not(None))
    return [
        OutputFacts(
            job=row.job_id,
            output=Sealed.model_validate_json(row.content).output,
            released_at=row.decided_at or row.held_at,
        )
        for row in session.scalars(query.order_by(CodeOutputRow.job_id))
    ]


def tables(session: Session, wishes: Sequence[Subject]) -> list[Registered]:
    """Return the datasets that wishes are about."""
    ids = sorted({row.dataset_id for row in wishes})
    return [catalog.registered(session, dataset_id) for dataset_id in ids]


def facts(session: Session, row: ProjectRow, found: Sequence[Registered], spoken_of: set[str]) -> ProjectFacts:
    """Return the project, its tables, and the names of those whose ids the pack holds."""
    names: dict[str, str] = {}
    for named in (PersonRow, DatasetRow):
        query = select(named.id, named.name).where(named.id.in_(spoken_of))
        for identity, name in session.execute(query):
            names[identity] = name
    return ProjectFacts(project=projects.shown(session, row), tables=tuple(map(_table, found)), names=names)


def _table(found: Registered) -> Table:
    shown = found.shown()
    people = shown.population
    return Table(
        id=shown.id, name=shown.name, title=shown.title, population=people.name, unit=people.unit, units=people.units
    )


def _revisions(session: Session, row: Subject) -> tuple[Revision, ...]:
    kept = session.scalars(
        select(RevisionRow).where(RevisionRow.subject_id == row.id).order_by(RevisionRow.number)
    ).all()
    before = [_revision(each.number, each, json.loads(each.content)) for each in kept]
    return (*before, _revision(row.revision, row, subject.content(row)))


def _revision(number: int, row: Subject | RevisionRow, content: dict[str, Any]) -> Revision:
    return Revision(number=number, digest=row.digest, content=content, purpose_digest=row.purpose_digest)


def _decision(entry: LedgerEntry, row: Subject, discussion: Sequence[Remark]) -> DecisionFact:
    body = entry.body
    return DecisionFact(
        entry=entry.seq,
        kind=entry.kind,
        outcome=SAID.get(entry.kind) or body["outcome"],
        digest=body["digest"],
        revision=body.get("revision"),
        by=body.get("by"),
        at=entry.at,
        reason=_reason(entry, row, discussion),
    )


def _reason(entry: LedgerEntry, row: Subject, discussion: Sequence[Remark]) -> str:
    if entry.kind in (audit.REQUEST_DECIDED, audit.JOB_DECIDED):
        return row.reason
    named = entry.body.get("remark")
    told = (remark for remark in discussion if remark.id == named or (not named and _is_of(remark, entry)))
    return next((remark.text for remark in told), "")


def _is_of(remark: Remark, entry: LedgerEntry) -> bool:
    return remark.happened == SAID.get(entry.kind) and remark.person == entry.body.get("by")


def _release(row: ReleaseRow) -> ReleaseFacts:
    statistic: dict[str, Any] = json.loads(row.statistic)
    selection: dict[str, Any] = json.loads(row.selection)
    asked = Question.model_validate(
        {"dataset": row.dataset_id, "project": row.project_id, "statistic": statistic, "selection": selection}
    )
    return ReleaseFacts(
        id=row.id,
        spend=row.spend_id,
        person=row.person_id,
        dataset=row.dataset_id,
        version=row.version_id,
        statistic=statistic,
        selection=selection,
        asks=asked.describe(),
        epsilon=from_fixed(row.asked),
        measurements=json.loads(row.measurements),
        created_at=row.created_at,
    )
