"""`jali node ...`: everything an owner does at the machine beside the data."""

import signal
import socket
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from jali.wire.dataset import UnitKind
from jali.wire.notice import NoticeState
from jali.wire.person import ErasureForm, IdentityForm, Invitation, Role, Scope
from jali.wire.policy import TEXT_MAX, PolicyForm, complaints
from jali_node import documents
from jali_node.console import folder_option, opened, refusals_as_errors
from jali_node.errors import InvalidRequest
from jali_node.settings import FILE_NAME, settings_of
from jali_node.subcommands import clock, datasets, doctor, evidence, ledgers, populations, projects


@click.group()
def node() -> None:
    """Host tables that nobody else may see."""


@node.command()
@folder_option
@click.option("--name", required=True, help="What data scientists will call this node.")
@click.option("--owner", required=True, help="The first owner's name.")
@refusals_as_errors
def init(folder: Path, name: str, owner: str) -> None:
    """Make a node: folder, key pair, database, first owner."""
    from jali_node.actions.operations.create_node import create_node, prepare_folder
    from jali_node.actions.people.create_token import create_token

    prepare_folder(folder, name)
    with opened(folder) as opened_node:
        create_node(opened_node, owner)
        text, expires_at = create_token(opened_node, owner, 90)
        click.echo(f"{opened_node.node_id} in {folder}")
    click.echo(f"{owner}'s token until {expires_at:%Y-%m-%d}, shown once:\n{text}")


@node.command("migrate")
@folder_option
@refusals_as_errors
def migrate_command(folder: Path) -> None:
    """Bring the node's database to this release's schema."""
    from jali_node.actions.operations.migrate import migrate

    with opened(folder) as opened_node:
        click.echo(f"the database is at revision {migrate(opened_node.database)}")


@node.command()
@folder_option
@click.option("--host", help="Address to listen on; 127.0.0.1 unless set.")
@click.option("--port", type=int, help="Port to listen on; 8400 unless set, 0 for a free one.")
@click.option("--stop-with-parent", is_flag=True, help="End when standard input is closed.")
@refusals_as_errors
def serve(folder: Path, host: str | None, port: int | None, stop_with_parent: bool) -> None:
    """Answer questions until stopped."""
    import uvicorn

    from jali_node.actions.operations.note_taken import note_settings
    from jali_node.app import create_app
    from jali_node.observe import logs

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings_of(folder, **given)
    if not settings.key_path.exists():
        raise click.ClickException(f"there is no node in {folder}; make one with: jali node init --folder {folder}")
    logs.configure(settings.log_level, settings.log_form)
    certificate = settings.certificate()
    app = create_app(settings)
    note_settings(app.state.node)
    listening = socket.create_server((settings.host, settings.port))
    # asyncio sets it only on sockets that it made itself; without it, every second reply waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    proxies = list(settings.trusted_proxies)
    file, key = certificate or (None, None)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            forwarded_allow_ips=proxies,
            server_header=False,
            ssl_certfile=file,
            ssl_keyfile=key,
        )
    )
    if stop_with_parent:
        threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
    address, port = listening.getsockname()[:2]
    click.echo(f"{settings.name} answers on {'https' if certificate else 'http'}://{address}:{port}")
    server.run(sockets=[listening])


@node.command()
@folder_option
@click.option("--stop-with-parent", is_flag=True, help="End when standard input is closed.")
@refusals_as_errors
def worker(folder: Path, stop_with_parent: bool) -> None:
    """Train approved jobs until stopped. Needs jali[train]."""
    from jali_node.actions.operations.recover import refuse_if_incomplete

    try:
        from jali_node.worker import work
    except ImportError as error:
        raise click.ClickException(
            f"a worker needs the extra: pip install 'jali[train]' (missing: {error.name})"
        ) from error
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    if stop_with_parent:
        threading.Thread(target=_set_at_end_of_input, args=(ended,), daemon=True).start()
    with opened(folder) as opened_node:
        refuse_if_incomplete(opened_node)
        try:
            work(opened_node, ended, click.echo)
        except KeyboardInterrupt:
            click.echo("stopped; rounds that were begun go on when a worker comes back")


