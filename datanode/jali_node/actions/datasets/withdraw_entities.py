"""Entities withdraw their consent: the next version of the table is without them, on the same account.

What was released before remains, and is listed. The ids stay in the owner's file: they enter no record, log or message.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.dataset import ColumnType, Dataset
from jali.wire.ids import PREFIX_VERSION, new_id
from jali.wire.jobs.code import CodeStatus
from jali.wire.jobs.train import RoundStatus
from jali.wire.mock import MockKind
from jali_node import documents
from jali_node.actions.datasets.copies import delete_copies
from jali_node.actions.datasets.register_dataset import Consent, stored
from jali_node.actions.datasets.snapshots import snapshot
from jali_node.engine.linked import Linked
from jali_node.engine.warehouse import Snapshot
from jali_node.errors import DatasetChanged, InvalidRequest
from jali_node.node import Node
from jali_node.store import catalog, mocks
from jali_node.store.catalog import Registered
from jali_node.tables import CodeJobRow, JobRoundRow, JobRow, ReleaseRow

IDS_MOST_BYTES = 2**28
INTEGERS = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Withdrawal:
    """A version without some entities. `found` of the `named` ids had rows: for the owner's eyes, kept nowhere.

    `releases`, `jobs` and `outputs` of code jobs left the node before and remain; `elsewhere` are the population's
    other datasets, and `mocks` the owner's own files of mock rows, with how many of them each still holds.
    """

    dataset: Dataset
    named: int
    found: int
    releases: tuple[str, ...]
    jobs: tuple[str, ...]
    elsewhere: tuple["Elsewhere", ...]
    mocks: tuple["Elsewhere", ...]
    outputs: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    """Code jobs whose outputs wait in the airlock: they were made with these entities' rows."""


@dataclass(frozen=True)
class Elsewhere:
    """Another place where some may be: `found` of them are; None where the node cannot look, and `why`."""

    name: str
    found: int | None
    why: str = ""


def withdraw(node: Node, name: str, ids: Path) -> Withdrawal:
    """Make a new version of a file-backed table without the entities whose ids a file holds, one a line.

    The node's own copies of the versions before are deleted. The owner's table is the owner's: it stays as it is.

    Raises:
        InvalidRequest: no such dataset, its units are rows, its table stays elsewhere, or none of the ids is in it.
        DatasetChanged: the file is not the one that was registered.
    """
    with node.database.reading() as session:
        found = catalog.named(session, name)
        session.expunge_all()
    source, entity = _source(found), str(found.card.entity)
    gone = _ids(ids, found)
    source.refuse_if_changed()
    version, there = node.warehouse.without(new_id(PREFIX_VERSION), source, entity, gone)
    if there == 0:
        version.file.path.unlink()
        with node.database.reading() as session:  # what an earlier withdrawal left when it was stopped half way
            delete_copies(node, session, found.shown())
        raise InvalidRequest(
            f"none of the {len(gone)} ids has rows in {name}, and nothing was changed; expected one id a line, as in "
            f"column {entity}",
            field="ids",
        )
    dataset = stored(node, version, found.card, consent=Consent(withdrawn=True))
    with node.database.reading() as session:
        return _reported(node, session, dataset, (len(set(gone)), there), ids)


def _source(found: Registered) -> Snapshot:
    name, source = found.dataset.name, snapshot(found)
    if isinstance(source, Linked):
        raise InvalidRequest(
            f"{name} stays in {source.link.engine}: make a view there without these entities, and register it as the "
            "next version: jali node dataset add VIEW --source SOURCE --snapshot NAME --card CARD",
            field="name",
        )
    if found.card.entity is None:
        raise InvalidRequest(
            f"each row of {name} is a unit of its own, and no column says whose it is: take the rows out of the table "
            "and register it as the next version: jali node dataset add TABLE --card CARD",
            field="name",
        )
    return source


def _ids(path: Path, found: Registered) -> list[str] | list[int]:
    """Return the ids of a file. What is wrong is named by its line, never by its content."""
    lines = documents.text(path, "ids", IDS_MOST_BYTES).splitlines()
    texts = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not texts:
        raise InvalidRequest("expected at least 1 id, got 0", field="ids")
    column = next(column for column in found.card.columns if column.name == found.card.entity)
    if column.type is not ColumnType.INTEGER:
        return [text for _, text in texts]
    return [_integer(text, number) for number, text in texts]


def _integer(text: str, line: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = INTEGERS.stop
    if value not in INTEGERS:
        raise InvalidRequest(f"line {line}: expected a whole number, as the column that names entities", field="ids")
    return value


def _reported(node: Node, session: Session, dataset: Dataset, counted: tuple[int, int], ids: Path) -> Withdrawal:
    releases = select(ReleaseRow.id).where(ReleaseRow.dataset_id == dataset.id).order_by(ReleaseRow.id)
    jobs = (
        select(JobRow.id)
        .join(JobRoundRow, JobRoundRow.job_id == JobRow.id)
        .where(JobRow.dataset_id == dataset.id, JobRoundRow.status == RoundStatus.DONE)
        .distinct()
        .order_by(JobRow.id)
    )
    people = [each for each in catalog.all_registered(session) if each.population.id == dataset.population.id]
    return Withdrawal(
        dataset,
        *counted,
        tuple(session.scalars(releases)),
        tuple(session.scalars(jobs)),
        tuple(_in_table(node, each, ids) for each in people if each.dataset.id != dataset.id),
        tuple(found for each in people for found in _in_mocks(session, each, ids)),
        *(_code(session, dataset, status) for status in (CodeStatus.RELEASED, CodeStatus.HELD)),
    )


def _code(session: Session, dataset: Dataset, status: CodeStatus) -> tuple[str, ...]:
    query = select(CodeJobRow.id).where(CodeJobRow.dataset_id == dataset.id, CodeJobRow.status == status)
    return tuple(session.scalars(query.order_by(CodeJobRow.id)))


def _in_table(node: Node, other: Registered, ids: Path) -> Elsewhere:
    """Look for them in another table of the same people."""
    name, source = other.dataset.name, snapshot(other)
    if isinstance(source, Linked):
        return Elsewhere(name, None, f"it stays in {source.link.engine}, where the node does not look")
    try:
        wanted = _ids(ids, other)
        source.refuse_if_changed()
        return Elsewhere(name, node.warehouse.holding(source, str(other.card.entity), wanted))
    except InvalidRequest:
        return Elsewhere(name, None, "its column of ids is of another type")
    except DatasetChanged:
        return Elsewhere(name, None, "its file is no longer the one that was registered")


def _in_mocks(session: Session, found: Registered, ids: Path) -> Iterator[Elsewhere]:
    """Look for them in the rows that the owner has written for a dataset, which are handed out to everybody."""
    rows = mocks.kept(session, found.version.id, MockKind.OWNER)
    if rows is None or found.card.entity not in rows.columns:
        return
    wanted = {line.strip() for line in documents.text(ids, "ids", IDS_MOST_BYTES).splitlines()}
    held = {str(cell) for cell in rows.columns[str(found.card.entity)] if cell is not None} & wanted
    if held:
        yield Elsewhere(found.dataset.name, len(held))
