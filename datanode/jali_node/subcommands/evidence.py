"""`jali node evidence`: what an auditor takes away."""

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
        with to.open("xb") as file:
            shutil.copyfileobj(pack, file)
        node_id = node.node_id
    click.echo(f"the evidence of {project} is in {to}: names, purposes, answers. Give it to whoever may read them.")
    click.echo(f"They verify it anywhere with: jali verify {to} --key {node_id}")
    click.echo("Tell them the key's id another way than with the file.")


COMMANDS = (evidence_command,)
