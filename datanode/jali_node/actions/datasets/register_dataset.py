"""Taking a table in: its card says what is public, its population says whose budget it spends."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.dataset import Card, Dataset, UnitKind
from jali.wire.ids import PREFIX_DATASET, PREFIX_VERSION, new_id
from jali.wire.money import digest
from jali_node import audit, documents
from jali_node.actions.budgets.open_population import two_digits
from jali_node.actions.datasets.bring_back import earlier, refuse
from jali_node.actions.datasets.copies import delete_copies
from jali_node.actions.datasets.snapshots import address
from jali_node.actions.datasets.twins import twin_of
from jali_node.engine.bounded import Bound
from jali_node.engine.file import File, suffix_of
from jali_node.engine.linked import POSTGRESQL, SPARK, Link, Linked
from jali_node.engine.warehouse import Snapshot
from jali_node.errors import InvalidRequest
from jali_node.node import Node
from jali_node.store import catalog, mocks
from jali_node.tables import DatasetRow, PopulationRow, VersionRow


def read_card(path: Path, which_population: Callable[[], str] | None = None) -> Card:
    """Return a card from TOML: `name`, `title`, `population`, and one `[columns.NAME]` table a column.

    Where it names no population, `which_population` is asked.

    Raises:
        InvalidRequest: it is not TOML, or a field is wrong; the field is named.
    """
    content = documents.toml(path, "card")
    columns = content.get("columns")
    if not isinstance(columns, dict):
        raise InvalidRequest(f"{path}: expected one [columns.NAME] table for each column, got none", field="columns")
    if which_population is not None and "population" not in content:
        content["population"] = which_population()
    for name, facts in columns.items():
        if not isinstance(facts, dict):
            raise InvalidRequest(f"{path}: expected a table [columns.{name}], got a value", field=f"columns.{name}")
    named = [{"name": name, **facts} for name, facts in columns.items()]
    pictures = content.get("pictures", {})
    if not isinstance(pictures, dict) or not all(isinstance(facts, dict) for facts in pictures.values()):
        raise InvalidRequest(f"{path}: expected one [pictures.NAME] table for each column of them", field="pictures")
    shown = [{"name": name, **facts} for name, facts in pictures.items()]
    try:
        return Card.model_validate({**content, "columns": named, "pictures": shown})
    except ValidationError as error:
        field, said = documents.complaint(error)
        raise InvalidRequest(f"{path}: {said}", field=_by_name(field, content) or "card") from error


def _by_name(field: str, content: Mapping[str, Any]) -> str:
    """Return a field as the card's author wrote it: `columns.age.lower`, not the age column's number.

    >>> _by_name("columns.0.lower", {"columns": {"age": {"lower": "x"}}})
    'columns.age.lower'
    """
    parts = field.split(".")
    if len(parts) > 1 and parts[0] in ("columns", "pictures") and parts[1].isdigit():
        parts[1] = list(content[parts[0]])[int(parts[1])]
    return ".".join(parts)


@dataclass(frozen=True)
class Consent:
    """What the owner says of people who withdrew: `withdrawn`, that they have been taken out of this version;
    `bring_back`, that they may be in it again.
    """

    withdrawn: bool = False
    bring_back: bool = False


NOTHING_SAID = Consent()


def register_dataset(node: Node, table: Path, card: Card, consent: Consent = NOTHING_SAID) -> Dataset:
    """Register a table under a card, as a new dataset or as the next version of the dataset of that name.

    A new version spends from the same population's account as all before it.

    Raises:
        InvalidRequest: unknown population, another population than before, a file that the card does not fit, or a
            table from which people have withdrawn.
    """
    version_id, bound = new_id(PREFIX_VERSION), _checked(node, card)
    source = _source(table)
    _refuse_to_bring_back(node, card, source, consent)
    version = node.warehouse.register(version_id, table, card.columns, bound, card.pictures)
    return stored(node, version, card, consent=consent, source=source)


def link_dataset(
    node: Node,
    source: str,
    table: str,
    card: Card,
    snapshot: str = "",
    scratch: str | None = None,
    consent: Consent = NOTHING_SAID,
) -> Dataset:
    """Register a table that stays in another engine: nothing but aggregates ever comes from there.

    Args:
        source: the owner's name for a database in the settings, or `spark`.
        table: `schema.table` or a view there; for Spark a Parquet file or folder.
        card: what is public of it.
        snapshot: what the owner calls this state of it. A table that changes is given as a view of one state: a change
            cannot be noticed from here.
        scratch: a schema of the source in which the rows that are read of entities are written down.

    Raises:
        ExtraMissing, InvalidRequest: it cannot be read there with the declared columns; or as `register_dataset`.
    """
    if card.pictures:
        raise InvalidRequest(
            f"pictures are read from files of this node alone, since models are trained on those; the card declares "
            f"{len(card.pictures)}: leave them out, or register a Parquet file",
            field="pictures",
        )
    link = Link(SPARK if source == SPARK else POSTGRESQL, source, table, snapshot)
    bound, given = _checked(node, card), hashlib.sha256(address(link).encode()).hexdigest()
    _refuse_to_bring_back(node, card, given, consent)
    version = node.engines.link(new_id(PREFIX_VERSION), link, card.columns, bound, scratch)
    return stored(node, version, card, consent=consent, source=given)


def _source(table: Path) -> str:
    suffix_of(table)
    try:
        return File.of(table.resolve()).sha256
    except OSError as error:
        raise InvalidRequest(f"the file cannot be read ({type(error).__name__})", field="table") from error


def _refuse_to_bring_back(node: Node, card: Card, source: str, consent: Consent) -> None:
    """Refuse a table from which people have withdrawn, and a withdrawal that takes nobody out."""
    with node.database.reading() as session:
        if not consent.bring_back and (found := earlier(session, _population(session, card).id, source)):
            raise refuse(found)
        if not consent.withdrawn:
            return
        now = catalog.named(session, card.name).version
        if source in (now.sha256, now.source_sha256):
            raise InvalidRequest(
                f"this is the very table that {card.name} has now, so nobody was taken out of it", field="table"
            )


def _checked(node: Node, card: Card) -> Bound | None:
    """Hold a card against its population; return how many rows of whom are read."""
    with node.database.reading() as session:
        population = _population(session, card)
        _refuse_another_unit(population, card)
        return _bound(population, card)


def stored(
    node: Node,
    version: Snapshot | Linked,
    card: Card,
    *,
    consent: Consent = NOTHING_SAID,
    source: str | None = None,
) -> Dataset:
    """Make a table's present state the dataset's current version; say whether people have withdrawn from it."""
    version_id = version.version
    if card.rows is not None:
        card = card.model_copy(update={"rows": two_digits(card.rows)})
    with node.database.writing() as session:
        back = earlier(session, _population(session, card).id, source) if source else None
        dataset = _dataset(session, card, version_id)
        session.add(_version(version, dataset.id, card, source))
        session.flush()
        audit.record(
            session,
            audit.DATASET_REGISTERED,
            dataset=dataset.id,
            version=version_id,
            population=dataset.population_id,
            card=digest(card.model_dump(mode="json")),
        )
        if consent.withdrawn:
            dataset.withdrawn_at = datetime.now(UTC)
            session.flush()
            mocks.forget_owners(session, dataset.id)
            audit.record(session, audit.DATASET_WITHDRAWN, dataset=dataset.id, version=version_id)
        elif back is not None:
            dataset.withdrawn_at = None  # the card would say that they are not in it
            session.flush()
            audit.record(
                session, audit.DATASET_BROUGHT_BACK, dataset=dataset.id, version=version_id, earlier=back.version
            )
        registered = catalog.registered(session, dataset.id)
    if consent.withdrawn:
        with node.database.reading() as session:
            delete_copies(node, session, registered.shown())
    if node.settings.timed_release:
        twin_of(node, registered)
    return registered.shown()


def _population(session: Session, card: Card) -> PopulationRow:
    found = session.scalars(select(PopulationRow).where(PopulationRow.name == card.population)).one_or_none()
    if found is None:
        known = ", ".join(session.scalars(select(PopulationRow.name).order_by(PopulationRow.name))) or "none"
        raise InvalidRequest(
            f"there is no population {card.population} (known: {known}); open it with jali node population add. Name "
            "the same one for every table about the same people: a second one would promise them a second budget",
            field="population",
        )
    return found


def _refuse_another_unit(population: PopulationRow, card: Card) -> None:
    """Raise InvalidRequest where card and population disagree about what one unit is."""
    if population.unit == UnitKind.ENTITY and card.entity is None:
        raise InvalidRequest(
            f"a unit of population {population.name} is an entity: say with entity and max_rows which column names it, "
            "and how many rows of each are read",
            field="entity",
        )
    if population.unit == UnitKind.ROW and card.entity is not None:
        raise InvalidRequest(
            f"a unit of population {population.name} is a row; a table of entities needs a population of entities",
            field="entity",
        )


def _bound(population: PopulationRow, card: Card) -> Bound | None:
    """Return how many rows of whom are read; None where each row is a unit of its own."""
    if card.entity is None or card.max_rows is None:
        return None
    return Bound(card.entity, card.max_rows, bytes.fromhex(population.ranking_key))


def _dataset(session: Session, card: Card, version_id: str) -> DatasetRow:
    population = _population(session, card)
    dataset = session.scalars(select(DatasetRow).where(DatasetRow.name == card.name).with_for_update()).one_or_none()
    if dataset is None:
        dataset = DatasetRow(
            id=new_id(PREFIX_DATASET),
            name=card.name,
            population_id=population.id,
            version_id=version_id,
            created_at=datetime.now(UTC),
        )
        session.add(dataset)
        return dataset
    if dataset.population_id != population.id:
        raise InvalidRequest(
            f"dataset {card.name} belongs to another population already; its versions cannot leave it",
            field="population",
        )
    dataset.version_id = version_id
    return dataset


def _version(version: Snapshot | Linked, dataset_id: str, card: Card, source: str | None) -> VersionRow:
    if isinstance(version, Linked):
        path, file = address(version.link), File(Path(), "", 0, 0)
    else:
        path, file = str(version.file.path), version.file
    return VersionRow(
        id=version.version,
        dataset_id=dataset_id,
        card=json.dumps(card.model_dump(mode="json")),
        path=path,
        sha256=file.sha256,
        size=file.size,
        mtime_ns=file.mtime_ns,
        source_sha256=source,
        registered_at=datetime.now(UTC),
    )
