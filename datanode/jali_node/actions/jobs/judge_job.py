"""A job's facts, held against grants and the policy. Only a rule allows a job without a person."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from jali.wire.jobs.train import Training
from jali.wire.money import from_fixed
from jali.wire.policy import Effect
from jali_node.actions.jobs.job_plan import Planned, price_of
from jali_node.actions.policies.history import Place
from jali_node.actions.queries.judge import grant_of
from jali_node.errors import AccessDenied
from jali_node.policy import rules
from jali_node.policy.conditions import Asked
from jali_node.policy.rules import Ruling, Standing
from jali_node.store import clock, grants, policies
from jali_node.tables import PersonRow, ProjectRow


@dataclass(frozen=True)
class JudgedJob:
    """A job's facts, and what is said to it."""

    place: Place
    asked: Asked
    standing: Standing
    ruling: Ruling

    def refuse_if_denied(self) -> None:
        """Raise AccessDenied where a rule says no, or a grant is for other jobs."""
        if self.ruling.effect is Effect.DENY:
            raise AccessDenied(self.ruling.reason, field="training", rule=self.ruling.rule)


def judge_job(session: Session, person_id: str, found: Planned, training: Training) -> JudgedJob:
    """Judge a planned training of somebody's, by the policy in force."""
    person, now = session.get_one(PersonRow, person_id), clock.now(session)
    dataset = found.registered.dataset
    asked = Asked(
        person=frozenset({person.id, person.name}),
        role=person.role,
        project=frozenset({training.project, session.get_one(ProjectRow, training.project).name}),
        dataset=frozenset({dataset.id, dataset.name}),
        columns=frozenset(training.columns),
        epsilon=from_fixed(price_of(found)),
        job_kind=training.kind,
        parameters=training.graph.parameter_count,
    )
    held = [grant_of(session, row) for row in grants.held(session, person.id, training.project, dataset.id)]
    standing, ruling = rules.decide_job(held, asked, now, policies.in_force(session))
    return JudgedJob(Place(person.id, training.project, dataset.id, now), asked, standing, ruling)
