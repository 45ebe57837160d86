"""Reading datasets and populations."""

import json
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from jali.wire.dataset import Card, Dataset, Population, PromiseEnd, UnitKind
from jali_node.errors import InvalidRequest, UnknownDataset
from jali_node.tables import DatasetRow, PopulationRow, ReleaseTimeRow, VersionRow


@dataclass(frozen=True)
class Registered:
    """A dataset, its current version and its population, as stored."""

    dataset: DatasetRow
    version: VersionRow
    population: PopulationRow

    @property
    def card(self) -> Card:
        """The public card of this version."""
        return _card(self.version.card)

    def shown(self) -> Dataset:
        """Return the dataset as the catalog shows it."""
        card = self.card
        return Dataset(
            id=self.dataset.id,
            version=self.version.id,
            name=self.dataset.name,
            title=card.title,
            description=card.description,
            population=Population(
                id=self.population.id,
                name=self.population.name,
                unit=UnitKind(self.population.unit),
                units=self.population.units,
                promise_ended=promise_end(self.population),
            ),
            columns=card.columns,
            entity=card.entity,
            max_rows=card.max_rows,
            rows=card.rows,
            pictures=card.pictures,
            hidden=self.dataset.hidden,
            withdrawn_at=self.dataset.withdrawn_at,
            code_jobs=self.dataset.code_jobs,
            one_job=self.dataset.one_job,
            registered_at=self.version.registered_at,
        )


def promise_end(row: PopulationRow) -> PromiseEnd | None:
    """Return where a population's promise ended, if it did."""
    if row.promise_ended_entry is None or row.promise_ended_at is None:
        return None
    return PromiseEnd(entry=row.promise_ended_entry, at=row.promise_ended_at)


@lru_cache(maxsize=256)
def _card(text: str) -> Card:
    return Card.model_validate(json.loads(text))


def registered(session: Session, dataset_id: str, *conditions: ColumnElement[bool]) -> Registered:
    """Return a dataset by its id, if it meets the conditions.

    Raises:
        UnknownDataset: there is none.
    """
    for found in _select(session, DatasetRow.id == dataset_id, *conditions):
        return found
    raise unknown()


def unknown() -> UnknownDataset:
    """Return what is said of a dataset that there is not, and of one that the caller may not know of."""
    return UnknownDataset("this node has no dataset of that id; list them with node.datasets", field="dataset")


def named(session: Session, name: str) -> Registered:
    """Return a dataset by its name, for the owner at the machine.

    Raises:
        InvalidRequest: there is none.
    """
    for found in _select(session, DatasetRow.name == name):
        return found
    known = ", ".join(session.scalars(select(DatasetRow.name).order_by(DatasetRow.name))) or "none"
    raise InvalidRequest(f"there is no dataset {name} (known: {known})", field="name")


def version(session: Session, version_id: str) -> Registered:
    """Return a dataset as it was in one of its versions, current or not."""
    found = session.get_one(VersionRow, version_id)
    dataset = session.get_one(DatasetRow, found.dataset_id)
    return Registered(dataset, found, session.get_one(PopulationRow, dataset.population_id))


def all_registered(session: Session, *conditions: ColumnElement[bool]) -> list[Registered]:
    """Return every dataset that meets the conditions, by name."""
    return _select(session, *conditions)


def late_answers(session: Session, dataset_id: str) -> int:
    """Return how many answers about any version of a dataset were not ready at their time."""
    late = select(func.sum(ReleaseTimeRow.late)).join(VersionRow, VersionRow.id == ReleaseTimeRow.version_id)
    return int(session.scalar(late.where(VersionRow.dataset_id == dataset_id)) or 0)


def _select(session: Session, *conditions: object) -> list[Registered]:
    query = (
        select(DatasetRow, VersionRow, PopulationRow)
        .join(VersionRow, VersionRow.id == DatasetRow.version_id)
        .join(PopulationRow, PopulationRow.id == DatasetRow.population_id)
        .where(*conditions)  # type: ignore[arg-type]
        .order_by(DatasetRow.name)
    )
    return [Registered(*row) for row in session.execute(query)]
