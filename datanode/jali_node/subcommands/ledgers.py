"""`jali node verify-ledger`, `ledger`, `freeze`, `unfreeze` and `revoke`."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from jali_node.console import folder_option, opened, refusals_as_errors

file_type = click.Path(path_type=Path, exists=True, dir_okay=False)
Command = TypeVar("Command", bound=Callable[..., object])


@click.command("verify-ledger")
@folder_option
@click.option(
    "--checkpoint", "checkpoints", multiple=True, type=file_type, help="A checkpoint that somebody kept; several times."
)
@click.option("--against", type=file_type, help="An older export of the ledger: a change is found at its very entry.")
@refusals_as_errors
def verify_ledger(folder: Path, checkpoints: tuple[Path, ...], against: Path | None) -> None:
    """Walk the hash chain, and hold accounts, releases and checkpoints against it."""
    from jali_node.actions.operations.read_ledger import known_from, verified

    with opened(folder) as opened_node:
        report = verified(opened_node, known_from(opened_node, checkpoints, against))
    if not report.valid:
        raise click.ClickException(report.describe())
    click.echo(f"{report.entries} entries follow from each other; every account and release is what they say")
    click.echo(report.unproven())
    click.echo(f"head {report.head}")
    click.echo("What this shows: records are unaltered since a checkpoint was signed. Not that noise was honest.")


@click.group()
def ledger() -> None:
    """Copies of the ledger, and what to do after a restore."""


@ledger.command("export")
@folder_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@refusals_as_errors
def export_command(folder: Path, file: Path) -> None:
    """Write all entries to FILE, one line of JSON each. Keep it away from the database: an import needs it."""
    from jali_node.actions.operations.restore_ledger import export_ledger

    with opened(folder) as opened_node:
        number = export_ledger(opened_node, file)
    click.echo(f"{number} entries in {file}; verify them with: jali verify CHECKPOINT --ledger {file}")


@ledger.command("import")
@folder_option
@click.argument("file", type=file_type)
@refusals_as_errors
def import_command(folder: Path, file: Path) -> None:
    """Append the entries that a restored database lacks, from the export FILE."""
    from jali_node.actions.operations.recover import recover
    from jali_node.actions.operations.restore_ledger import entries_of, import_entries

    with opened(folder) as opened_node:
        lost = import_entries(opened_node, entries_of(file))
        recover(opened_node)
    click.echo("the ledger is whole again, and every account is what its entries add up to")
    for kind, number in sorted(lost.items()):
        click.echo(f"{number} x {kind}: recorded, but what it was about was lost with the database; do it again")


@ledger.command("write-off")
@folder_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@refusals_as_errors
def write_off_command(folder: Path, yes: bool) -> None:
    """Count the caps of all populations as spent, for good, where entries are lost that nobody kept."""
    from jali_node.actions.operations.restore_ledger import write_off

    if not yes:
        click.confirm(
            "Nothing more will be answered about any population of this node, ever: what was spent is lost, and may "
            "have been everything. Go on?",
            abort=True,
        )
    with opened(folder) as opened_node:
        accounts = write_off(opened_node)
    click.echo(f"the caps of {len(accounts)} populations count as spent; the chain goes on and says so")
    click.echo("Populations that were opened after the backup are unknown here: open none anew for the same people.")


def subject_options(command: Command) -> Command:
    """Let a command say what it is about: a population, a dataset, a grant or an account; the whole node if nothing."""
    for name, what in (
        ("--account", "An account's id."),
        ("--grant", "A grant's id."),
        ("--dataset", "A dataset's name."),
        ("--population", "A population's name: its account, for every dataset of it."),
    ):
        command = click.option(name, help=what)(command)
    return command


@click.command("freeze")
@folder_option
@subject_options
@click.option("--reason", required=True, help="What people who meet it are told.")
@refusals_as_errors
def freeze_command(folder: Path, reason: str, **named: str | None) -> None:
    """Stop spending at once: of the whole node, or of a population, a dataset, a grant or an account."""
    from jali_node.actions.freezes.freeze import freeze, subject_named

    with opened(folder) as opened_node:
        found = freeze(opened_node, None, subject_named(opened_node, **named), reason)
    click.echo(f"{found.what} {found.name}".rstrip() + " is frozen: what has not begun will not; what has stays spent")


@click.command("unfreeze")
@folder_option
@subject_options
@refusals_as_errors
def unfreeze_command(folder: Path, **named: str | None) -> None:
    """Let it spend again."""
    from jali_node.actions.freezes.freeze import subject_named, unfreeze

    with opened(folder) as opened_node:
        found = unfreeze(opened_node, None, subject_named(opened_node, **named))
    click.echo(f"{found.what} {found.name}".rstrip() + " is no longer frozen")


@click.command("revoke")
@folder_option
@click.argument("grant")
@click.option("--reason", required=True, help="What its holder is told.")
@refusals_as_errors
def revoke_command(folder: Path, grant: str, reason: str) -> None:
    """End GRANT for good, and cancel its holder's jobs on that dataset."""
    from jali_node.actions.freezes.freeze import revoke

    with opened(folder) as opened_node:
        found = revoke(opened_node, None, grant, reason)
    click.echo(f"the grant of {found.name} is revoked")


COMMANDS = (verify_ledger, ledger, freeze_command, unfreeze_command, revoke_command)