@node.command()
@folder_option
@click.option("--dead", is_flag=True, help="List the notices that were given up, and send nothing.")
@click.option("--again", "notice_id", help="Make this dead notice due again, then send what is due.")
@click.option("--secret", is_flag=True, help="Print a new secret for a webhook, and send nothing.")
@refusals_as_errors
def notify(folder: Path, dead: bool, notice_id: str | None, secret: bool) -> None:
    """Send the webhooks and mails that are due, once. A serving node does so by itself."""
    from jali_node.actions.notices.deliver import deliver_due
    from jali_node.actions.notices.show_notices import listed, revived
    from jali_node.receivers import new_secret

    if secret:
        click.echo(new_secret())
        return
    with opened(folder) as opened_node:
        if dead:
            for notice in listed(opened_node, NoticeState.DEAD):
                what = f"{notice.event} of {notice.about}"
                click.echo(f"{notice.id}  {notice.receiver}  {what}: {notice.trouble}, {notice.attempts} attempts")
            return
        if not opened_node.settings.notices.tells_anybody:
            raise click.ClickException(
                f"nobody is told: set [notices] in {folder / FILE_NAME}; docs/how-to/requests.md"
            )
        if notice_id is not None:
            revived(opened_node, notice_id)
        done = deliver_due(opened_node)
    click.echo(f"{done.sent} sent, {done.again} failed and will be tried again, {done.dead} given up")


@node.command("backup")
@folder_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@refusals_as_errors
def backup_command(folder: Path, file: Path) -> None:
    """Write the node into FILE, also while it serves: key, settings, records, snapshots."""
    from jali_node.actions.operations.backup import back_up

    with opened(folder) as opened_node:
        entries = back_up(opened_node, file)
    click.echo(f"{file}: {entries} entries of the ledger, with the node's key. Keep it as you keep the tables.")


@node.command("restore")
@folder_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The newest checkpoint: the old folder's checkpoint.json, or one that somebody downloaded.",
)
@refusals_as_errors
def restore_command(folder: Path, file: Path, checkpoint: Path | None) -> None:
    """Make a node of the backup FILE in a new folder, on an empty database; check its ledger.

    What was spent after the backup is not in it. So it spends nothing until --checkpoint, or `jali node ledger`, shows
    that nothing is missing.
    """
    from jali_node.actions.operations.backup import restore, unpack
    from jali_node.actions.operations.recover import standing_after

    facts = unpack(file, folder.resolve())
    with opened(folder) as opened_node:
        report = restore(opened_node, file, facts)
        lacks = standing_after(opened_node, checkpoint)
    if not report.valid:
        raise click.ClickException(f"restored, but the ledger departs at entry {report.broken_at}: {report.reason}")
    click.echo(f"restored into {folder}: {report.entries} entries follow from each other, as of {facts['taken_at']}")
    click.echo("Do not serve it beside the node that it was taken from: each would spend what the other has.")
    if lacks:
        raise click.ClickException(f"restored, but nothing will be spent: {lacks}")
    click.echo("it holds everything that the checkpoint knows, so it can go on")


