"""Projects as a data steward keeps them: what they stand on, who belongs to them, and what has left for them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from jali.wire.ids import PREFIX_JOB
from jali.wire.person import Person, Role
from jali.wire.project import Member, Project
from jali_portal import wording, words
from jali_portal.viewmodels import budgets, inbox
from jali_portal.viewmodels.accounts import Left
from jali_portal.viewmodels.budgets import Facts, Holding
from jali_portal.viewmodels.inbox import Wish

LAST = 20
"""How many releases are listed; the evidence has all of them."""


@dataclass(frozen=True)
class Sheet:
    """One project.

    Attributes:
        facts: what it stands on and how long, in words.
        joinable: who could be added to it.
        grants: those about it that still hold, then those that do not.
        wishes: what was asked for it, the newest first: who, for what, on which dataset, price, status, and its id.
        releases: the last that left for it: when, what, to whom, from which dataset, at which price.
        released: how many there are in all.
    """

    project: Project
    facts: tuple[tuple[str, str], ...]
    members: tuple[Member, ...]
    joinable: tuple[Person, ...]
    grants: tuple[Holding, ...]
    wishes: tuple[tuple[str, tuple[str, ...]], ...]
    releases: tuple[tuple[str, ...], ...]
    released: int


def lines(projects: Sequence[Project], wishes: Iterable[Wish]) -> tuple[tuple[str, ...], ...]:
    """Return all projects in lines: name, agreement, end, members, and what waits."""
    waiting = [wish.project for wish in wishes if wish.status.is_open]
    return tuple(
        (
            project.name,
            project.agreement or "none given",
            _end(project),
            words.listed([member.name for member in project.members]) or "nobody",
            str(waiting.count(project.name)),
        )
        for project in projects
    )


def sheet(project: Project, facts: Facts, people: Sequence[Person], now: datetime, zone: tzinfo) -> Sheet:
    """Return one project's page."""
    holdings = [
        holding
        for purse in budgets.purses(facts, now, zone)
        for holding in (*purse.open, *purse.ended)
        if holding.who[1] == project.id
    ]
    wishes = [*map(inbox.of_access, facts.requests), *map(inbox.of_job, facts.jobs)]
    asked = sorted((wish for wish in wishes if wish.project == project.name), key=lambda wish: wish.created_at)
    left = facts.book.left_for(project.id)
    members = {member.id for member in project.members}
    names = {person.id: person.name for person in people} | {table.id: table.name for table in facts.datasets}
    return Sheet(
        project=project,
        facts=(
            ("Agreement", project.agreement or "none given"),
            ("Ends", _end(project)),
            ("Members", words.listed([member.name for member in project.members]) or "nobody"),
        ),
        members=project.members,
        joinable=tuple(
            person
            for person in sorted(people, key=lambda person: (person.role is not Role.DATA_SCIENTIST, person.name))
            if person.removed_at is None and person.id not in members
        ),
        grants=tuple(sorted(holdings, key=lambda holding: not holding.holds)),
        wishes=tuple((wish.id, _wish(wish, now)) for wish in reversed(asked)),
        releases=tuple(_release(one, names, now, zone) for one in reversed(left[-LAST:])),
        released=len(left),
    )


def ending(found: Sheet, facts: Facts) -> tuple[str, ...]:
    """Say what stops when the project ends now."""
    people = sorted({holding.person for holding in found.grants if holding.holds})
    jobs = [job for job in facts.running if job.training.project == found.project.id]
    return (
        wording.ends_for(people),
        wording.ends_jobs([budgets.said(job) for job in jobs]),
        wording.RELEASED_REMAINS,
    )


def leaving(found: Sheet, facts: Facts, member: Member) -> tuple[str, ...]:
    """Say what stops when somebody leaves the project."""
    held = [holding for holding in found.grants if holding.holds and holding.who[0] == member.id]
    jobs = [job for job in facts.running if (job.person, job.training.project) == (member.id, found.project.id)]
    return (wording.leaves(len(held)), wording.ends_jobs([budgets.said(job) for job in jobs]), wording.MAY_COME_BACK)


def _end(project: Project) -> str:
    if project.last_day is None:
        return "no end set"
    day = f"{project.last_day.day} {project.last_day:%B %Y} (UTC)"
    return f"ended on {day}" if project.ended else f"after {day}"


def _wish(wish: Wish, now: datetime) -> tuple[str, ...]:
    since = wish.created_at
    return wish.person, wish.kind, wish.dataset, words.epsilon(wish.epsilon), f"{words.age(since, now)} ago", wish.said


def _release(one: Left, names: Mapping[str, str], now: datetime, zone: tzinfo) -> tuple[str, ...]:
    thing = f"Round {one.round} of job" if one.what.startswith(PREFIX_JOB) else "Answer"
    what = f"{thing} …{one.what[-6:]}"
    return (
        words.moment(one.at, now, zone),
        what,
        names.get(one.person, f"…{one.person[-6:]}"),
        names.get(one.dataset, f"…{one.dataset[-6:]}"),
        words.epsilon(one.price),
    )
