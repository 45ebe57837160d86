"""`jali node doctor`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from jali.wire.checkup import Finding, checkup, fail
from jali_node.console import folder_option
from jali_node.errors import Refused
from jali_node.settings import Settings, settings_of


@click.command("doctor")
@folder_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, for a program.")
def doctor_command(folder: Path, as_json: bool) -> None:
    """Look at all that the node needs: one line each, and what to do. Changes nothing; also while it serves.

    The exit code is 1 if anything fails. Nothing from the tables is read, but for the hash of a file that was touched.
    """
    found = checkup(_examined(folder))
    click.echo(found.model_dump_json(indent=2) if as_json else found.describe())
    if not found.well:
        sys.exit(1)


def _examined(folder: Path) -> Iterator[Finding]:
    from jali_node.actions.operations import examine

    yield examine.versions()
    if not folder.is_dir():
        yield fail("folder", f"there is no folder {folder}", f"jali node init --folder {folder}, or name another one")
        return
    try:
        settings = settings_of(folder)
    except Refused as refused:
        yield fail("settings", f"{refused.field}: {refused.detail}", "the node does not start with them")
        return
    yield from examine.around(settings)
    yield from _inside(settings)


def _inside(settings: Settings) -> Iterator[Finding]:
    from jali_node.actions.operations import examine
    from jali_node.app import open_node

    try:
        node = open_node(settings)
    except Refused:
        return  # the key: told already
    except Exception as error:
        yield fail("database", f"its URL will not do ({type(error).__name__})", "look at database_url")
        return
    try:
        yield from examine.inside(node)
    finally:
        node.close()


COMMANDS = (doctor_command,)
