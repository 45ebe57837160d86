"""Reading grants."""

import json

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali_node.tables import GrantRow


def for_question(session: Session, person_id: str, project_id: str, dataset_id: str) -> list[GrantRow]:
    """Return a person's grants for a dataset and project, newest first."""
    query = (
        select(GrantRow)
        .where(
            GrantRow.person_id == person_id,
            GrantRow.project_id == project_id,
            GrantRow.dataset_id == dataset_id,
        )
        .order_by(GrantRow.created_at.desc(), GrantRow.id.desc())
    )
    return list(session.scalars(query))


def names(stored: str | None) -> frozenset[str] | None:
    """Return a stored list of names, None for all."""
    return None if stored is None else frozenset(json.loads(stored))
