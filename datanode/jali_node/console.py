"""What every command of `jali node` shares: its folder, the node opened for one command, refusals as one line."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click
from pydantic import ValidationError

from jali_node import documents
from jali_node.errors import Refused
from jali_node.settings import settings_of

folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("jali-node"),
    envvar="JALI_NODE_FOLDER",
    show_default=True,
    help="The node's folder: its key, settings, database and snapshots.",
)


P = ParamSpec("P")
R = TypeVar("R")


def refusals_as_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Show a refusal as one line that names the field."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Refused as error:
            raise click.ClickException(f"{error.field}: {error.detail}" if error.field else error.detail) from error
        except ValidationError as error:
            field, said = documents.complaint(error)
            raise click.ClickException(f"{field}: {said}") from error

    return wrapped


@contextmanager
def opened(folder: Path) -> Iterator[Any]:
    """Open the node of a folder for one command."""
    from jali_node.app import open_node

    settings = settings_of(folder)
    if not settings.key_path.exists():
        raise click.ClickException(f"there is no node in {folder}; make one with: jali node init --folder {folder}")
    node = open_node(settings)
    try:
        yield node
    finally:
        node.close()
