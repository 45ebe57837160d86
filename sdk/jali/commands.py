"""The command line: `jali`, and what other packages add to it.

Every entry point of the group `jali.commands` names a tuple of click commands. One whose package cannot be imported
leaves a placeholder of its name, which says which extra is missing; all other commands work.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jali import errors, profile
from jali.profile import Profile
from jali.wire.person import Scope

if TYPE_CHECKING:
    from jali.node import Node
    from jali.transport import Transport

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


profile_option = click.option(
    "--profile", "name", default=profile.DEFAULT, show_default=True, help="The name it is stored under."
)


@click.command()
@click.argument("url")
@profile_option
@click.option("--ca", type=click.Path(exists=True, dir_okay=False, resolve_path=True), help="A private authority.")
@click.option("--user", help="Sign in as this person, by password.")
@click.option("--browser", is_flag=True, help="Sign in with the node's OIDC provider, in a browser on this machine.")
@click.option("--provider", help="Which provider, where the node offers several.")
@click.option("--invitation", "invited", is_flag=True, help="Take up an invitation: set a password, or with --browser.")
@click.option("--token-stdin", is_flag=True, help="Read an API token from standard input.")
def login(
    url: str,
    name: str,
    ca: str | None,
    user: str | None,
    browser: bool,
    provider: str | None,
    invited: bool,
    token_stdin: bool,
) -> None:
    """Sign in to the node at URL, and store its address and the token or session.

    By password with --user, in a browser with --browser, the first time with --invitation. Without these an API token
    is asked for, hidden, unless JALI_TOKEN holds it or --token-stdin is given. It is tried before it is stored, in a
    file that only you can read.
    """
    from jali.node import Node
    from jali.transport import Transport, checked_address

    address = checked_address(url)
    stranger = Transport(address, ca=ca)
    try:
        token = _session(stranger, user, browser or provider is not None, provider, invited) or _token(token_stdin)
    finally:
        stranger.close()
    node = Node(Transport(address, token, ca=ca))
    me = node.me
    path = profile.store(name, Profile(address, token=token, ca=ca))
    until = f" until {me.until:%Y-%m-%d}" if me.until else ""
    click.echo(f"signed in to {node.info.name} as {me.name} ({me.role.value}){until}; profile {name!r} in {path}")
    node.transport.close()


def _session(stranger: "Transport", user: str | None, browser: bool, provider: str | None, invited: bool) -> str | None:
    """Return a session's token, or None where neither password, browser nor invitation is wanted."""
    from jali import signin

    invitation = click.prompt("Invitation", hide_input=True, type=str).strip() if invited else None
    if browser:
        return signin.by_browser(stranger, provider, invitation, _open).token
    if invitation:
        return signin.by_invitation(stranger, invitation, _new_password()).token
    if user:
        return signin.by_password(stranger, user, click.prompt("Password", hide_input=True, type=str)).token
    return None


def _open(address: str) -> None:
    click.echo(f"sign in with your browser; if none opens, go to:\n{address}")
    click.launch(address)


def _new_password() -> str:
    prompt = "New password (15 characters or more; four words will do)"
    return str(click.prompt(prompt, hide_input=True, confirmation_prompt=True, type=str))