@node.command("audit")
@folder_option
@click.option("--kind", "kinds", multiple=True, help="Such as request.decided, or signin. for all that begin so.")
@click.option("--about", multiple=True, help="An id that entries name.")
@click.option("--since", type=click.DateTime(), help="From here on, in UTC.")
@click.option("--until", type=click.DateTime(), help="Before this, in UTC.")
@click.option("--form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), help="A new file; the terminal unless set.")
@refusals_as_errors
def audit_command(
    folder: Path,
    kinds: tuple[str, ...],
    about: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    form: str,
    to: Path | None,
) -> None:
    """Write down what happened, the oldest first: every entry of the chain that is chosen, with names."""
    from jali.wire.audit import AuditFilter
    from jali_node.actions.operations.read_audit import Form, export_at_machine

    moments = {name: at.replace(tzinfo=UTC) for name, at in (("since", since), ("until", until)) if at}
    which = AuditFilter.model_validate({"kinds": kinds, "about": about, **moments})
    with opened(folder) as opened_node:
        parts = export_at_machine(opened_node, which, Form(form))
        if to is None:
            for part in parts:
                click.echo(part, nl=False)
            return
        with to.open("x", encoding="utf-8", newline="") as file:
            file.writelines(parts)
    click.echo(f"written to {to}")


@node.group()
def population() -> None:
    """The people or rows that one privacy promise covers."""


@population.command("add")
@folder_option
@click.argument("name")
@click.option("--unit", type=click.Choice([kind.value for kind in UnitKind]), default="row", show_default=True)
@click.option("--units", type=int, required=True, help="Your public figure for how many there are; kept to 2 digits.")
@click.option("--epsilon", type=float, required=True, help="The cap on everything that leaves, over all callers.")
@click.option("--delta", type=float, default=1e-6, show_default=True, help="At most 1/units; smaller is safer.")
@click.option("--refresh-days", type=int, help="Let the cap be for windows of so many days, not for all time.")
@refusals_as_errors
def add_population(
    folder: Path, name: str, unit: str, units: int, epsilon: float, delta: float, refresh_days: int | None
) -> None:
    """Open a population with its cap: for all time, unless it is to refresh."""
    from jali_node.actions.budgets.open_population import open_population

    with opened(folder) as opened_node:
        found = open_population(opened_node, name, UnitKind(unit), units, epsilon, delta, refresh_days)
    click.echo(f"{found.name}: {found.units:,} units ({unit}), epsilon {epsilon:g}, delta {delta:g}")
    if found.budget.window is not None:
        click.echo(f"{found.budget.window.describe()}. {found.budget.window.warning(found.budget.cap)}")


@population.command("report")
@folder_option
@click.argument("name")
@refusals_as_errors
def report_population(folder: Path, name: str) -> None:
    """Say what was spent of a population's cap, also by privacy-loss distributions."""
    from jali_node.actions.budgets.show_budgets import report_budget

    with opened(folder) as opened_node:
        found = report_budget(opened_node, None, name)
    click.echo(found.describe())


@node.group()
def dataset() -> None:
    """Tables, under their public cards."""


@dataset.command("add")
@folder_option
@click.argument("table")
@click.option("--card", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True, help="TOML card.")
@click.option("--source", help="A database named in the settings, or spark: TABLE stays there and is read there.")
@click.option("--snapshot", default="", help="What you call the state of TABLE; give a view of one state.")
@click.option("--scratch", help="A schema of the source to write chosen rows of entities into.")
@click.option("--withdrawn", is_flag=True, help="People have withdrawn their consent, and are no longer in TABLE.")
@click.option("--bring-back", is_flag=True, help="People who had withdrawn may be in TABLE again.")
@refusals_as_errors
def add_dataset(
    folder: Path,
    table: str,
    card: Path,
    source: str | None,
    snapshot: str,
    scratch: str | None,
    withdrawn: bool,
    bring_back: bool,
) -> None:
    """Register a table, or the next version of one: CSV or Parquet, or with --source one that stays where it is.

    TABLE is the path of a file, or of a folder of files of one kind; in a database `schema.table`; for spark the path
    of a Parquet file or folder.
    """
    from jali_node.actions.datasets.belonging import belonging
    from jali_node.actions.datasets.bring_back import reminder
    from jali_node.actions.datasets.copies import copies_elsewhere
    from jali_node.actions.datasets.register_dataset import Consent, link_dataset, read_card, register_dataset

    consent = Consent(withdrawn, bring_back)
    with opened(folder) as opened_node:
        public = read_card(card, lambda: datasets.which_population(opened_node))
        if source is None:
            registered = register_dataset(opened_node, Path(table), public, consent)
        else:
            registered = link_dataset(opened_node, source, table, public, snapshot, scratch, consent)
        said = [belonging(opened_node, registered.name), reminder(opened_node, registered.name)]
        left = copies_elsewhere(opened_node, registered.name) if withdrawn else []
    click.echo(f"{registered.name}: {len(registered.columns)} columns, version {registered.version}")
    click.echo("\n".join(line for line in said if line))
    for copy in left:
        click.echo(f"The rows of an earlier version are still in the table {copy}: drop it.")


@dataset.command("mock")
@folder_option
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@refusals_as_errors
def add_mock_command(folder: Path, name: str, file: Path) -> None:
    """Hand out FILE, a CSV of made-up rows of your own, as mock rows of the dataset NAME."""
    from jali_node.actions.datasets.mock_rows import add_mock

    with opened(folder) as opened_node:
        number = add_mock(opened_node, name, file)
    click.echo(f"{name}: {number} mock rows, labelled as your own file, outside the promise")
    click.echo("Everybody who is signed in can read them: they must not be rows of the table, nor be made from them.")


@dataset.command("synthesize")
@folder_option
@click.argument("name")
@click.option("--rows", type=int, default=1000, show_default=True, help="How many to draw; the price is the same.")
@click.option("--epsilon", type=float, required=True, help="The stand-alone price, charged to the population.")
@click.option("--columns", help="Which, separated by commas; all with bounds or categories if not given.")
@click.option("--quote", "only_quote", is_flag=True, help="Say what it would cost, and stop.")
@refusals_as_errors
def synthesize_command(
    folder: Path, name: str, rows: int, epsilon: float, columns: str | None, only_quote: bool
) -> None:
    """Hand out mock rows of the dataset NAME, drawn from a differentially private release of its columns."""
    from jali_node.actions.datasets.synthesize import Wish, quoted, synthesize

    chosen = tuple(column.strip() for column in columns.split(",")) if columns else ()
    wish = Wish(name, rows, epsilon, chosen)
    with opened(folder) as opened_node:
        offer = quoted(opened_node, wish)
        click.echo(f"{', '.join(offer.sizes)}: costs epsilon {offer.price:.4g}; {offer.left:.4g} is left")
        if only_quote:
            return
        synthesize(opened_node, wish)
    click.echo(f"{name}: {rows} mock rows, labelled as drawn from a differentially private release")


@node.group()
def user() -> None:
    """Persons and their roles."""


@user.command("add")
@folder_option
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.DATA_SCIENTIST.value)
@click.option("--project", "projects", multiple=True, help="A project's name; may be given several times.")
@click.option("--invite", "invited", is_flag=True, help="Make out an invitation at once.")
@refusals_as_errors
def add_user(folder: Path, name: str, role: str, projects: tuple[str, ...], invited: bool) -> None:
    """Add a person, as a member of projects."""
    from jali_node.actions.people.add_person import add_person
    from jali_node.actions.people.invite import invite_by_name

    with opened(folder) as opened_node:
        added = add_person(opened_node, name, Role(role), projects)
        click.echo(f"{name}: {added.id}", err=invited)
        if invited:
            _show_invitation(name, invite_by_name(opened_node, name, 7))


