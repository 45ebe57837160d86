"""The worker: takes what was approved off the queue and runs it, each round in a process of its own.

Jali's own tables own every state, and a claim in them is a lease: several workers may share one node's database, and
what one of them leaves behind another takes over. DBOS drives what was claimed: restarted under its name, a worker
takes the unfinished round up again; with another worker, the lease's end does.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from jali_node.actions.code import run_code
from jali_node.actions.jobs import queue, run_round
from jali_node.errors import InvalidRequest, NodeUnavailable
from jali_node.node import Node
from jali_node.sandbox import cell, zygote
from jali_node.store import workers

POLL_S = 0.05
PAUSE_S = 2.0
BEAT_S = 3.0
WORKER_ID = "JALI_WORKER_ID"
log = logging.getLogger(__name__)
Workflow = Callable[..., bool]


def work(node: Node, ended: threading.Event, say: Callable[[str], None]) -> None:
    """Run what is approved until `ended` is set.

    Raises:
        InvalidRequest: another process works under this worker's name, or its sandbox is below the owner's tier.
    """
    worker_id = os.environ.get(WORKER_ID, "worker-1")
    tier = _tier(node)
    with _enlisted(node, worker_id, tier, ended, say):
        config: DBOSConfig = {
            "name": "jali-node",
            "system_database_url": _queue_url(node),
            "executor_id": worker_id,
            "application_version": "3",
            "log_level": "WARNING",
            "serializer": DBOSPortableJSONSerializer(),
        }
        DBOS(config=config)
        free = threading.Event()
        round_workflow, code_workflow = _workflows(node, free)
        DBOS.launch()
        threading.Thread(target=_load, daemon=True).start()
        say(f"{worker_id} of {node.settings.name} is waiting for approved rounds")
        try:
            while not ended.is_set():
                free.clear()
                if claimed := _claimed(node, worker_id, round_workflow, code_workflow):
                    name, workflow, arguments = claimed
                    with SetWorkflowID(name):
                        DBOS.start_workflow(workflow, *arguments)
                    while not ended.is_set() and not free.wait(POLL_S):
                        pass
                else:
                    ended.wait(POLL_S)
        finally:
            DBOS.destroy(workflow_completion_timeout_sec=0)


def _load() -> None:
    """Load what the first round would wait for: in the process that cells are forked from, and here."""
    zygote.rounds.start()
    from jali_node.sandbox import round  # noqa: F401


def _claimed(
    node: Node, worker_id: str, round_workflow: Workflow, code_workflow: Workflow
) -> tuple[str, Workflow, tuple[object, ...]] | None:
    """Claim the first thing that waits, and return what runs it; nothing while the node's database does not answer."""
    try:
        with node.database.reading() as session:
            if queue.is_empty(session):
                return None
        for job_id, number, attempt in run_round.waiting_rounds(node):
            if run_round.claim(node, job_id, number, attempt, worker_id):
                return f"{job_id}.{number}.{attempt}", round_workflow, (job_id, number, attempt)
        for job_id, attempt in run_code.waiting_code(node):
            if run_code.claim_code(node, job_id, attempt, worker_id):
                return f"{job_id}.{attempt}", code_workflow, (job_id, attempt)
    except NodeUnavailable as refused:
        log.warning("nothing is begun for now: %s", refused.detail)
        time.sleep(PAUSE_S)
    return None


def _workflows(node: Node, free: threading.Event) -> tuple[Workflow, Workflow]:
    one_at_a_time = threading.Lock()  # also where what was left unfinished is taken up beside what is claimed anew

    @DBOS.step(name="train")
    def train(job_id: str, number: int, attempt: int) -> bool:
        with one_at_a_time:
            log.info("round %d of %s, attempt %d", number, job_id, attempt)
            return run_round.run(node, job_id, number, attempt)

    @DBOS.step(name="run_code")
    def run(job_id: str, attempt: int) -> bool:
        with one_at_a_time:
            return run_code.run_code(node, job_id, attempt)

    @DBOS.workflow(name="train_round")
    def train_round(job_id: str, number: int, attempt: int) -> bool:
        try:
            return train(job_id, number, attempt)
        finally:
            free.set()

    @DBOS.workflow(name="code_job")
    def code_job(job_id: str, attempt: int) -> bool:
        try:
            return run(job_id, attempt)
        finally:
            free.set()

    workflows: Any = (train_round, code_job)
    return workflows  # type: ignore[no-any-return]


def _tier(node: Node) -> int:
    """Return the tier that rounds reach here.

    Raises:
        InvalidRequest: it is below the owner's; or no process can be started.
    """
    least = node.settings.sandbox_tier_min
    try:
        reached = cell.tier()
    except cell.SandboxFailed as error:
        raise InvalidRequest(f"no round can run on this machine: {error}", field="sandbox_tier_min") from None
    if reached < least:
        raise InvalidRequest(
            f"this machine's sandbox reaches tier {reached}, and sandbox_tier_min is {least}: start the worker on a "
            "machine that reaches it (`jali node doctor` says what is missing), or lower the setting",
            field="sandbox_tier_min",
        )
    return reached


@contextmanager
def _enlisted(
    node: Node, worker_id: str, tier: int, ended: threading.Event, say: Callable[[str], None]
) -> Iterator[None]:
    """Go by a name while the block runs, and be seen."""
    process = secrets.token_hex(16)
    _take(node, worker_id, process, tier, ended, say)
    left = threading.Event()

    def beat() -> None:
        while not left.wait(BEAT_S):
            try:
                with node.database.writing() as session:
                    mine = workers.beat(session, worker_id, process)
            except NodeUnavailable:
                continue
            if not mine:
                log.error("another process works as %s now: this one stops", worker_id)
                ended.set()
                return

    keeper = threading.Thread(target=beat, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        left.set()
        keeper.join()
        with suppress(NodeUnavailable), node.database.writing() as session:
            workers.leave(session, worker_id, process)


def _take(
    node: Node, worker_id: str, process: str, tier: int, ended: threading.Event, say: Callable[[str], None]
) -> None:
    """Take a name; where another process had it, wait until that one is known to be dead.

    Raises:
        InvalidRequest: it lives.
    """
    first = None
    while not ended.is_set():
        with node.database.writing() as session:
            other = workers.enlist(session, worker_id, process, socket.gethostname(), tier)
        if other is None:
            return
        if first is None:
            first = other.seen_at
            say(f"{worker_id} was seen at {first:%H:%M:%S} UTC on {other.host}: waiting whether it is seen again")
        elif other.seen_at > first:
            raise InvalidRequest(
                f"a worker named {worker_id} runs on {other.host} since {other.started_at:%Y-%m-%d %H:%M} UTC; give "
                f"this one a name of its own in {WORKER_ID}",
                field=WORKER_ID,
                host=other.host,
            )
        ended.wait(POLL_S)


def _queue_url(node: Node) -> str:
    """Return where DBOS keeps its own records: a file beside the node's database, or the same PostgreSQL."""
    if node.database.url.get_backend_name() == "sqlite":
        return f"sqlite:///{node.settings.folder / 'queue.db'}"
    return node.database.url.set(drivername="postgresql").render_as_string(hide_password=False)
