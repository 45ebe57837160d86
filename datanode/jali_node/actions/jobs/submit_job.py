"""A wish to train reaches the owners; before that, what it would cost."""

import json
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from jali.wire.discussion import Happened
from jali.wire.ids import PREFIX_JOB, new_id
from jali.wire.jobs.train import Job, JobForm, JobQuote, JobStatus
from jali.wire.policy import Effect
from jali_node import audit
from jali_node.actions.jobs import tiers
from jali_node.actions.jobs.decide_job import approve_by_rule
from jali_node.actions.jobs.job_plan import Planned, fits, planned, quoted, shown
from jali_node.actions.jobs.judge_job import JudgedJob, judge_job
from jali_node.actions.policies import history
from jali_node.actions.wishes import revise, subject
from jali_node.actions.wishes.tell import tell
from jali_node.errors import ExtraMissing, InvalidRequest, UnknownResource
from jali_node.jobs import train
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.people.sight import seen
from jali_node.policy import job_state
from jali_node.store import catalog, projects
from jali_node.tables import JobRow


def quote_job(node: Node, caller: Caller, form: JobForm) -> JobQuote:
    """Return what a training would cost. Free; no row is read, nothing is written.

    Raises:
        Refused: as submitting it would be.
    """
    caller.must_belong_to(form.training.project)
    with node.database.reading() as session:
        projects.refuse_if_ended(session, form.training.project)
        tiers.refuse_if_too_low(session, node)
        found = planned(session, seen(session, caller, form.training.dataset), form.training)
        judge_job(session, caller.id, found, form.training).refuse_if_denied()
        return quoted(session, found, form.training)


def submit_job(node: Node, caller: Caller, form: JobForm) -> Job:
    """Store a wish to train, checked as far as this node can check it, and return it.

    Where a rule of the policy allows it, and there is room for it, it is approved at once; else a person decides.

    Raises:
        AccessDenied, ProjectEnded, UnknownDataset: not for this person or project, or a rule says no.
        GraphRefused: the model or its weights are not what a node takes.
        UnknownColumn, WrongColumnType, BoundsUnknown, InvalidRequest, EpsilonTooSmall: it does not fit the card.
    """
    caller.must_belong_to(form.training.project)
    judged = _judged(node, caller, form)
    with node.database.writing() as session:
        row = JobRow(
            id=new_id(PREFIX_JOB),
            dataset_id=form.training.dataset,
            project_id=form.training.project,
            person_id=caller.id,
            revision=1,
            status=JobStatus.SUBMITTED,
            created_at=datetime.now(UTC),
            reason="",
        )
        found = _write(session, row, form)
        row.digest = subject.bound(row)
        subject.wait_anew(row, node.settings)
        session.add(row)
        session.flush()
        audit.record(
            session,
            audit.JOB_SUBMITTED,
            job=row.id,
            digest=row.digest,
            person=caller.id,
            project=row.project_id,
            version=row.version_id,
            **subject.binding(row),
        )
        tell(session, node, row, Happened.FILED, caller)
        return _waiting(session, node, row, found, judged)


def revise_job(node: Node, caller: Caller, job_id: str, form: JobForm) -> Job:
    """Replace an undecided job of one's own by its next revision, checked and planned anew.

    Raises:
        UnknownResource: there is no such job, or it is somebody else's.
        DecisionOutdated: it was decided, or has lapsed.
        InvalidRequest: nothing differs, or it is for another dataset or project.
        Refused: as submitting it would be.
    """
    caller.must_belong_to(form.training.project)
    judged = _judged(node, caller, form)
    with node.database.writing() as session:
        row = subject.own(session, caller, job_id)
        if not isinstance(row, JobRow):
            raise UnknownResource("there is no such job, or it is not yours", field="job")
        status = job_state.moved(JobStatus(row.status), JobStatus.SUBMITTED)
        for field, before in (("dataset", row.dataset_id), ("project", row.project_id)):
            if getattr(form.training, field) != before:
                raise InvalidRequest(f"a revision keeps its {field}: expected {before}; submit a new job", field=field)
        new = JobRow(id=row.id, person_id=row.person_id, dataset_id=row.dataset_id, project_id=row.project_id)
        found = _write(session, new, form)
        revise.keep(session, node, row, subject.bound(new))
        for name in ("version_id", "training", "weights", "plan"):
            setattr(row, name, getattr(new, name))
        row.status = status
        session.flush()
        tell(session, node, row, Happened.RESUBMITTED, caller)
        return _waiting(session, node, row, found, judged)


def _write(session: Session, row: JobRow, form: JobForm) -> Planned:
    """Make a row ask for this training, checked and planned for the dataset's newest version."""
    registered = catalog.registered(session, form.training.dataset)
    found = planned(session, registered, form.training)
    train.review(form, registered.card.columns)
    row.version_id = registered.version.id
    row.training, row.weights = form.training.model_dump_json(), form.weights
    row.plan = json.dumps(found.plan.record())
    return found


def _waiting(session: Session, node: Node, row: JobRow, found: Planned, judged: JudgedJob) -> Job:
    """Return a job that waits for a person, or has been approved where a rule allows it."""
    if judged.ruling.effect is Effect.ALLOW and _can_run(session, found):
        approve_by_rule(session, node, row, judged.ruling)
    return shown(session, row)


def _judged(node: Node, caller: Caller, form: JobForm) -> JudgedJob:
    """Judge a job and note it, whatever is said: what is refused is noted too."""
    with node.database.writing() as session:
        projects.refuse_if_ended(session, form.training.project)
        tiers.refuse_if_too_low(session, node)
        found = planned(session, seen(session, caller, form.training.dataset), form.training)
        judged = judge_job(session, caller.id, found, form.training)
        history.note_job(session, judged.place, judged.asked, judged.standing, judged.ruling)
    judged.refuse_if_denied()
    return judged


def _can_run(session: Session, found: Planned) -> bool:
    """Say whether the node can train, and the account has room; what cannot run yet waits for a person."""
    try:
        train.refuse_if_this_node_cannot_train()
    except ExtraMissing:
        return False
    return fits(session, found)
