"""The projects that one asks for."""

from collections.abc import Iterator
from dataclasses import dataclass

from jali.eda import markup
from jali.wire.project import Project

HEAD = ("project", "stands on", "purpose", "members")


@dataclass(frozen=True, repr=False)
class Projects:
    """One's projects on a node, by name. Iterating gives the projects, `projects["name"]` one of them."""

    node: str
    all: tuple[Project, ...]

    @property
    def names(self) -> list[str]:
        """The projects' names."""
        return [project.name for project in self.all]

    def __getitem__(self, name: str) -> Project:
        """Return a project by its name or id.

        Raises:
            KeyError: there is none of this name.
        """
        for project in self.all:
            if name in (project.name, project.id):
                return project
        raise KeyError(f"{self.node} has no project {name!r} of yours; there are: {', '.join(self.names) or 'none'}")

    def __iter__(self) -> Iterator[Project]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __repr__(self) -> str:
        if not self.all:
            return f"projects at {self.node}\n  none: ask an owner to add you to one"
        lines = [
            f"  {name}: {stands_on}\n    purpose: {purpose}\n    members: {members}"
            for name, stands_on, purpose, members in map(_line, self.all)
        ]
        return "\n".join([f"projects at {self.node}", *lines])

    def _repr_html_(self) -> str:
        return markup.card(f"projects at {self.node}", markup.table(HEAD, [_line(project) for project in self.all]))


def _line(project: Project) -> tuple[str, str, str, str]:
    members = ", ".join(member.name for member in project.members)
    return project.name, project.describe(), project.purpose, members or "nobody"
