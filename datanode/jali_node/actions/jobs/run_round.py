"""One round on the node: claimed, charged, trained in a process of its own, stored, and only then seen.

A claim is a lease. Whoever holds the newest claim may store a reply; what an older one still computes is destroyed. So
a round whose worker died runs again under its own spend, and one draw at most ever leaves.
"""

import base64
import logging
from datetime import UTC, datetime, timedelta

from jali.wire.jobs.train import JobStatus, RoundStatus, Training
from jali.wire.money import digest
from jali_node import leases
from jali_node.actions.datasets.snapshots import snapshot
from jali_node.actions.jobs import queue
from jali_node.actions.jobs.end_job import close_spends
from jali_node.actions.jobs.job_plan import frozen, job_round, refuse_if_changed, stored
from jali_node.engine.engines import files_only
from jali_node.errors import Frozen, JobChanged, ProjectEnded
from jali_node.jobs import train
from jali_node.ledger import book
from jali_node.node import Node
from jali_node.policy import job_state
from jali_node.store import projects, workers
from jali_node.tables import JobRoundRow, JobRow, SpendRow

LEASE_S = 15.0
log = logging.getLogger(__name__)


def waiting_rounds(node: Node) -> list[tuple[str, int, int]]:
    """Return the rounds that a worker may claim, in the order in which they are to go (see `queue.ORDER`).

    Each is job, number, and the attempt that a claim would be. A queued round that is frozen waits until it is not.
    """
    with node.database.reading() as session:
        rows = queue.due(session)
        return [(row.job_id, row.number, row.attempt + 1) for row in rows if frozen(session, row) is None]


def claim(node: Node, job_id: str, number: int, attempt: int, worker_id: str) -> bool:
    """Take a round for `LEASE_S`, and begin its spend if nobody has; return whether it is ours.

    A job that is not what was approved, or whose project is over, fails here before anything is begun. A round that
    was begun before the end goes on: its price is spent. What was frozen meanwhile waits, and so does what needs a
    sandbox of a higher tier than this worker's.
    """
    try:
        return _claimed(node, job_id, number, attempt, worker_id)
    except Frozen:
        return False


def _claimed(node: Node, job_id: str, number: int, attempt: int, worker_id: str) -> bool:
    with node.database.writing() as session:
        job = session.get_one(JobRow, job_id, with_for_update=True, populate_existing=True)
        row = job_round(session, job_id, number)
        if row is None or not _free(row, attempt) or JobStatus(job.status) in job_state.ENDED:
            return False
        if queue.refused_for_now(session, job) or workers.tier(session, worker_id) < node.settings.sandbox_tier_min:
            return False
        begun = session.get_one(SpendRow, row.spend_id).state != book.HELD
        try:
            refuse_if_changed(job)
            if not begun:
                projects.refuse_if_ended(session, job.project_id)
        except (JobChanged, ProjectEnded) as error:
            job.status, job.reason = job_state.moved(JobStatus(job.status), JobStatus.FAILED), error.detail
            close_spends(session, job_id)
            return False
        if not begun:
            book.begin(session, row.spend_id)
        row.attempt, row.worker_id, row.status = attempt, worker_id, RoundStatus.RUNNING
        row.lease_until = datetime.now(UTC) + timedelta(seconds=LEASE_S)
        if job.status == JobStatus.QUEUED:
            job.status = job_state.moved(JobStatus(job.status), JobStatus.RUNNING)
        return True


def _free(row: JobRoundRow, attempt: int) -> bool:
    if row.attempt + 1 != attempt:
        return False
    lease_ended = row.lease_until is None or row.lease_until < datetime.now(UTC)
    return row.status == RoundStatus.QUEUED or (row.status == RoundStatus.RUNNING and lease_ended)


def run(node: Node, job_id: str, number: int, attempt: int) -> bool:
    """Train a claimed round and store its reply; return whether this attempt's reply was stored.

    Whatever goes wrong once rows may have been read, the reply is the noised update of an empty table. Where the job is
    ended, or the round is somebody else's by now, its process is killed, and nothing is stored.
    """
    with node.database.reading() as session:
        job = session.get_one(JobRow, job_id)
        row = session.get_one(JobRoundRow, (job_id, number))
        if row.attempt != attempt or row.status != RoundStatus.RUNNING:
            return False  # a worker that came back is handed what it had; another one has taken it over
        training, found = Training.model_validate_json(job.training), stored(session, job)
        weights = base64.b64decode(row.weights or "")
    source, plan = files_only(snapshot(found.registered), "training"), found.plan
    key, entity = bytes.fromhex(found.registered.population.ranking_key), found.registered.card.entity
    work = train.Work(training, plan.of_round(number), weights, key, entity)
    measure = number > plan.rounds
    with leases.kept(lambda: _renewed(node, job_id, number, attempt)) as lost:
        try:
            source.file.refuse_if_changed()
            reply, failed = train.run(node.warehouse, source, work, measure=measure, stop=lost), False
        except Exception as error:
            if lost.is_set():
                return False
            log.warning("round %d of %s could not be trained: %s", number, job_id, type(error).__name__)
            reply, failed = train.run_of_nothing(work, measure=measure), True
    return _stored(node, job_id, number, attempt, reply, failed)


def _stored(node: Node, job_id: str, number: int, attempt: int, reply: str, failed: bool) -> bool:
    with node.database.writing() as session:
        job = session.get_one(JobRow, job_id, with_for_update=True, populate_existing=True)
        row = job_round(session, job_id, number)
        if row is None or row.attempt != attempt or row.status == RoundStatus.DONE:
            return False  # somebody else's by now, or stored before the worker died and was asked again
        if JobStatus(job.status) in job_state.ENDED:
            return False
        row.reply, row.from_failure = reply, failed
        row.status, row.done_at, row.lease_until = RoundStatus.DONE, datetime.now(UTC), None
        book.commit(session, row.spend_id, {"job": job_id, "round": number, "reply": digest(row.reply)})
        if number == train.last_of(job.training):
            job.status = job_state.moved(JobStatus(job.status), JobStatus.DONE)
        return True


def _renewed(node: Node, job_id: str, number: int, attempt: int) -> bool:
    """Renew the lease; return whether this attempt still has it, and the job goes on."""
    with node.database.writing() as session:
        row, job = job_round(session, job_id, number), session.get_one(JobRow, job_id)
        if row is None or row.attempt != attempt or JobStatus(job.status) in job_state.ENDED:
            return False
        row.lease_until = datetime.now(UTC) + timedelta(seconds=LEASE_S)
        return True
