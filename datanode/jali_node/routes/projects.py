"""Projects and their members."""

from fastapi import APIRouter, status

from jali.wire.project import MemberForm, Project, ProjectEnd, ProjectForm
from jali_node.actions.projects.settle_project import add_member, begin_project, end_project, remove_member
from jali_node.actions.projects.show_projects import list_projects
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1/projects", tags=["projects"], responses=PROBLEMS)


@router.get("")
def projects(node: ServingNode, caller: SignedIn) -> list[Project]:
    """Return one's own projects; whoever oversees the node sees all."""
    return list_projects(node, caller)


@router.post("", status_code=status.HTTP_201_CREATED)
def begin(node: ServingNode, caller: SignedIn, form: ProjectForm) -> Project:
    """Add a project; for owners."""
    return begin_project(node, caller, form)


@router.post("/{project_id}/end")
def end(node: ServingNode, caller: SignedIn, project_id: str, form: ProjectEnd) -> Project:
    """Let a project end with a day, or now; for owners."""
    return end_project(node, caller, project_id, form.last_day)


@router.post("/{project_id}/members")
def join(node: ServingNode, caller: SignedIn, project_id: str, form: MemberForm) -> Project:
    """Add a member; for owners."""
    return add_member(node, caller, project_id, form.person)


@router.delete("/{project_id}/members/{person_id}")
def leave(node: ServingNode, caller: SignedIn, project_id: str, person_id: str) -> Project:
    """Remove a member; for owners."""
    return remove_member(node, caller, project_id, person_id)