@user.command("invite")
@folder_option
@click.argument("name")
@click.option("--days", type=int, default=7, show_default=True, help="How long it is good.")
@refusals_as_errors
def invite_user(folder: Path, name: str, days: int) -> None:
    """Make out an invitation, with which the person sets a first or a new password."""
    from jali_node.actions.people.invite import invite_by_name

    with opened(folder) as opened_node:
        _show_invitation(name, invite_by_name(opened_node, name, days))


def _show_invitation(name: str, invitation: Invitation) -> None:
    click.echo(f"{name}'s invitation until {invitation.expires_at:%Y-%m-%d}, for one use, shown once:", err=True)
    click.echo(invitation.text)


@user.command("list")
@folder_option
@refusals_as_errors
def list_users(folder: Path) -> None:
    """List the people: role, projects, and how they can sign in besides tokens."""
    from jali_node.actions.people.show_people import everybody

    with opened(folder) as opened_node:
        found = everybody(opened_node)
    for person in found:
        ways = ", ".join(person.ways) or ("invited" if person.invited_until else "tokens only")
        state = f"removed on {person.removed_at:%Y-%m-%d}" if person.removed_at else ways
        click.echo("\t".join((person.name, person.role.value, ", ".join(person.projects) or "-", state)))


@user.command("role")
@folder_option
@click.argument("name")
@click.argument("role", type=click.Choice([role.value for role in Role]))
@refusals_as_errors
def change_role_command(folder: Path, name: str, role: str) -> None:
    """Give a person another role, from their next request on."""
    from jali_node.actions.people.change_person import change_role

    with opened(folder) as opened_node:
        changed = change_role(opened_node, None, _person_id(opened_node, name), Role(role))
    click.echo(f"{changed.name} is {changed.role.value} now")


