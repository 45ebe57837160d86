"""A round's weights arrive, once; asked again, the stored reply answers."""

import time

from sqlalchemy.orm import Session

from jali.wire.jobs.train import JobStatus, Metrics, Round, RoundForm, RoundStatus
from jali_node.actions.jobs import queue
from jali_node.actions.jobs.job_plan import frozen, governed, job_round, refuse_if_changed
from jali_node.errors import DecisionOutdated, InvalidRequest, UnknownResource
from jali_node.jobs import train
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy import job_state
from jali_node.store import freezes, projects
from jali_node.tables import JobRoundRow, JobRow

POLL_S = 0.03


def submit_round(node: Node, caller: Caller, job_id: str, number: int, form: RoundForm) -> Round:
    """Queue a round, or return where the same one stands already.

    Raises:
        UnknownResource: there is no such job, or it is somebody else's.
        InvalidRequest: the round is beyond those approved, or out of turn, or the weights do not fit the graph.
        DecisionOutdated: the job may not run, or the round was begun with other weights.
        ProjectEnded: no round of it begins any more.
        JobChanged: the job is not what was approved.
        Frozen: its account, its dataset or the node is, until an owner lifts it.
    """
    with node.database.writing() as session:
        job = governed(session, caller, job_id, lock=True)
        if JobStatus(job.status) not in (JobStatus.APPROVED, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE):
            raise DecisionOutdated(f"the job is {job.status}, so it takes no rounds", field="job", status=job.status)
        row = job_round(session, job_id, number)
        if row is None:
            approved = train.last_of(job.training)
            raise InvalidRequest(f"expected 1 <= round <= {approved}, as approved, got {number}", field="number")
        if row.digest is not None:
            if row.digest != form.digest:
                raise DecisionOutdated(f"round {number} was begun by another run or with other weights", field="run")
            return _shown(session, job, row)
        before = job_round(session, job_id, number - 1) if number > 1 else None
        if before is not None and before.status != RoundStatus.DONE:
            raise InvalidRequest(f"round {number - 1} is not done, so round {number} cannot begin", field="number")
        refuse_if_changed(job)
        projects.refuse_if_ended(session, job.project_id)
        _refuse_if_frozen(session, row)
        if form.weights is not None:
            train.check_weights(job.training, form.weights)
        _queue(job, row, form, form.weights or (job.weights if before is None else before.reply))
        session.flush()
        return _shown(session, job, row)


def show_round(node: Node, caller: Caller, job_id: str, number: int, wait_s: float) -> Round:
    """Return where a round stands; wait for its reply up to `wait_s` seconds.

    Raises:
        UnknownResource: there is no such job or round, or it is somebody else's.
        Frozen: it has not begun, and will not until an owner lifts the freeze.
    """
    end = time.monotonic() + wait_s
    while True:
        with node.database.reading() as session:
            job = governed(session, caller, job_id)
            row = session.get(JobRoundRow, (job.id, number))
            if row is None:
                raise UnknownResource("the job has no such round", field="number")
            shown = _shown(session, job, row)
            if shown.status is RoundStatus.QUEUED:
                _refuse_if_frozen(session, row)
        if shown.status is RoundStatus.DONE or JobStatus(job.status) in job_state.ENDED or time.monotonic() >= end:
            return shown
        time.sleep(POLL_S)


def _refuse_if_frozen(session: Session, row: JobRoundRow) -> None:
    if found := frozen(session, row):
        raise freezes.refusal(session, found)


def _queue(job: JobRow, row: JobRoundRow, form: RoundForm, weights: str | None) -> None:
    row.run, row.digest, row.weights, row.status = form.run, form.digest, weights, RoundStatus.QUEUED
    if job.status == JobStatus.APPROVED:
        job.status = job_state.moved(JobStatus(job.status), JobStatus.QUEUED)


def _shown(session: Session, job: JobRow, row: JobRoundRow) -> Round:
    status, measured = RoundStatus(row.status), bool(row.reply and row.reply.startswith("{"))  # base64 never does
    return Round(
        job=row.job_id,
        number=row.number,
        run=row.run or "",
        status=status,
        waiting_for=queue.round_waiting_for(session, job, row),
        weights=None if measured else row.reply,
        metrics=Metrics.model_validate_json(row.reply) if measured and row.reply else None,
    )
