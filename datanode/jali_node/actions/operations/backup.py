"""A node in one file, taken while it serves, and made a node again: on the same kind of database or on another.

The file holds the key, the settings, every record and the snapshots of tables that were parsed or chosen: whoever has
it has the node. Tables that are read where they are stay where they are. What is left out can be made again.
"""

import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table, delete, func, insert, select
from sqlalchemy.orm import Session

from jali.wire.ledger import ChainReport
from jali_node import audit
from jali_node.actions.operations.migrate import head, migrate, refuse_unless_migrated
from jali_node.actions.operations.note_taken import note_taken
from jali_node.actions.operations.read_ledger import checked
from jali_node.errors import InvalidRequest
from jali_node.ledger import chain
from jali_node.node import Node
from jali_node.settings import FILE_NAME
from jali_node.store.database import Database
from jali_node.tables import Base, UtcTime

FORM = 1
FACTS, RECORDS, SNAPSHOTS = "backup.json", "records", "snapshots"
BATCH = 500
FOUND_AT_FIRST = frozenset({"chain_head"})
"""Tables of which a fresh database holds rows already."""


def back_up(node: Node, target: Path) -> int:
    """Write a node into a new file that only its owner can read; return how many entries its chain has.

    All records are of one moment. A backup is older than its node as soon as anything is spent: what was spent since is
    not in it.

    Raises:
        InvalidRequest: the file is there already.
    """
    refuse_unless_migrated(node.database)
    part = target.with_name(f".{target.name}.part")
    if target.exists():
        raise InvalidRequest(f"{target} is there already, and is not written over", field="file")
    note_taken(node, audit.BACKUP_TAKEN)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                entries = _write(node, archive)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, target)  # never over another file, whoever made it in between
    finally:
        part.unlink(missing_ok=True)
    return entries


def _write(node: Node, archive: tarfile.TarFile) -> int:
    folder = node.settings.folder
    with node.database.reading() as session:
        top = chain.head(session)
        for table in Base.metadata.sorted_tables:
            _add(archive, f"{RECORDS}/{table.name}.jsonl", "".join(_lines(session, table)).encode())
        entries = session.execute(select(func.count()).select_from(Base.metadata.tables["entry"])).scalar_one()
    facts = {
        "form": FORM, "node": node.node_id, "folder": str(folder), "revision": head(), "entries": entries, "head": top,
        "taken_at": datetime.now(UTC).isoformat(),
    }  # fmt: skip
    _add(archive, FACTS, json.dumps(facts, indent=2).encode())
    for path in (node.settings.key_path, folder / FILE_NAME):
        if path.exists():
            archive.add(path, arcname=path.name)
    for path in sorted((folder / SNAPSHOTS).glob("*")):
        archive.add(path, arcname=f"{SNAPSHOTS}/{path.name}")
    return int(entries)


def _lines(session: Session, table: Table) -> Iterator[str]:
    with closing(session.execute(select(table).execution_options(yield_per=BATCH))) as rows:
        for row in rows.mappings():
            yield json.dumps({key: _plain(value) for key, value in row.items()}, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    archive.addfile(entry, io.BytesIO(content))


def unpack(file: Path, folder: Path) -> dict[str, Any]:
    """Put a backup's key, settings and snapshots into a new folder; return the backup's facts.

    Raises:
        InvalidRequest: the folder is not empty, or the file is no backup that this release can read.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InvalidRequest(f"{folder} is not empty, and a node is restored into a new folder", field="folder")
    with _opened(file) as archive:
        facts = _facts(archive)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for member in archive.getmembers():
            if not member.name.startswith(RECORDS) and member.name != FACTS:
                archive.extract(member, folder, filter="data")
        (folder / "node.key").chmod(0o600)
    return facts


def restore(node: Node, file: Path, facts: dict[str, Any]) -> ChainReport:
    """Fill a new node's empty database with a backup's records, and return what a walk along the chain finds.

    Raises:
        InvalidRequest: the database holds something already; nothing is changed.
    """
    migrate(node.database)
    _refuse_unless_empty(node.database)
    moved = (facts["folder"], str(node.settings.folder))
    with _opened(file) as archive, node.database.writing() as session:
        for table in Base.metadata.sorted_tables:
            stream = archive.extractfile(f"{RECORDS}/{table.name}.jsonl")
            assert stream is not None  # noqa: S101 - a file, by its name
            if table.name in FOUND_AT_FIRST:
                session.execute(delete(table))
            for rows in _batches(stream, table, moved):
                session.execute(insert(table), rows)
    return checked(node.database)


def _batches(stream: Any, table: Table, moved: tuple[str, str]) -> Iterator[list[dict[str, Any]]]:
    times = {column.name for column in table.columns if isinstance(column.type, UtcTime)}
    rows: list[dict[str, Any]] = []
    for line in stream:
        row = {key: _typed(value, key in times) for key, value in json.loads(line).items()}
        if table.name == "version" and row["path"].startswith(f"{moved[0]}/{SNAPSHOTS}/"):
            row["path"] = moved[1] + row["path"][len(moved[0]) :]
        rows.append(row)
        if len(rows) == BATCH:
            yield rows
            rows = []
    if rows:
        yield rows


def _typed(value: Any, moment: bool) -> Any:
    return datetime.fromisoformat(value) if moment and value is not None else value


def _refuse_unless_empty(database: Database) -> None:
    with database.reading() as session:
        for table in Base.metadata.sorted_tables:
            if table.name not in FOUND_AT_FIRST and session.execute(select(table).limit(1)).first():
                raise InvalidRequest(
                    f"the database holds rows of table {table.name} already; a node is restored into an empty one",
                    field="database_url",
                )


def _opened(file: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(file, "r:gz")
    except (OSError, tarfile.TarError) as error:
        raise InvalidRequest(f"{file} cannot be read as a backup ({type(error).__name__})", field="file") from error


def _facts(archive: tarfile.TarFile) -> dict[str, Any]:
    try:
        stream = archive.extractfile(FACTS)
        facts: dict[str, Any] = json.load(stream) if stream else {}
    except (KeyError, ValueError, OSError, tarfile.TarError, EOFError) as error:
        raise InvalidRequest("the file is no backup of a node: it lacks its facts", field="file") from error
    if facts.get("form") != FORM:
        raise InvalidRequest(f"expected a backup of form {FORM}, got {facts.get('form')}", field="file")
    if (found := facts.get("revision")) != head():
        raise InvalidRequest(
            f"the backup is of database revision {found}, this release has {head()}: restore it with the release that "
            "took it, then run jali node migrate",
            field="file",
        )
    return facts
