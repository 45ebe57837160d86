"""`jali node project ...`."""

from datetime import date, datetime
from pathlib import Path

import click

from jali.wire.project import Project, ProjectForm
from jali_node.console import folder_option, opened, refusals_as_errors

last_day_option = click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day (UTC) on which something may be asked for it."
)


@click.group()
def project() -> None:
    """People who ask together, for one purpose."""


@project.command("add")
@folder_option
@click.argument("name")
@click.option("--purpose", required=True, help="What it wants to find out.")
@click.option("--agreement", default="", help="The ethics vote or agreement that it stands on.")
@last_day_option
@refusals_as_errors
def add_project_command(folder: Path, name: str, purpose: str, agreement: str, until: datetime | None) -> None:
    """Add a project."""
    from jali_node.actions.projects.settle_project import begin_project

    form = ProjectForm(name=name, purpose=purpose, agreement=agreement, last_day=_day(until))
    with opened(folder) as node:
        added = begin_project(node, None, form)
    click.echo(f"{name}: {added.id}, {added.describe()}")
    if added.last_day is None:
        click.echo("It does not end by itself: set a day with jali node project end NAME --until DAY")


@project.command("list")
@folder_option
@refusals_as_errors
def list_projects_command(folder: Path) -> None:
    """Print every project, what it stands on, how long, and its members."""
    from jali_node.actions.projects.show_projects import all_projects

    with opened(folder) as node:
        found = all_projects(node)
    for each in found:
        click.echo("\n".join(_lines(each)))
    if not found:
        click.echo("there is no project; add one with jali node project add NAME --purpose TEXT")


@project.command("end")
@folder_option
@click.argument("name")
@last_day_option
@refusals_as_errors
def end_project_command(folder: Path, name: str, until: datetime | None) -> None:
    """End the project NAME now, or with the day of --until; a later day than before prolongs it."""
    from jali_node.actions.projects.settle_project import end_project

    with opened(folder) as node:
        ended = end_project(node, None, name, _day(until))
    click.echo(f"{ended.name}: {ended.describe()}")
    click.echo("After that nothing is asked for it and no job of it begins; what was released remains.")


@project.group()
def member() -> None:
    """Who belongs to a project."""


@member.command("add")
@folder_option
@click.argument("name")
@click.argument("person")
@refusals_as_errors
def add_member_command(folder: Path, name: str, person: str) -> None:
    """Let PERSON ask for the project NAME."""
    from jali_node.actions.projects.settle_project import add_member

    with opened(folder) as node:
        click.echo("\n".join(_lines(add_member(node, None, name, person))))


@member.command("remove")
@folder_option
@click.argument("name")
@click.argument("person")
@refusals_as_errors
def remove_member_command(folder: Path, name: str, person: str) -> None:
    """Let PERSON ask for the project NAME no longer, nor read what it has."""
    from jali_node.actions.projects.settle_project import remove_member

    with opened(folder) as node:
        click.echo("\n".join(_lines(remove_member(node, None, name, person))))


def _day(given: datetime | None) -> date | None:
    return None if given is None else given.date()


def _lines(shown: Project) -> list[str]:
    members = ", ".join(member.name for member in shown.members) or "nobody"
    return [f"{shown.name}: {shown.id}, {shown.describe()}", f"  purpose: {shown.purpose}", f"  members: {members}"]
