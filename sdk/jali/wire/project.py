"""A project: people who ask together, for one purpose. What one of them has paid for is free for the others."""

from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import Field

from jali.wire.base import Reply, Request

ProjectName = Annotated[str, Field(min_length=1, max_length=200)]


class Member(Reply):
    """Somebody who asks for a project."""

    id: str
    name: str


class Project(Reply):
    """A project as its members see it.

    `agreement` is the ethics vote or agreement that it stands on. Once it has `ended`, nothing is asked for it and no
    job of it begins; what was released remains.
    """

    id: str
    name: str
    purpose: str
    agreement: str = ""
    ends_at: datetime | None = None
    ended: bool = False
    members: tuple[Member, ...] = ()

    @property
    def last_day(self) -> date | None:
        """The last day (UTC) on which something may be asked; None where no end was set."""
        return None if self.ends_at is None else (self.ends_at - timedelta(microseconds=1)).date()

    def describe(self) -> str:
        """Say what it stands on, and how long."""
        under = f"under {self.agreement}" if self.agreement else "no agreement number"
        if self.last_day is None:
            return f"{under}, no end date"
        return f"{under}, {'ended on' if self.ended else 'until the end of'} {self.last_day:%d %B %Y} (UTC)"


class ProjectForm(Request):
    """A new project. `last_day` is the last day (UTC) on which something may be asked for it."""

    name: ProjectName
    purpose: str = Field(min_length=1, max_length=4000)
    agreement: str = Field(default="", max_length=200)
    last_day: date | None = None


class ProjectEnd(Request):
    """Until when something may be asked for a project: to the end of `last_day` (UTC); without it, it ends now."""

    last_day: date | None = None


class MemberForm(Request):
    """Who is to belong to a project, by id or name."""

    person: ProjectName
