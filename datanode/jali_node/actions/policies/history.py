"""The last requests as they were judged: facts and verdicts, never an answer. Dry runs read them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jali.wire.ids import PREFIX_JUDGED, new_id
from jali.wire.money import from_fixed, to_fixed
from jali.wire.policy import Effect
from jali_node.policy.conditions import Asked
from jali_node.policy.rules import Allow, AskOwner, Deny, Judgement, Ruling, Standing
from jali_node.tables import DatasetRow, JudgedRow, PersonRow, ProjectRow

KEPT = 1000
EFFECTS = {Allow: Effect.ALLOW, AskOwner: Effect.ASK, Deny: Effect.DENY}


@dataclass(frozen=True)
class Place:
    """Who asked, for which project, about which dataset, and when it was judged."""

    person_id: str
    project_id: str
    dataset_id: str
    at: datetime


def note_question(session: Session, place: Place, judgement: Judgement) -> None:
    """Note a question that was judged."""
    verdict = judgement.verdict
    _note(session, place, judgement.asked, judgement.standing, EFFECTS[type(verdict)], verdict.rule)


def note_job(session: Session, place: Place, asked: Asked, standing: Standing, said: Ruling) -> None:
    """Note a job that was judged."""
    _note(session, place, asked, standing, said.effect, said.rule)


def _note(session: Session, place: Place, asked: Asked, standing: Standing, effect: Effect, rule: str) -> None:
    """Store a judged request, and forget those before the last KEPT."""
    session.add(
        JudgedRow(
            id=new_id(PREFIX_JUDGED),
            person_id=place.person_id,
            project_id=place.project_id,
            dataset_id=place.dataset_id,
            statistic=asked.statistic,
            job_kind=asked.job_kind,
            columns=json.dumps(sorted(asked.columns)),
            epsilon=to_fixed(asked.epsilon),
            parameters=asked.parameters,
            total=None if asked.total is None else to_fixed(asked.total),
            cap=None if asked.cap is None else to_fixed(asked.cap),
            standing=standing,
            effect=effect,
            rule=rule,
            at=place.at,
        )
    )
    session.flush()
    beyond = session.scalars(select(JudgedRow.id).order_by(JudgedRow.id.desc()).offset(KEPT).limit(1)).one_or_none()
    if beyond is not None:
        session.execute(delete(JudgedRow).where(JudgedRow.id <= beyond))


def last(session: Session, count: int) -> Sequence[JudgedRow]:
    """Return the last requests, the newest first."""
    return session.scalars(select(JudgedRow).order_by(JudgedRow.id.desc()).limit(count)).all()


def asked_of(session: Session, row: JudgedRow) -> Asked:
    """Return a stored request's facts as they were, under the names that are known now."""
    person = session.get_one(PersonRow, row.person_id)
    return Asked(
        person=frozenset({person.id, person.name}),
        role=person.role,
        project=frozenset({row.project_id, session.get_one(ProjectRow, row.project_id).name}),
        dataset=frozenset({row.dataset_id, session.get_one(DatasetRow, row.dataset_id).name}),
        columns=frozenset(json.loads(row.columns)),
        epsilon=from_fixed(row.epsilon),
        statistic=row.statistic,
        job_kind=row.job_kind,
        parameters=row.parameters,
        total=None if row.total is None else from_fixed(row.total),
        cap=None if row.cap is None else from_fixed(row.cap),
    )
