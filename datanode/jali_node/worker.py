"""The worker: takes approved rounds off the queue and trains them, each in a process of its own.

DBOS drives and remembers which step of which round was reached; Jali's own tables own every state. With one worker id
restarted, DBOS takes the unfinished round up again; with another worker, the lease's end does.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from jali_node.actions.code import run_code
from jali_node.actions.jobs import run_round
from jali_node.errors import NodeUnavailable
from jali_node.node import Node

QUEUE = "rounds"
POLL_S = 0.2
PAUSE_S = 2.0
WORKER_ID = "JALI_WORKER_ID"
log = logging.getLogger(__name__)


def work(node: Node, ended: threading.Event, say: Callable[[str], None]) -> None:
    """Train rounds until `ended` is set."""
    worker_id = os.environ.get(WORKER_ID, "worker-1")
    config: DBOSConfig = {
        "name": "jali-node",
        "system_database_url": _queue_url(node),
        "executor_id": worker_id,
        "application_version": "1",
        "log_level": "WARNING",
        "serializer": DBOSPortableJSONSerializer(),
    }
    DBOS(config=config)
    round_workflow = _workflow(node, worker_id, ended)
    code_workflow = _code_workflow(node, worker_id, ended)
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=1, polling_interval_sec=POLL_S)
    say(f"{worker_id} of {node.settings.name} is waiting for approved rounds")
    try:
        while not ended.is_set():
            for job_id, number, attempt in _waiting(node):
                with SetWorkflowID(f"{job_id}.{number}.{attempt}"):
                    DBOS.enqueue_workflow(QUEUE, round_workflow, job_id, number, attempt)
            for job_id, attempt in _waiting_code(node):
                with SetWorkflowID(f"{job_id}.{attempt}"):
                    DBOS.enqueue_workflow(QUEUE, code_workflow, job_id, attempt)
            ended.wait(POLL_S)
    finally:
        DBOS.destroy(workflow_completion_timeout_sec=0)


def _waiting(node: Node) -> list[tuple[str, int, int]]:
    """Return the rounds that may be claimed; none while the node's database does not answer."""
    try:
        return run_round.waiting_rounds(node)
    except NodeUnavailable as refused:
        log.warning("no round is begun for now: %s", refused.detail)
        return []


def _waiting_code(node: Node) -> list[tuple[str, int]]:
    try:
        return run_code.waiting_code(node)
    except NodeUnavailable as refused:
        log.warning("no code job is begun for now: %s", refused.detail)
        return []


def _as_soon_as_possible(ended: threading.Event, claim: Callable[[], bool]) -> bool:
    """Claim when the node can: the queue runs each claim once, and one that failed would never be run again.

    Raises:
        SystemExit: the worker is to stop; the queue takes the claim up when it comes back.
    """
    while not ended.is_set():
        try:
            return claim()
        except NodeUnavailable as refused:
            log.warning("no round is begun for now: %s", refused.detail)
            ended.wait(PAUSE_S)
    raise SystemExit


def _workflow(node: Node, worker_id: str, ended: threading.Event) -> Callable[[str, int, int], bool]:
    @DBOS.step(name="claim")
    def claim(job_id: str, number: int, attempt: int) -> bool:
        return _as_soon_as_possible(ended, lambda: run_round.claim(node, job_id, number, attempt, worker_id))

    @DBOS.step(name="train")
    def train(job_id: str, number: int, attempt: int) -> bool:
        started = time.monotonic()
        stored = run_round.run(node, job_id, number, attempt)
        log.info("round %d of %s took %.1f s", number, job_id, time.monotonic() - started)
        return stored

    @DBOS.workflow(name="train_round")
    def train_round(job_id: str, number: int, attempt: int) -> bool:
        return claim(job_id, number, attempt) and train(job_id, number, attempt)

    workflow: Any = train_round
    return workflow  # type: ignore[no-any-return]


def _code_workflow(node: Node, worker_id: str, ended: threading.Event) -> Callable[[str, int], bool]:
    @DBOS.step(name="claim_code")
    def claim(job_id: str, attempt: int) -> bool:
        return _as_soon_as_possible(ended, lambda: run_code.claim_code(node, job_id, attempt, worker_id))

    @DBOS.step(name="run_code")
    def run(job_id: str, attempt: int) -> bool:
        return run_code.run_code(node, job_id, attempt)

    @DBOS.workflow(name="code_job")
    def code_job(job_id: str, attempt: int) -> bool:
        return claim(job_id, attempt) and run(job_id, attempt)

    workflow: Any = code_job
    return workflow  # type: ignore[no-any-return]


def _queue_url(node: Node) -> str:
    """Return where DBOS keeps its own records: a file beside the node's database, or the same PostgreSQL."""
    if node.database.url.get_backend_name() == "sqlite":
        return f"sqlite:///{node.settings.folder / 'queue.db'}"
    return node.database.url.set(drivername="postgresql").render_as_string(hide_password=False)
