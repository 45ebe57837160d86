"""The person behind a request."""

from dataclasses import dataclass

from jali.wire.person import Role
from jali_node.errors import AccessDenied


@dataclass(frozen=True)
class Caller:
    """A signed-in person and the projects they belong to."""

    id: str
    name: str
    role: Role
    projects: frozenset[str]

    def must_own(self) -> None:
        """Refuse anybody but an owner."""
        if self.role is not Role.OWNER:
            raise AccessDenied("only an owner of this node may do that")

    def must_belong_to(self, project_id: str) -> None:
        """Refuse to act for a project of others."""
        if project_id not in self.projects:
            raise AccessDenied("you are not a member of this project", field="project")
