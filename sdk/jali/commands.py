"""The command line: `jali`, and what other packages add to it.

Every entry point of the group `jali.commands` names a tuple of click commands. One whose package cannot be imported
leaves a placeholder of its name, which says which extra is missing; all other commands work.
"""

import importlib
import os
import sys
from importlib.metadata import EntryPoint, entry_points, version

import click

from jali import errors, profile
from jali.profile import Profile

GROUP = "jali.commands"


class Commands(click.Group):
    """The group `jali`: a refusal is one line and exit code 1, never a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except errors.JaliError as failure:
            message = str(failure)
        except click.UsageError:
            raise  # click shows the usage
        except click.ClickException as failure:
            message = failure.format_message()
        click.echo(f"error: {' '.join(message.split())}", err=True)
        ctx.exit(1)


def main() -> None:
    """Run the command line."""
    jali()(prog_name="jali")


def jali() -> Commands:
    """Return the group with everything that is installed."""
    group = Commands("jali", help="Explore and learn from data that you may not see.")
    click.version_option(version("jali"), prog_name="jali")(group)
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        for command in _commands(point):
            group.add_command(command)
    return group


def _commands(point: EntryPoint) -> tuple[click.Command, ...]:
    """Return an entry point's commands, or a placeholder."""
    try:
        return tuple(point.load())
    except ImportError as failure:
        return (_placeholder(point.name, failure.name or str(failure)),)


def _placeholder(name: str, missing: str) -> click.Command:
    """Return a command that only says what is missing."""
    needs = f"needs the extra: pip install 'jali[{name}]'"

    @click.command(
        name,
        short_help=f"({needs})",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    def placeholder() -> None:
        raise click.ClickException(f"`jali {name}` {needs} (missing: {missing})")

    return placeholder


@click.command()
@click.argument("url")
@click.option("--profile", "name", default=profile.DEFAULT, show_default=True, help="The name to store it under.")
@click.option("--ca", type=click.Path(exists=True, dir_okay=False, resolve_path=True), help="A private authority.")
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input.")
def login(url: str, name: str, ca: str | None, token_stdin: bool) -> None:
    """Store the address and token of the node at URL.

    The token is asked for, hidden, unless JALI_TOKEN holds it or --token-stdin is given; it is tried before it is
    stored, in a file that only you can read.
    """
    from jali.node import Node
    from jali.transport import Transport, checked_address

    address = checked_address(url)
    token = _token(token_stdin)
    node = Node(Transport(address, token, ca=ca))
    me = node.me
    path = profile.store(name, Profile(address, token=token, ca=ca))
    click.echo(f"signed in to {node.info.name} as {me.name} ({me.role.value}); profile {name!r} in {path}")


def _token(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().strip()
    return os.environ.get("JALI_TOKEN") or click.prompt("Token", hide_input=True, type=str).strip()


@click.command()
@click.option("--exit", "exit_at_once", is_flag=True, help="Stop everything after the tour.")
@click.option("--hands-on", is_flag=True, help="Wait until you have approved the model in the first node's portal.")
def demo(exit_at_once: bool, hands_on: bool) -> None:
    """Start nodes with public data on this machine and show what Jali does."""
    try:
        show = importlib.import_module("jali.demo.show")
    except ImportError as failure:
        needs = "`jali demo` needs the extra: pip install 'jali[demo]'"
        raise click.ClickException(f"{needs} (missing: {failure.name})") from failure
    sys.exit(show.run(exit_at_once=exit_at_once, hands_on=hands_on))


COMMANDS = (demo, login)
"""What the SDK adds to the command line."""
