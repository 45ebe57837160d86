"""A project begins, is given an end, and people come and go. Owners do it, by the API or at the machine."""

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.ids import PREFIX_PROJECT, new_id
from jali.wire.project import Project, ProjectForm
from jali_node import audit
from jali_node.errors import InvalidRequest, UnknownResource
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.store import projects
from jali_node.tables import MemberRow, PersonRow, ProjectRow

YEARS_MAX = 50
"""An end that is further away is a slip of the pen."""


def begin_project(node: Node, caller: Caller | None, form: ProjectForm) -> Project:
    """Add a project. Without a caller it is the owner at the machine.

    Raises:
        AccessDenied: the caller is no owner.
        InvalidRequest: the name is taken, or its last day is over.
    """
    _must_own(caller)
    with node.database.writing() as session:
        if not form.name.strip():
            raise InvalidRequest("expected a name with letters in it, got spaces", field="name")
        if session.scalars(select(ProjectRow).where(ProjectRow.name == form.name)).first():
            raise InvalidRequest(f"there is a project {form.name} already", field="name")
        row = ProjectRow(
            id=new_id(PREFIX_PROJECT),
            name=form.name,
            purpose=form.purpose,
            agreement=form.agreement,
            ends_at=None if form.last_day is None else _end_of(form.last_day, datetime.now(UTC)),
            created_at=datetime.now(UTC),
        )
        session.add(row)
        session.flush()
        audit.record(session, audit.PROJECT_ADDED, project=row.id, ends_at=_text(row), by=_by(caller))
        return projects.shown(session, row)


def end_project(node: Node, caller: Caller | None, name: str, last_day: date | None = None) -> Project:
    """Let a project end with a day (UTC), or now. A later day than before prolongs it; the chain keeps each.

    Raises:
        AccessDenied: the caller is no owner.
        UnknownResource: there is no such project.
        InvalidRequest: the day is over, or too far away.
    """
    _must_own(caller)
    now = datetime.now(UTC)
    with node.database.writing() as session:
        row = projects.found(session, name)
        row.ends_at = now if last_day is None else _end_of(last_day, now)
        session.flush()
        audit.record(session, audit.PROJECT_ENDED, project=row.id, ends_at=_text(row), by=_by(caller))
        return projects.shown(session, row)


def add_member(node: Node, caller: Caller | None, name: str, person: str) -> Project:
    """Let a person belong to a project. Whoever does already stays.

    Raises:
        AccessDenied: the caller is no owner.
        UnknownResource: there is no such project or person.
    """
    _must_own(caller)
    with node.database.writing() as session:
        row, member = projects.found(session, name), _person(session, person)
        if session.get(MemberRow, (row.id, member.id)) is None:
            session.add(MemberRow(project_id=row.id, person_id=member.id))
            session.flush()
            audit.record(session, audit.MEMBER_ADDED, person=member.id, project=row.id, by=_by(caller))
        return projects.shown(session, row)


def remove_member(node: Node, caller: Caller | None, name: str, person: str) -> Project:
    """Let a person belong to a project no longer: at once they can neither ask for it nor read what it has.

    Their grants stay in the books, and serve nobody while they are no member. What a job has held stays held until an
    owner ends it.

    Raises:
        AccessDenied: the caller is no owner.
        UnknownResource: there is no such project or person, or they are no member.
    """
    _must_own(caller)
    with node.database.writing() as session:
        row, member = projects.found(session, name), _person(session, person)
        place = session.get(MemberRow, (row.id, member.id))
        if place is None:
            raise UnknownResource("this person is no member of the project", field="person")
        session.delete(place)
        session.flush()
        audit.record(session, audit.MEMBER_REMOVED, person=member.id, project=row.id, by=_by(caller))
        return projects.shown(session, row)


def _end_of(day: date, now: datetime) -> datetime:
    """Return the moment (UTC) at which a day is over."""
    latest = now.date() + timedelta(days=365 * YEARS_MAX)
    if not now.date() <= day <= latest:
        raise InvalidRequest(f"expected {now.date()} (today, UTC) to {latest}, got {day}", field="last_day")
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _person(session: Session, name: str) -> PersonRow:
    named = select(PersonRow).where(PersonRow.name == name)
    row = session.get(PersonRow, name) or session.scalars(named).one_or_none()
    if row is None or row.removed_at is not None:
        raise UnknownResource("there is no such person; add one with jali node user add", field="person")
    return row


def _must_own(caller: Caller | None) -> None:
    if caller is not None:
        caller.must_own()


def _by(caller: Caller | None) -> str | None:
    return None if caller is None else caller.id


def _text(row: ProjectRow) -> str | None:
    return None if row.ends_at is None else row.ends_at.isoformat()
