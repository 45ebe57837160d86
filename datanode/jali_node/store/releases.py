"""Reading releases."""

import json
from collections.abc import Sequence

from pydantic import TypeAdapter
from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from jali.wire.budget import PrivacyLoss
from jali.wire.dataset import Dataset
from jali.wire.money import from_fixed
from jali.wire.query import Question
from jali.wire.release import Noised, Release
from jali.wire.selection import Selection
from jali.wire.statistics import Statistic
from jali_node.tables import ReleaseRow

_STATISTIC: TypeAdapter[Statistic] = TypeAdapter(Statistic)
_OF_SAME_ROWS = (
    select(ReleaseRow)
    .where(
        ReleaseRow.version_id == bindparam("version"),
        ReleaseRow.rows == bindparam("rows"),
        ReleaseRow.project_id == bindparam("project"),
    )
    .order_by(ReleaseRow.asked.desc(), ReleaseRow.created_at)
)
_NOISE_OF_SAME_ROWS = _OF_SAME_ROWS.with_only_columns(ReleaseRow.id, ReleaseRow.noise)


def same_question_at(session: Session, version_id: str, question: str, asked: int) -> ReleaseRow | None:
    """Return the oldest release of one question on one dataset version at one price (1e-12), if there is one."""
    query = (
        select(ReleaseRow)
        .where(ReleaseRow.version_id == version_id, ReleaseRow.question == question, ReleaseRow.asked == asked)
        .order_by(ReleaseRow.created_at)
        .limit(1)
    )
    return session.scalars(query).one_or_none()


def noise_of_same_rows(session: Session, version_id: str, project_id: str, rows: str) -> Sequence[Row[str, str]]:
    """Return ids, and noise by measurement as JSON, of what `of_same_rows` returns."""
    return session.execute(_NOISE_OF_SAME_ROWS, {"version": version_id, "project": project_id, "rows": rows}).all()


def of_same_rows(session: Session, version_id: str, project_id: str, rows: str) -> Sequence[ReleaseRow]:
    """Return a project's releases about the same rows of one dataset version, the dearest first."""
    return session.scalars(_OF_SAME_ROWS, {"version": version_id, "project": project_id, "rows": rows}).all()


def of_project(session: Session, project_id: str) -> Sequence[ReleaseRow]:
    """Return a project's releases, the newest first."""
    query = select(ReleaseRow).where(ReleaseRow.project_id == project_id).order_by(ReleaseRow.created_at.desc())
    return session.scalars(query).all()


def shown(row: ReleaseRow, dataset: Dataset, left: float, *, repeated: bool, asked: Question | None = None) -> Release:
    """Return a release as it leaves. What came from a failure looks like any other.

    Args:
        asked: the question as it was asked this time, where it reads something else off the same measurements.
    """
    statistic: Statistic = asked.statistic if asked else _STATISTIC.validate_json(row.statistic)
    selection = asked.selection if asked else Selection.model_validate_json(row.selection)
    columns = {column.name: column for column in selection.columns(dataset.columns)}
    return Release(
        id=row.id,
        dataset=row.dataset_id,
        version=row.version_id,
        project=row.project_id,
        statistic=statistic,
        selection=selection,
        epsilon=from_fixed(row.asked),
        loss=PrivacyLoss.model_validate_json(row.loss),
        columns=tuple(columns[name] for name in dict.fromkeys(statistic.reads)),
        units=dataset.population.units,
        rows=dataset.size,
        measurements={name: Noised(**noised) for name, noised in json.loads(row.measurements).items()},
        created_at=row.created_at,
        repeated=repeated,
        left=left,
    )
