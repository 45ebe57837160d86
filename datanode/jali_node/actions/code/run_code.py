"""A code job on the node: claimed, recorded as begun, run in the sandbox, and its output put into the airlock.

A claim is a lease. Whoever holds the newest claim may fill the airlock, once; what an older one still computes is
destroyed. So where a worker died the function runs again: nothing had left, since nothing leaves but through a person.
"""

import json
import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from jali.wire.ids import PREFIX_OUTPUT, new_id
from jali.wire.jobs.code import CodeForm, CodeStatus
from jali.wire.output import Failure, Sealed, seal_of
from jali_node import leases
from jali_node.actions.code import code_job
from jali_node.actions.datasets.snapshots import snapshot
from jali_node.actions.wishes import tell
from jali_node.airlock import checks, seal
from jali_node.airlock.checks import Data
from jali_node.engine.engines import files_only
from jali_node.errors import CodeJobsOff, DatasetChanged, ExtraMissing, Frozen, InvalidRequest, JobChanged, ProjectEnded
from jali_node.ledger import unpriced
from jali_node.node import Node
from jali_node.policy import code_state
from jali_node.sandbox import cell, code
from jali_node.sandbox.cell import SandboxFailed
from jali_node.store import catalog, freezes, projects
from jali_node.store.catalog import Registered
from jali_node.tables import CodeJobRow, CodeOutputRow, EntryRow

