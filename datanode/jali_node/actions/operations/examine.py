"""`jali node doctor`: everything that keeps a node from answering, or will, in one line each. It changes nothing.

A check that meets an error says so as its finding, and the others go on. No finding holds anything from the data.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import func, select

from jali.wire import WIRE_VERSION
from jali.wire.checkup import Finding, fail, ok, warn
from jali.wire.notice import NoticeState
from jali_node.actions.datasets.snapshots import snapshot
from jali_node.actions.operations import surroundings
from jali_node.actions.operations.migrate import head, refuse_unless_migrated
from jali_node.actions.operations.read_ledger import known_from, verified
from jali_node.actions.operations.set_clock import times
from jali_node.engine.linked import Linked
from jali_node.errors import DatasetChanged, Refused
from jali_node.ledger import chain, witness
from jali_node.node import Node
from jali_node.settings import Settings
from jali_node.store import catalog
from jali_node.tables import FreezeRow, NoticeRow

SurroundingCheck = Callable[[Settings], Iterator[Finding]]
NodeCheck = Callable[[Node], Iterator[Finding]]
REACHED = "not looked at"
AROUND: tuple[SurroundingCheck, ...] = (
    surroundings.folder,
    surroundings.key,
    surroundings.disks,
    surroundings.certificate,
    surroundings.workers,
    surroundings.sources,
    surroundings.receivers,
    surroundings.providers,
)


def versions() -> Finding:
    """Say what is running."""
    return ok("jali", f"{version('jali')}, wire version {WIRE_VERSION}, python {sys.version.split()[0]}")


def around(settings: Settings) -> Iterator[Finding]:
    """Look at what the node stands on."""
    for check in AROUND:
        yield from _safely(check.__name__, lambda check=check: check(settings))  # type: ignore[misc]


def inside(node: Node) -> Iterator[Finding]:
    """Look at the database, and at what it says; where it cannot be read, at nothing further."""
    found = list(_safely("database", lambda: database(node)))
    yield from found
    if any(finding.state != "ok" for finding in found):
        yield warn("the rest", f"{REACHED}: ledger, checkpoint, clock, tables, notices", "put the database right first")
        return
    for name, check in (
        ("clock", clock), ("checkpoint", checkpoint), ("ledger", ledger), ("tables", tables), ("notices", notices),
        ("freezes", frozen),
    ):  # fmt: skip
        yield from _safely(name, lambda check=check: check(node))  # type: ignore[misc]


def _safely(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except Refused as refused:
        yield fail(name, refused.detail, "see docs/how-to/operate.md")
    except Exception as error:
        yield fail(name, f"could not be looked at ({type(error).__name__})", "see docs/how-to/operate.md")


def database(node: Node) -> Iterator[Finding]:
    """Say whether the database answers, and is of this release. One that is not there is not made."""
    url = node.database.url
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        yield fail("database", f"there is no file {url.database}", "put it back; or restore: jali node restore BACKUP")
        return
    try:
        refuse_unless_migrated(node.database)
    except Refused as refused:
        yield fail("database", refused.detail, "stop the node and copy its folder or database first")
    except Exception as error:
        said = url.set(query={}).render_as_string(hide_password=True)
        yield fail("database", f"{said} does not answer ({type(error).__name__})", "is it running, and its URL right?")
    else:
        yield ok("database", f"{url.get_backend_name()}, at revision {head()}")


def clock(node: Node) -> Iterator[Finding]:
    """Hold the machine's clock against the newest entry."""
    found = times(node)
    if found.wrong:
        said = f"the clock says {_shown(found.clock)}, the newest entry is of {_shown(found.newest)}"
        yield fail("clock", said, "nothing is spent until it is right: jali node clock")
    else:
        yield ok("clock", f"{_shown(found.clock)}, not before the newest entry")


def checkpoint(node: Node) -> Iterator[Finding]:
    """Hold the chain's end against the checkpoint that is kept outside the database."""
    kept = node.witness.newest()  # first: what is kept was committed before
    with node.database.reading() as session:
        seq, head_hash = chain.end(session)
        witness.refuse_unless_it_holds(session, kept, seq, head_hash)
    path, database_file = node.witness.path, Path(node.database.url.database or "")
    if kept is None:
        yield warn("checkpoint", "none is kept yet", "it is written when the node next serves")
    elif database_file.is_file() and database_file.stat().st_dev == path.stat().st_dev:
        yield ok("checkpoint", f"entry {kept.seq} of {seq}; on the database's disk: another one is better")
    else:
        yield ok("checkpoint", f"entry {kept.seq} of {seq}, in {path}")


def ledger(node: Node) -> Iterator[Finding]:
    """Walk the whole chain, and hold every account and release against it."""
    report = verified(node, known_from(node))
    if report.valid:
        yield ok("ledger", f"{report.entries} entries follow from each other, and accounts are what they say")
    else:
        yield fail("ledger", report.describe(), "freeze the node, keep a copy, find out who wrote: jali node freeze")


def tables(node: Node) -> Iterator[Finding]:
    """Say of each dataset whether its table is where it was registered, and as it was."""
    with node.database.reading() as session:
        found = catalog.all_registered(session)
    for registered in found:
        name, version_ = registered.dataset.name, snapshot(registered)
        if isinstance(version_, Linked):
            yield ok("table", f"{name} stays in {version_.link.engine}, where a change cannot be seen from here")
            continue
        if not version_.file.path.exists():
            yield fail("table", f"{name}: there is no {version_.file.path}", "put it back, or register it again")
            continue
        try:
            version_.file.refuse_if_changed()
        except DatasetChanged:
            said = f"{name}: {version_.file.path} is not what was registered"
            yield fail("table", said, "put it back, or register it as the next version: jali node dataset add")
        else:
            yield ok("table", f"{name} is as it was registered")
    if not found:
        yield ok("tables", "none is registered yet")


def notices(node: Node) -> Iterator[Finding]:
    """Say how many notices wait, and how many were given up."""
    with node.database.reading() as session:
        rows = session.execute(select(NoticeRow.state, func.count()).group_by(NoticeRow.state)).all()
    counts: dict[str, int] = {row[0]: row[1] for row in rows}
    if dead := counts.get(NoticeState.DEAD, 0):
        yield warn("outbox", f"{dead} notices were given up", "jali node notify --dead, then --again ID")
    elif node.settings.notices.tells_anybody:
        yield ok("outbox", f"{counts.get(NoticeState.WAITING, 0)} notices wait, none was given up")


def frozen(node: Node) -> Iterator[Finding]:
    """Say what is frozen: it may be forgotten."""
    with node.database.reading() as session:
        number = session.scalar(select(func.count()).select_from(FreezeRow).where(FreezeRow.final.is_(False))) or 0
    if number:
        yield warn("freezes", f"{number} in force", "the portal's page Budgets lists them; jali node unfreeze")


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
