"""`jali node clock`: what to do where the machine's time and the ledger's disagree."""

from datetime import datetime
from pathlib import Path

import click

from jali_node.console import folder_option, opened, refusals_as_errors


@click.command("clock")
@folder_option
@click.option("--accept", is_flag=True, help="The machine's clock is right now: let the ledger go on from there.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@refusals_as_errors
def clock_command(folder: Path, accept: bool, yes: bool) -> None:
    """Hold the machine's clock against the ledger's newest entry. Nothing is spent while it stands before that."""
    from jali_node.actions.operations.set_clock import accept_clock, times

    with opened(folder) as node:
        found = times(node)
        click.echo(f"the clock says           {_shown(found.clock)}")
        click.echo(f"the newest entry is of   {_shown(found.newest)}")
        if not accept:
            click.echo(_advice(found.wrong, found.behind.total_seconds()))
            return
        if found.wrong and not yes:
            click.confirm(f"Is {_shown(found.clock)} the right time, by another clock than this machine's?", abort=True)
        mended = accept_clock(node)
    click.echo("accepted, and recorded: the ledger goes on from the machine's time")
    click.echo(f"{mended.sessions} sessions that were begun in that time have ended: sign in again")
    if mended.tokens or mended.grants:
        click.echo(
            f"{mended.tokens} tokens and {mended.grants} grants were made in that time, and end that much later than "
            "was meant: look at jali node token list NAME and the portal's page Budgets, and revoke what is too long"
        )


def _advice(wrong: bool, behind_s: float) -> str:
    if not wrong:
        return "they agree"
    return (
        f"{behind_s:.0f} s apart: nothing is spent or recorded. Set the clock, and the node goes on by itself. If it "
        "is right now, and was wrong when the entry was written: wait as long, or run this with --accept"
    )


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


COMMANDS = (clock_command,)