@user.command("remove")
@folder_option
@click.argument("name")
@refusals_as_errors
def remove_user(folder: Path, name: str) -> None:
    """Remove a person: their sessions, tokens, password and memberships end at once. What they did stays on record."""
    from jali_node.actions.people.change_person import remove_person

    with opened(folder) as opened_node:
        removed = remove_person(opened_node, None, _person_id(opened_node, name))
    click.echo(f"{removed.name} is removed; their sessions and tokens have ended")


@user.command("erase")
@folder_option
@click.argument("name")
@click.option("--also", multiple=True, help="What else names them: a first name, an e-mail address. Several times.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@refusals_as_errors
def erase_user(folder: Path, name: str, also: tuple[str, ...], yes: bool) -> None:
    """Remove a person and put a pseudonym in the place of their name, in everything that this node's tables hold."""
    from jali_node.actions.people.erase_person import erase_person

    form = ErasureForm(also=also)
    if not yes:
        click.confirm(f"{name} will be removed, and nobody can bring the name back. Go on?", abort=True)
    with opened(folder) as opened_node:
        done = erase_person(opened_node, None, name, form.also)
    click.echo(f"{name} is {done.person.name} now, in {done.texts} texts; their sessions and tokens have ended")
    for word, count in done.parts.items():
        click.echo(f"{count} texts still hold {word!r}: if that is them, run it again with --also {word}")
    for setting in done.settings:
        click.echo(f"the settings name them in {setting}: take it out of {folder / FILE_NAME} or the environment")
    click.echo("Backups, exported files and evidence that was taken hold what they held; see docs/how-to/audit.md.")


@user.command("bind")
@folder_option
@click.argument("name")
@click.option("--issuer", required=True, help="The OIDC provider's issuer, as it writes it.")
@click.option("--subject", required=True, help="The subject under which it knows the person.")
@refusals_as_errors
def bind_user(folder: Path, name: str, issuer: str, subject: str) -> None:
    """Say who a person is to a provider, so that they can sign in with it."""
    from jali_node.actions.people.change_person import bind_identity

    form = IdentityForm(issuer=issuer, subject=subject)
    with opened(folder) as opened_node:
        bind_identity(opened_node, None, _person_id(opened_node, name), form)
    click.echo(f"{name} signs in as {subject} of {issuer}")


def _person_id(opened_node: Any, name: str) -> str:
    from jali_node.store import people

    with opened_node.database.reading() as session:
        return people.by_name(session, name).id


@node.group()
def token() -> None:
    """API tokens: stored hashed, shown once."""


@token.command("create")
@folder_option
@click.argument("person")
@click.option("--days", type=int, default=90, show_default=True, help="How long it is valid.")
@click.option("--name", default="", help="What it is for, so that it is known again.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it is good for, at most; may be given several times. Everything if not given.",
)
@refusals_as_errors
def create_token_command(folder: Path, person: str, days: int, name: str, scopes: tuple[str, ...]) -> None:
    """Make a token. Only its text goes to standard output."""
    from jali_node.actions.people.create_token import create_token

    with opened(folder) as opened_node:
        text, expires_at = create_token(opened_node, person, days, name, tuple(map(Scope, scopes)) or tuple(Scope))
    click.echo(f"{person}'s token until {expires_at:%Y-%m-%d}, shown once:", err=True)
    click.echo(text)


@token.command("list")
@folder_option
@click.argument("person")
@refusals_as_errors
def list_tokens_command(folder: Path, person: str) -> None:
    """List a person's tokens and sessions."""
    from jali_node.actions.people.revoke_token import listed

    with opened(folder) as opened_node, opened_node.database.reading() as session:
        found = listed(session, _person_id(opened_node, person))
    for token in found:
        seen = f"last used {token.seen_at:%Y-%m-%d}" if token.seen_at else "never used"
        kind = "session" if token.session else token.name or "token"
        scopes = "everything" if len(token.scopes) == len(Scope) else ", ".join(token.scopes)
        click.echo("\t".join((token.id, kind, scopes, f"until {token.expires_at:%Y-%m-%d}", seen)))


@token.command("revoke")
@folder_option
@click.argument("person")
@click.argument("token_id")
@refusals_as_errors
def revoke_token_command(folder: Path, person: str, token_id: str) -> None:
    """End a token or session at once. TOKEN_ID may be the end of its id."""
    from jali_node.actions.people.revoke_token import revoke_token_of

    with opened(folder) as opened_node:
        was = revoke_token_of(opened_node, person, token_id)
    click.echo(f"{was.id} of {person} has ended")


@node.group()
def policy() -> None:
    """Who may ask what: a TOML document in versions."""


@policy.command("show")
@folder_option
@refusals_as_errors
def show_policy_command(folder: Path) -> None:
    """Print the policy in force."""
    from jali_node.actions.policies.set_policy import policy_in_force

    with opened(folder) as opened_node:
        found = policy_in_force(opened_node)
    click.echo(f"version {found.number}, digest {found.digest}", err=True)
    click.echo(found.text, nl=not found.text.endswith("\n"))


@policy.command("set")
@folder_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@refusals_as_errors
def set_policy_command(folder: Path, file: Path) -> None:
    """Put FILE in force."""
    from jali_node.actions.policies.set_policy import put_in_force

    form = _policy(file)
    with opened(folder) as opened_node:
        found = put_in_force(opened_node, form, None)
    click.echo(f"version {found.number} is in force, digest {found.digest}")


@policy.command("dry-run")
@folder_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@refusals_as_errors
def dry_run_command(folder: Path, file: Path) -> None:
    """Say what FILE would change in the last 100 requests. Changes nothing."""
    from jali_node.actions.policies.dry_run import tried

    with opened(folder) as opened_node:
        found = tried(opened_node, _policy(file).text)
    click.echo(found.describe())


def _policy(file: Path) -> PolicyForm:
    form = PolicyForm(text=documents.text(file, "policy", TEXT_MAX))
    for wrong in complaints(form.text):
        raise InvalidRequest(f"{file}: {wrong.detail}", field=wrong.field)
    return form


def _stop_at_end_of_input(server: Any) -> None:
    sys.stdin.read()
    server.should_exit = True


def _set_at_end_of_input(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


for command in populations.COMMANDS:
    population.add_command(command)
for command in datasets.COMMANDS:
    dataset.add_command(command)
for part in (
    projects.project,
    populations.grant,
    *ledgers.COMMANDS,
    *evidence.COMMANDS,
    *clock.COMMANDS,
    *doctor.COMMANDS,
):
    node.add_command(part)

COMMANDS = (node,)
