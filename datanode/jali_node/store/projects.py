"""Reading projects."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.project import Member, Project
from jali_node.errors import ProjectEnded, UnknownResource
from jali_node.store import clock
from jali_node.tables import MemberRow, PersonRow, ProjectRow


def found(session: Session, name: str) -> ProjectRow:
    """Return a project by its id or its name.

    Raises:
        UnknownResource: there is none.
    """
    row = (
        session.get(ProjectRow, name)
        or session.scalars(select(ProjectRow).where(ProjectRow.name == name)).one_or_none()
    )
    if row is None:
        raise UnknownResource(
            "there is no such project; see jali node project list, or GET /v1/projects", field="project"
        )
    return row


def has_ended(row: ProjectRow, now: datetime) -> bool:
    """Say whether a project is over."""
    return row.ends_at is not None and row.ends_at <= now


def refuse_if_ended(session: Session, project_id: str) -> None:
    """Refuse to ask, grant or begin anything for a project that is over.

    Raises:
        ProjectEnded: since when, and what to do.
    """
    row = session.get_one(ProjectRow, project_id)
    if row.ends_at is not None and has_ended(row, clock.now(session)):
        raise ProjectEnded(
            f"project {row.name} ended on {row.ends_at:%Y-%m-%d at %H:%M} UTC: nothing is asked for it, no job of it "
            "begins. What was released remains, see node.releases(); an owner can set another end",
            field="project",
            ended_at=row.ends_at.isoformat(),
        )


def shown(session: Session, row: ProjectRow) -> Project:
    """Return a project with its members."""
    members = session.execute(
        select(PersonRow.id, PersonRow.name)
        .join(MemberRow, MemberRow.person_id == PersonRow.id)
        .where(MemberRow.project_id == row.id)
        .order_by(PersonRow.name)
    )
    return Project(
        id=row.id,
        name=row.name,
        purpose=row.purpose,
        agreement=row.agreement,
        ends_at=row.ends_at,
        ended=has_ended(row, clock.now(session)),
        members=tuple(Member(id=person, name=name) for person, name in members),
    )
