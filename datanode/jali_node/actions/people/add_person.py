"""Persons and projects, and who belongs where."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.ids import PREFIX_PERSON, new_id
from jali.wire.person import Person, PersonForm, Role
from jali.wire.project import Project, ProjectForm
from jali_node import audit
from jali_node.actions.people.show_people import shown
from jali_node.actions.projects.settle_project import begin_project
from jali_node.errors import InvalidRequest
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.tables import MemberRow, PersonRow, ProjectRow

NAME_MAX = 200


def add_person(node: Node, name: str, role: Role, projects: tuple[str, ...] = ()) -> PersonRow:
    """Add a person, as a member of the named projects.

    Raises:
        InvalidRequest: the name is taken, or a project is unknown; nobody is added.
    """
    with node.database.writing() as session:
        return insert_person(session, name, role, projects)


def add_person_for(node: Node, caller: Caller, form: PersonForm) -> Person:
    """Do the same over the wire.

    Raises:
        AccessDenied: the caller is not an owner.
        InvalidRequest: the name is taken, or a project is unknown; nobody is added.
    """
    caller.must_own()
    with node.database.writing() as session:
        return shown(session, insert_person(session, form.name, form.role, form.projects, caller.id))


def insert_person(
    session: Session, name: str, role: Role, projects: tuple[str, ...] = (), by: str | None = None
) -> PersonRow:
    """Add a person within a transaction."""
    _check_name(name)
    namesake = session.scalars(select(PersonRow).where(PersonRow.name == name)).first()
    if namesake:
        removed = ", who was removed; what they did stays under that name" if namesake.removed_at else ""
        raise InvalidRequest(f"there is a person {name} already{removed}", field="name")
    person = PersonRow(id=new_id(PREFIX_PERSON), name=name, role=role, created_at=datetime.now(UTC))
    session.add(person)
    session.flush()
    audit.record(session, audit.PERSON_ADDED, person=person.id, role=role, **({"by": by} if by else {}))
    for wanted in projects:
        project = session.scalars(select(ProjectRow).where(ProjectRow.name == wanted)).one_or_none()
        if project is None:
            raise InvalidRequest(f"there is no project {wanted}; add it with jali node project add", field="project")
        session.add(MemberRow(project_id=project.id, person_id=person.id))
        audit.record(session, audit.MEMBER_ADDED, person=person.id, project=project.id)
    session.flush()
    return person


def add_project(node: Node, name: str, purpose: str) -> Project:
    """Add a project without an agreement or an end.

    Raises:
        InvalidRequest: the name is taken.
    """
    return begin_project(node, None, ProjectForm(name=name, purpose=purpose))


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > NAME_MAX:
        raise InvalidRequest(f"expected a name of 1 to {NAME_MAX} characters, got {len(name)}", field="name")
