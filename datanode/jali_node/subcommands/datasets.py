"""`jali node dataset ...`: who may know of a table, and who is no longer in it."""

from pathlib import Path

import click

from jali_node.console import folder_option, opened, refusals_as_errors


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


COMMANDS = (hide_command, unhide_command)