def _token(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().strip()
    return os.environ.get("JALI_TOKEN") or click.prompt("Token", hide_input=True, type=str).strip()


@click.command()
@profile_option
def logout(name: str) -> None:
    """End the session on the node, and forget the profile. An API token is forgotten here and stays good there."""
    with _signed_in(name) as node:
        try:
            node.account.sign_out()
            said = "the session has ended"
        except errors.AccessDenied:
            said = "the token is forgotten here; it stays good until it ends or is revoked with: jali token revoke"
        except (errors.NotSignedIn, errors.TokenExpired):
            said = "the session was over"
    profile.forget(name)
    click.echo(f"{said}; profile {name!r} is gone")


@click.command()
@profile_option
def password(name: str) -> None:
    """Change your password. Every session ends, this one too; API tokens stay."""
    current = click.prompt("Current password", hide_input=True, type=str)
    with _signed_in(name) as node:
        ended = node.account.change_password(current, _new_password())
    click.echo(f"changed; {ended} sessions have ended: jali login again")


@click.group()
def token() -> None:
    """Your own API tokens: shown once, narrow, and ended when you say so."""


@token.command("create")
@profile_option
@click.option("--for", "purpose", default="", help="What it is for, so that it is known again.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it is good for, at most; may be given several times. Everything if not given.",
)
@click.option("--days", type=int, default=90, show_default=True, help="How long it is good.")
def create_token(name: str, purpose: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a token. Only its text goes to standard output."""
    with _signed_in(name) as node:
        made = node.account.make_token(purpose, scopes or tuple(Scope), days)
    click.echo(f"{made.token.id} until {made.token.expires_at:%Y-%m-%d}, shown once:", err=True)
    click.echo(made.text)


@token.command("list")
@profile_option
def list_tokens(name: str) -> None:
    """List your tokens and sessions."""
    with _signed_in(name) as node:
        found = node.account.tokens()
    for token in found:
        seen = f"last used {token.seen_at:%Y-%m-%d}" if token.seen_at else "never used"
        kind = "session" if token.session else token.name or "token"
        scopes = "everything" if len(token.scopes) == len(Scope) else ", ".join(token.scopes)
        click.echo("\t".join((token.id, kind, scopes, f"until {token.expires_at:%Y-%m-%d}", seen)))


@token.command("revoke")
@profile_option
@click.argument("token_id")
def revoke_token(name: str, token_id: str) -> None:
    """End one of your tokens or sessions at once."""
    with _signed_in(name) as node:
        was = node.account.revoke(token_id)
    click.echo(f"{was.id} has ended")


@contextmanager
def _signed_in(name: str) -> Iterator["Node"]:
    from jali.node import Node
    from jali.transport import Transport

    kept = profile.settled(name=name)
    way = Transport(kept.url, kept.token, ca=kept.ca)
    try:
        yield Node(way)
    finally:
        way.close()


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


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--ledger", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="An exported ledger.")
@click.option("--profile", "name", help="The profile of the node to ask; the usual one if not given.")
@click.option("--key", help="The node's id or public key as you know it from elsewhere, for a project's evidence.")
def verify(files: tuple[Path, ...], ledger: Path | None, name: str | None, key: str | None) -> None:
    """Verify a project's evidence (a zip), or hold checkpoints against their node's chain. FILES are either.

    Evidence is verified on this machine alone; checkpoints named beside it have to be passed by its chain. Without a
    zip, checkpoints (what `node.checkpoint("FILE")` saved) are held against their node, or without it against --ledger.
    With several, a change is found between two of them; against an exported ledger, at its very entry.
    """
    packs = [file for file in files if _is_zip(file)]
    kept = [file for file in files if file not in packs]
    if packs:
        _verify_evidence(packs, kept, key)
    else:
        _verify_checkpoints(kept, ledger, name)
    click.echo("This shows that records are unaltered since the checkpoint was signed; not that noise was honest.")


def _is_zip(file: Path) -> bool:
    with file.open("rb") as start:
        return file.suffix.lower() == ".zip" or start.read(4) == b"PK\x03\x04"


def _verify_evidence(packs: list[Path], kept: list[Path], key: str | None) -> None:
    from jali import checkpoint, evidence

    known = [checkpoint.read(file) for file in kept]
    for pack in packs:
        found = evidence.verify(pack, key, known)
        if not found.valid:
            raise click.ClickException(f"{pack} departs: {found.departure}")
        click.echo(found.describe())


def _verify_checkpoints(files: list[Path], ledger: Path | None, name: str | None) -> None:
    from jali import checkpoint
    from jali.wire.walk import walked

    kept = [checkpoint.read(file) for file in files]
    if ledger is not None:
        report = walked(checkpoint.exported(ledger), checkpoint.known(kept))
        where = str(ledger)
    else:
        from jali.node import connect

        node = connect(profile=name)
        report, where = node.verify(*kept), str(node.info.name)
    if not report.valid:
        raise click.ClickException(f"{where}: {report.describe()}")
    click.echo(f"{where}: {report.describe()}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, for a program.")
def doctor(as_json: bool) -> None:
    """Look at this machine and at each node that it knows: one line each, and what to do. Exit code 1 if any fails."""
    from jali import doctor
    from jali.wire.checkup import checkup

    found = checkup(doctor.examined())
    click.echo(found.model_dump_json(indent=2) if as_json else found.describe())
    if not found.well:
        sys.exit(1)


COMMANDS = (demo, doctor, login, logout, password, token, verify)
"""What the SDK adds to the command line."""
