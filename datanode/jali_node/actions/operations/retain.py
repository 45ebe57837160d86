"""What the settings no longer keep goes: rows of ways in and of notices, words of requests, names of people.

No entry of the chain, no spend and no release goes. Requests and jobs stay with their digests; of what was written
about them a mark remains, and an entry says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from jali.wire.jobs.code import CodeStatus
from jali.wire.jobs.train import JobStatus
from jali.wire.notice import NoticeState
from jali.wire.request import RequestStatus
from jali_node import audit
from jali_node.actions.people.erase_person import MARK, erase_person
from jali_node.actions.wishes.reword import purpose, reword_purposes
from jali_node.actions.wishes.subject import Subject
from jali_node.node import Node
from jali_node.policy import code_state, job_state
from jali_node.tables import (
    AccessRequestRow,
    ApprovalRow,
    CodeJobRow,
    CodeOutputRow,
    DetourRow,
    GrantRow,
    InvitationRow,
    JobRoundRow,
    JobRow,
    JudgedRow,
    NoticeRow,
    PersonRow,
    RemarkRow,
    TokenRow,
)

GONE = "(no longer kept)"
LAPSED = (RequestStatus.WITHDRAWN, RequestStatus.EXPIRED)
DECIDED = (RequestStatus.GRANTED, RequestStatus.DENIED)
ENDED_JOBS = tuple(status for status in job_state.ENDED if status not in (JobStatus.WITHDRAWN, JobStatus.EXPIRED))
ENDED_CODE = tuple(each for each in code_state.ENDED if each not in (CodeStatus.WITHDRAWN, CodeStatus.EXPIRED))


@dataclass(frozen=True)
class Due:
    """One kind of thing: how long it is kept (None: until it is erased), and how much of it is older."""

    name: str
    what: str
    days: int | None
    count: int = 0


@dataclass(frozen=True)
class _Rule:
    """Counts what is older than a moment, and takes it out."""

    name: str
    what: str
    count: Callable[[Session, datetime], int]
    take_out: Callable[[Session, datetime], None]


def due(node: Node, now: datetime | None = None) -> list[Due]:
    """Return what the settings no longer keep. Changes nothing."""
    moment = now or datetime.now(UTC)
    with node.database.reading() as session:
        counted = [_counted(node, session, rule, moment) for rule in _RULES]
        return [*counted, replace(_people(node), count=len(_removed(session, node, moment)))]


def retain(node: Node, now: datetime | None = None) -> list[Due]:
    """Take out what the settings no longer keep, record that, and return what it was."""
    moment = now or datetime.now(UTC)
    found = due(node, moment)
    if not any(each.count for each in found):
        return found
    with node.database.writing() as session:
        taken = [_counted(node, session, rule, moment) for rule in _RULES]
        for rule, each in zip(_RULES, taken, strict=True):
            if each.days is not None and each.count:
                rule.take_out(session, moment - timedelta(days=each.days))
        leaving = _removed(session, node, moment)
        taken.append(replace(_people(node), count=len(leaving)))
        gone = {each.name: each.count for each in taken if each.count}
        if gone:  # else another process was quicker
            audit.record(session, audit.RETENTION_APPLIED, **gone)
    for person in leaving:
        erase_person(node, None, person)
    return taken


def _counted(node: Node, session: Session, rule: _Rule, now: datetime) -> Due:
    days: int | None = getattr(node.settings.retention, f"{rule.name}_days")
    count = 0 if days is None else rule.count(session, now - timedelta(days=days))
    return Due(rule.name, rule.what, days, count)


def _people(node: Node) -> Due:
    return Due("people", "names of people who were removed", node.settings.retention.people_days)


def _removed(session: Session, node: Node, now: datetime) -> Sequence[str]:
    days = node.settings.retention.people_days
    if days is None:
        return ()
    before = PersonRow.removed_at < now - timedelta(days=days)
    return session.scalars(sa.select(PersonRow.id).where(before, PersonRow.name.not_like(f"{MARK}%"))).all()


def _rows(name: str, what: str, *old: Callable[[datetime], tuple[Any, Any]]) -> _Rule:
    """Return a rule that deletes rows: of each table those of which a condition says that they are old."""

    def count(session: Session, before: datetime) -> int:
        pairs = (each(before) for each in old)
        return sum(session.scalar(sa.select(sa.func.count()).select_from(t).where(which)) or 0 for t, which in pairs)

    def take_out(session: Session, before: datetime) -> None:
        for table, which in (each(before) for each in old):
            session.execute(sa.delete(table).where(which))

    return _Rule(name, what, count, take_out)


def _words(name: str, what: str, old: Callable[[Session, datetime], list[Subject]]) -> _Rule:
    """Return a rule that takes the words of requests and jobs out."""

    def left(session: Session, before: datetime) -> list[Subject]:
        return [row for row in old(session, before) if purpose(row) != GONE]

    def take_out(session: Session, before: datetime) -> None:
        for row in left(session, before):
            reword_purposes(session, row, lambda _: GONE)
            row.reason = row.reason and GONE
            for table, column in ((RemarkRow, "text"), (ApprovalRow, "reason")):
                told = getattr(table, column)
                session.execute(sa.update(table).where(table.subject_id == row.id, told != "").values({column: GONE}))
            session.flush()
            audit.record(session, audit.TEXT_ERASED, subject=row.id, by=None)

    return _Rule(name, what, lambda session, before: len(left(session, before)), take_out)


def _lapsed(session: Session, before: datetime) -> list[Subject]:
    return [
        *session.scalars(
            sa.select(AccessRequestRow).where(AccessRequestRow.status.in_(LAPSED), _since(AccessRequestRow) < before)
        ),
        *session.scalars(sa.select(JobRow).where(JobRow.status.in_(LAPSED), _since(JobRow) < before)),
        *session.scalars(sa.select(CodeJobRow).where(CodeJobRow.status.in_(LAPSED), _since(CodeJobRow) < before)),
    ]


def _decided(session: Session, before: datetime) -> list[Subject]:
    held = sa.select(GrantRow.id).where(GrantRow.request_id == AccessRequestRow.id, GrantRow.expires_at >= before)
    left = sa.select(CodeOutputRow.id).where(CodeOutputRow.job_id == CodeJobRow.id, CodeOutputRow.decided_at >= before)
    trained = sa.select(JobRoundRow.number).where(JobRoundRow.job_id == JobRow.id, JobRoundRow.done_at >= before)
    return [
        *session.scalars(
            sa.select(AccessRequestRow).where(
                AccessRequestRow.status.in_(DECIDED), AccessRequestRow.decided_at < before, ~held.exists()
            )
        ),
        *session.scalars(
            sa.select(JobRow).where(JobRow.status.in_(ENDED_JOBS), _since(JobRow) < before, ~trained.exists())
        ),
        *session.scalars(
            sa.select(CodeJobRow).where(
                CodeJobRow.status.in_(ENDED_CODE), CodeJobRow.decided_at < before, ~left.exists()
            )
        ),
    ]


def _since(table: type[AccessRequestRow] | type[JobRow] | type[CodeJobRow]) -> Any:
    """Return since when a wish is what it is; a job that was withdrawn has no other day than that of its filing."""
    return sa.func.coalesce(table.decided_at, table.created_at)


_RULES = (
    _rows(
        "sessions",
        "sessions, tokens and invitations that ended",
        lambda before: (TokenRow, TokenRow.expires_at < before),
        lambda before: (InvitationRow, InvitationRow.expires_at < before),
        lambda before: (DetourRow, DetourRow.expires_at < before),
    ),
    _rows(
        "notices",
        "notices that were delivered or given up",
        lambda before: (NoticeRow, NoticeRow.delivered_at < before),
        lambda before: (NoticeRow, (NoticeRow.state == NoticeState.DEAD) & (NoticeRow.created_at < before)),
    ),
    _rows("asked", "facts of the last questions", lambda before: (JudgedRow, JudgedRow.at < before)),
    _words("lapsed", "words of requests and jobs that lapsed or were withdrawn", _lapsed),
    _words("decided", "words of requests and jobs that were decided", _decided),
)
