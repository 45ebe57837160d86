"""`jali node evidence` and `retention`: what an auditor takes away, and what is no longer kept."""

import os
import shutil
from pathlib import Path

import click

from jali_node.console import folder_option, opened, refusals_as_errors


@click.command("evidence")
@folder_option
@click.argument("project")
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A new file, such as P.zip.")
@refusals_as_errors
def evidence_command(folder: Path, project: str, to: Path) -> None:
    """Write all that was asked, decided, released and recorded for PROJECT into one signed file."""
    from jali_node.actions.evidence.make_pack import make_pack

    if to.exists():
        raise click.ClickException(f"{to} is there already; name a new file")
    with opened(folder) as node, make_pack(node, None, project) as pack:
        with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            shutil.copyfileobj(pack, file)
        node_id = node.node_id
    click.echo(f"the evidence of {project} is in {to}: names, purposes, answers. Give it to whoever may read them.")
    click.echo(f"They verify it anywhere with: jali verify {to} --key {node_id}")
    click.echo("Tell them the key's id another way than with the file.")


@click.command("retention")
@folder_option
@click.option("--apply", "applied", is_flag=True, help="Do it. A serving node does so every hour.")
@refusals_as_errors
def retention_command(folder: Path, applied: bool) -> None:
    """Say what the settings no longer keep. Changes nothing unless --apply is given."""
    from jali_node.actions.operations.retain import due, retain

    with opened(folder) as node:
        found = retain(node) if applied else due(node)
    for each in found:
        kept = "kept until somebody erases it" if each.days is None else f"kept {each.days} days"
        done = "gone" if applied else "would go"
        click.echo(f"{each.what}: {kept}" + ("" if each.days is None else f", {each.count} {done}"))
    click.echo("The ledger, spends and releases are always kept. Set the days under [retention] in node.toml.")
    if not applied and any(each.count for each in found):
        click.echo("Nothing was changed; do it with --apply")


COMMANDS = (evidence_command, retention_command)
