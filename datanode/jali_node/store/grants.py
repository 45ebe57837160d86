"""Reading grants."""

import json

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from jali_node.tables import GrantRow

_HELD = (
    select(GrantRow)
    .where(
        GrantRow.person_id == bindparam("person"),
        GrantRow.project_id == bindparam("project"),
        GrantRow.dataset_id == bindparam("dataset"),
    )
    .order_by(GrantRow.created_at.desc(), GrantRow.id.desc())
)


def held(session: Session, person_id: str, project_id: str, dataset_id: str) -> list[GrantRow]:
    """Return a person's grants for a dataset and project, newest first."""
    return list(session.scalars(_HELD, {"person": person_id, "project": project_id, "dataset": dataset_id}))


def names(stored: str | None) -> frozenset[str] | None:
    """Return a stored list of names, None for all."""
    return None if stored is None else frozenset(json.loads(stored))
