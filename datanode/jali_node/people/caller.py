"""The person behind a request."""

from dataclasses import dataclass
from datetime import datetime

from jali.wire.person import Role, Scope
from jali_node.errors import AccessDenied
from jali_node.people import scopes


@dataclass(frozen=True)
class Caller:
    """A signed-in person and the projects they belong to.

    The rest is about what they signed in with: what it is good for, its id, whether it is a session, its end, and
    whether its last use is to be noted.
    """

    id: str
    name: str
    role: Role
    projects: frozenset[str]
    scopes: frozenset[Scope] = frozenset(Scope)
    token: str = ""
    session: bool = False
    until: datetime | None = None
    unseen: bool = False

    def must_own(self) -> None:
        """Refuse anybody but an owner."""
        if self.role is not Role.OWNER:
            raise AccessDenied("only an owner of this node may do that")

    def must_review(self) -> None:
        """Refuse whoever does not decide about requests and jobs."""
        if self.role not in (Role.OWNER, Role.REVIEWER):
            raise AccessDenied("only an owner or a reviewer of this node may decide that")

    def must_oversee(self) -> None:
        """Refuse whoever may not read what owners read."""
        if not self.oversees:
            raise AccessDenied("only an owner, a reviewer or an auditor of this node may read that")

    def must_audit(self) -> None:
        """Refuse whoever may not take what was released to others away with them."""
        if self.role not in (Role.OWNER, Role.AUDITOR):
            raise AccessDenied("only an owner or an auditor of this node may take a project's evidence")

    @property
    def oversees(self) -> bool:
        """Whether they may read everybody's requests and jobs, the accounts and the ledger."""
        return self.role in (Role.OWNER, Role.REVIEWER, Role.AUDITOR)

    def must_be_free_to(self, method: str, path: str) -> None:
        """Refuse what the token is not for; and to an auditor everything but reading, and looking after oneself."""
        needed = scopes.needed(method, path)
        if needed is not None and not needed & self.scopes:
            raise AccessDenied(
                f"this token is for {_listed(self.scopes)}, and this needs {_listed(needed, 'or')}",
                needs=sorted(needed),
                has=sorted(self.scopes),
            )
        if self.role is Role.AUDITOR and method not in ("GET", "HEAD") and not path.startswith(scopes.ONESELF):
            raise AccessDenied("an auditor reads, and changes or asks nothing")

    def must_not_be(self, person_id: str) -> None:
        """Refuse to decide about one's own request."""
        if self.id == person_id:
            raise AccessDenied("nobody decides about their own request; another owner or reviewer must")

    def must_belong_to(self, project_id: str) -> None:
        """Refuse to act for a project of others."""
        if project_id not in self.projects:
            raise AccessDenied("you are not a member of this project", field="project")


def _listed(names: frozenset[Scope], joint: str = "and") -> str:
    ordered = [scope.value for scope in Scope if scope in names]
    return f" {joint} ".join([*filter(None, [", ".join(ordered[:-1])]), *ordered[-1:]])
