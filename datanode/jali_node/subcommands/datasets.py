"""`jali node dataset ...`: who may know of a table, and who is no longer in it."""

import sys
from pathlib import Path
from typing import Any

import click

from jali_node.console import folder_option, opened, refusals_as_errors


def which_population(node: Any) -> str:
    """Ask at the terminal which population a table is about, and say what a wrong answer breaks."""
    from jali_node.actions.datasets.belonging import known_populations

    known = known_populations(node)
    names = ", ".join(each.name for each in known) or "none: open one with jali node population add"
    if not known or not sys.stdin.isatty():
        raise click.ClickException(f'population: the card names none; add population = "NAME" (known: {names})')
    click.echo("Whose data is this? A table spends from the account of the people it is about:")
    click.echo("\n".join(f"  {each}" for each in known))
    click.echo("Name the one that has these people in another table already, if there is one. A second account for the")
    click.echo("same people would promise each of them less than both caps say, and nothing could put that right.")
    answer: str = click.prompt("Population", type=click.Choice([each.name for each in known]))
    return answer


@click.command("hide")
@folder_option
@click.argument("name")
@refusals_as_errors
def hide_command(folder: Path, name: str) -> None:
    """Hide NAME from whoever has neither a grant nor an overseeing role."""
    from jali_node.actions.datasets.hide_dataset import hide

    with opened(folder) as node:
        hide(node, name, hidden=True)
    click.echo(f"{name} is hidden: without a grant, every route answers as if there were no such dataset")
    click.echo("Who has seen it before still knows of it, and a project's answers about it stay with its members.")


@click.command("unhide")
@folder_option
@click.argument("name")
@refusals_as_errors
def unhide_command(folder: Path, name: str) -> None:
    """Show NAME to everybody who is signed in."""
    from jali_node.actions.datasets.hide_dataset import hide

    with opened(folder) as node:
        hide(node, name, hidden=False)
    click.echo(f"{name} is shown to everybody who is signed in")


@click.command("withdraw")
@folder_option
@click.argument("name")
@click.option(
    "--ids",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="A file with the ids of the entities that withdraw, one a line. They are recorded nowhere.",
)
@refusals_as_errors
def withdraw_command(folder: Path, name: str, ids: Path) -> None:
    """Make a version of NAME without the entities that withdrew their consent, on the same account."""
    from jali_node.actions.datasets.withdraw_entities import withdraw

    with opened(folder) as node:
        done = withdraw(node, name, ids)
    click.echo(f"{name}: version {done.dataset.version} is without them; {done.found} of {done.named} ids had rows")
    click.echo("The node's copies of earlier versions, and mock rows of your own for them, are deleted.")
    click.echo("Your table and your file of ids are as they were.")
    for what, remaining in (("answers", done.releases), ("models", done.jobs), ("outputs of code", done.outputs)):
        if remaining:
            click.echo(f"released before, and remaining ({len(remaining)} {what}):")
            click.echo("\n".join(f"  {each}" for each in remaining))
    if not done.releases and not done.jobs and not done.outputs:
        click.echo("Nothing was released about it before.")
    if done.held:
        click.echo(f"made with their rows, and waiting in the airlock for you to destroy: {', '.join(done.held)}")
    click.echo(f"To register {name} again, take them out of your table first: the old one would bring them back.")
    for other in done.elsewhere:
        click.echo(f"  {other.name} is about the same people: {_there(other)}")
    for mock in done.mocks:
        click.echo(
            f"  {mock.name} has mock rows of your own that name {mock.found} of them, for everybody to read: give it "
            f"others with jali node dataset mock {mock.name} FILE"
        )


def _there(other: Any) -> str:
    if other.found is None:
        return f"{other.why}; take them out there, and register that with --withdrawn"
    if not other.found:
        return "none of them has rows there"
    return f"{other.found} of them have rows there; jali node dataset withdraw {other.name} takes them out too"


@click.command("code")
@folder_option
@click.argument("name")
@click.option("--on/--off", "allowed", required=True, help="Whether functions may be submitted to run over NAME.")
@refusals_as_errors
def code_command(folder: Path, name: str, allowed: bool) -> None:
    """Let Python functions be submitted to run over NAME, or no longer. Off unless you turn it on."""
    from jali_node.actions.code.allow_code import allow_code

    with opened(folder) as node:
        shown = allow_code(node, name, allowed=allowed)
    if not allowed:
        click.echo(f"{name}: code jobs are off; what was approved and has not begun will not begin")
        return
    click.echo(
        f"{name}: code jobs are on. Each is read by a person before it runs, and so is its output before it leaves."
    )
    click.echo(
        "No epsilon covers what they give back: with the first that is released, the promise to "
        f"{shown.population.name} ends, for every table about these people, and their cards say so."
    )


@click.command("queue")
@folder_option
@click.argument("name")
@click.option("--one-at-a-time/--side-by-side", required=True, help="How training jobs run over NAME.")
@refusals_as_errors
def queue_command(folder: Path, name: str, one_at_a_time: bool) -> None:
    """Let training jobs run over NAME one after the other, or side by side as workers are free."""
    from jali_node.actions.jobs.queue_dataset import allow_one_job

    with opened(folder) as node:
        allow_one_job(node, name, one_at_a_time=one_at_a_time)
    how = "one after the other; what runs already goes on" if one_at_a_time else "side by side, as workers are free"
    click.echo(f"{name}: training jobs run {how}")


COMMANDS = (code_command, hide_command, queue_command, unhide_command, withdraw_command)