LEASE_S = 15.0
ATTEMPTS_MAX = 3
"""So often a worker may die with a job; the next one puts a failure into the airlock and runs nothing."""
PUBLIC = (DatasetChanged, ExtraMissing, InvalidRequest, JobChanged, CodeJobsOff, ProjectEnded)
"""Why a job may fail before it begins: none of it is about rows."""
HELD = "request.held"
"""What owners are told, and nobody else: an output waits."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """What a claimed job is run with."""

    form: CodeForm
    registered: Registered
    attempt: int


def waiting_code(node: Node) -> list[tuple[str, int]]:
    """Return the code jobs that a worker may claim, each with the attempt that a claim would be, the oldest first.

    Approved ones that are frozen wait until they are not; those that run under a lease that has ended are taken over.
    """
    ended = or_(CodeJobRow.lease_until.is_(None), CodeJobRow.lease_until < datetime.now(UTC))
    due = (CodeJobRow.status == CodeStatus.APPROVED) | ((CodeJobRow.status == CodeStatus.RUNNING) & ended)
    with node.database.reading() as session:
        rows = session.scalars(select(CodeJobRow).where(due).order_by(CodeJobRow.decided_at, CodeJobRow.id)).all()
        return [(row.id, row.attempt + 1) for row in rows if not _frozen(session, row)]


def _frozen(session: Session, row: CodeJobRow) -> bool:
    if row.status != CodeStatus.APPROVED:
        return False  # it has begun
    account = catalog.version(session, row.version_id).population.account_id
    return freezes.first(session, [account], row.dataset_id) is not None


def claim_code(node: Node, job_id: str, attempt: int, worker_id: str) -> bool:
    """Take a job for `LEASE_S`, and record that it begins, if nobody has; return whether it is ours.

    Where it is no longer what was approved, or this machine's sandbox does not reach the tier, it fails before it
    begins. What was frozen meanwhile waits.
    """
    try:
        return _claimed(node, job_id, attempt, worker_id, _tier())
    except Frozen:
        return False


def _tier() -> int:
    try:
        return cell.tier()
    except SandboxFailed:
        return 0


def _claimed(node: Node, job_id: str, attempt: int, worker_id: str, reached: int) -> bool:
    with node.database.writing() as session:
        row = code_job.found(session, job_id, lock=True)
        if row is None or not _free(row, attempt):
            return False
        registered, form = catalog.version(session, row.version_id), code_job.form_of(row)
        if row.begun_entry is None:
            try:
                _refuse_before_it_begins(session, row, registered, form, reached)
            except PUBLIC as refused:
                row.status, row.reason = code_state.moved(CodeStatus(row.status), CodeStatus.FAILED), refused.detail
                return False
            people = registered.population
            run = unpriced.Run(row.id, row.digest, people.id, people.account_id, row.version_id)
            row.begun_entry = unpriced.begin(session, run, attempt)
            row.status = code_state.moved(CodeStatus(row.status), CodeStatus.RUNNING)
        row.attempt, row.worker_id = attempt, worker_id
        row.lease_until = datetime.now(UTC) + timedelta(seconds=LEASE_S)
        return True


def _refuse_before_it_begins(
    session: Session, row: CodeJobRow, registered: Registered, form: CodeForm, reached: int
) -> None:
    projects.refuse_if_ended(session, row.project_id)
    code_job.refuse_if_changed(row, code_job.reviewed(registered, form))
    files_only(snapshot(registered), "a code job").refuse_if_changed()
    if reached < code.TIER:
        raise InvalidRequest(
            f"code runs in a sandbox of tier {code.TIER} and nothing less; this worker's machine reaches {reached}"
        )


def _free(row: CodeJobRow, attempt: int) -> bool:
    if row.attempt + 1 != attempt:
        return False
    lease_ended = row.lease_until is None or row.lease_until < datetime.now(UTC)
    return row.status == CodeStatus.APPROVED or (row.status == CodeStatus.RUNNING and lease_ended)


def run_code(node: Node, job_id: str, attempt: int) -> bool:
    """Run a claimed job and put its output into the airlock; return whether this attempt's output is there.

    Whatever goes wrong once rows may have been read is an output, too: how it failed waits for a person like any other.
    """
    with node.database.reading() as session:
        row = session.get_one(CodeJobRow, job_id)
        begun = Begun(code_job.form_of(row), catalog.version(session, row.version_id), attempt)
    with leases.kept(lambda: _renewed(node, job_id, attempt)) as lost:
        sealed, found = _ran(node, begun, lost)
    return _held(node, job_id, attempt, sealed, found)


def _ran(node: Node, begun: Begun, stop: threading.Event) -> tuple[Sealed, list[dict[str, str]]]:
    """Return the output and what the checks found."""
    failed = Sealed(
        output=Failure(type=code.KILLED, message="the rows could not be read, or no worker outlived the run")
    )
    if begun.attempt > ATTEMPTS_MAX:
        return failed, []
    try:
        source = files_only(snapshot(begun.registered), "a code job")
        source.file.refuse_if_changed()
        by_name = {column.name: column for column in source.columns}
        columns = tuple(by_name[name] for name in begun.form.columns)
        rows = node.warehouse.rows(source, columns)
        sealed = Sealed(output=code.run(begun.form, columns, rows, stop).output)
        units = begun.registered.shown().size
        found = checks.checked(sealed.output, Data(columns, rows, units))
        return sealed, [check.model_dump(mode="json") for check in found]
    except Exception as error:
        log.warning("a code job could not be run: %s", type(error).__name__)
        return failed, []


def _held(node: Node, job_id: str, attempt: int, sealed: Sealed, found: list[dict[str, str]]) -> bool:
    now = datetime.now(UTC)
    with node.database.writing() as session:
        row = code_job.found(session, job_id, lock=True)
        if row is None or row.attempt != attempt or row.status != CodeStatus.RUNNING:
            return False  # somebody else's by now, filled before the worker died, or cancelled
        salt = seal.salt()
        output = CodeOutputRow(
            id=new_id(PREFIX_OUTPUT),
            job_id=job_id,
            seal=seal_of(row.digest, sealed.digest, salt),
            salt=salt,
            content=sealed.content,
            checks=json.dumps(found),
            held_at=now,
            held_until=_lapses(session, row, node.settings.airlock_days, now),
        )
        session.add(output)
        row.status, row.lease_until = code_state.moved(CodeStatus(row.status), CodeStatus.HELD), None
        session.flush()
        tell.owners(session, node, row, HELD)
        return True


def _lapses(session: Session, row: CodeJobRow, days: int, now: datetime) -> datetime:
    """Return when an output is destroyed that nobody decides about: by the clock of the chain, not by its own.

    The asker is told when that happens, and counted from the run's end it would say how long that took. A day is left
    at least, after an outage of days.
    """
    begun = session.get_one(EntryRow, row.begun_entry).at
    longest = timedelta(seconds=ATTEMPTS_MAX * (code_job.form_of(row).limits.wall_s + LEASE_S))
    return max(begun + longest + timedelta(days=days), now + timedelta(days=1))


def _renewed(node: Node, job_id: str, attempt: int) -> bool:
    with node.database.writing() as session:
        row = code_job.found(session, job_id, lock=True)
        if row is None or row.attempt != attempt or row.status != CodeStatus.RUNNING:
            return False
        row.lease_until = datetime.now(UTC) + timedelta(seconds=LEASE_S)
        return True
