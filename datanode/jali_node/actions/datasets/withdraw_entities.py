"""Entities withdraw their consent: the next version of the table is without them, on the same account.

What was released before remains, and is listed. The ids stay in the owner's file: they enter no record, log or message.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.dataset import ColumnType, Dataset
from jali.wire.ids import PREFIX_VERSION, new_id
from jali.wire.jobs.train import RoundStatus
from jali_node import documents
from jali_node.actions.datasets.register_dataset import stored
from jali_node.actions.datasets.snapshots import snapshot
from jali_node.engine.linked import Linked
from jali_node.engine.warehouse import Snapshot
from jali_node.errors import InvalidRequest
from jali_node.node import Node
from jali_node.store import catalog
from jali_node.store.catalog import Registered
from jali_node.tables import DatasetRow, JobRoundRow, JobRow, ReleaseRow, VersionRow

IDS_MOST_BYTES = 2**28
INTEGERS = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Withdrawal:
    """A version without some entities. `found` of the `named` ids had rows: for the owner's eyes, kept nowhere.

    `releases` and `jobs` left the node before and remain; `same_people` are the other datasets of the population.
    """

    dataset: Dataset
    named: int
    found: int
    releases: tuple[str, ...]
    jobs: tuple[str, ...]
    same_people: tuple[str, ...]


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
            _delete_copies(node, session, found.shown())
        raise InvalidRequest(
            f"none of the {len(gone)} ids has rows in {name}, and nothing was changed; expected one id a line, as in "
            f"column {entity}",
            field="ids",
        )
    dataset = stored(node, version, found.card, withdrawn=True)
    with node.database.reading() as session:
        _delete_copies(node, session, dataset)
        return _reported(session, dataset, len(set(gone)), there)


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


def _delete_copies(node: Node, session: Session, dataset: Dataset) -> None:
    """Delete the node's own copies of the versions before: they hold the rows of whoever withdrew."""
    folder = node.settings.folder / "snapshots"
    before = select(VersionRow.id).where(VersionRow.dataset_id == dataset.id, VersionRow.id != dataset.version)
    for version in session.scalars(before):
        for copy in (folder / f"{version}.parquet", folder / f"{version}.bounded.parquet"):
            copy.unlink(missing_ok=True)


def _reported(session: Session, dataset: Dataset, named: int, found: int) -> Withdrawal:
    releases = select(ReleaseRow.id).where(ReleaseRow.dataset_id == dataset.id).order_by(ReleaseRow.id)
    jobs = (
        select(JobRow.id)
        .join(JobRoundRow, JobRoundRow.job_id == JobRow.id)
        .where(JobRow.dataset_id == dataset.id, JobRoundRow.status == RoundStatus.DONE)
        .distinct()
        .order_by(JobRow.id)
    )
    others = select(DatasetRow.name).where(
        DatasetRow.population_id == dataset.population.id, DatasetRow.id != dataset.id
    )
    return Withdrawal(
        dataset,
        named,
        found,
        tuple(session.scalars(releases)),
        tuple(session.scalars(jobs)),
        tuple(session.scalars(others.order_by(DatasetRow.name))),
    )
