"""The coordinator: sends each round to all nodes, waits with a deadline, averages, and goes on.

It persists before it sends and after each reply, and nodes answer a repeated round with the stored reply; so a
coordinator that was killed goes on from its file to the identical model.
"""

import base64
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from safetensors.numpy import load, save

from jali import errors
from jali.training.runs import Run, RunFile
from jali.training.strategies import fedavg
from jali.transport import Transport
from jali.wire.jobs.train import Job, JobStatus, Round, RoundForm, RoundStatus

ENDED = (JobStatus.DENIED, JobStatus.WITHDRAWN, JobStatus.EXPIRED, JobStatus.FAILED, JobStatus.CANCELLED)
LONG_POLL_S = 10.0
Progress = Callable[[str, int, str], None]
"""Called with a node's name, a round's number, and what has happened."""


def run_rounds(
    transports: Mapping[str, Transport],
    file: RunFile,
    *,
    deadline_s: float,
    progress: Progress = lambda node, number, what: None,
) -> Run:
    """Carry a run to its end and return it.

    Args:
        transports: the way to each of the run's nodes.
        file: holds the run; it is saved before each step.
        deadline_s: how long one round may take.
        progress: told of each step.

    Raises:
        RoundPending: a node's reply did not come in time; the run stays, call again to go on.
        JobEnded: a node's owner denied or cancelled the job, or it failed.
        ProfileMissing: there is no run in the file.
    """
    run = file.load()
    if run is None:
        raise errors.InvalidRequest(f"there is no run in {file.path}", field="file")
    while not run.trained:
        run = _one_round(transports, file, run, deadline_s, progress)
        averaged = fedavg.average(
            [load(base64.b64decode(run.replies[node])) for node in run.jobs], [run.shares[node] for node in run.jobs]
        )
        run = run.with_average(base64.b64encode(save(dict(averaged))).decode())
        file.save(run)
    if not run.done:
        run = _one_round(transports, file, run, deadline_s, progress)
    return run


def _one_round(
    transports: Mapping[str, Transport], file: RunFile, run: Run, deadline_s: float, progress: Progress
) -> Run:
    """Have every node do its part: of a round, or of measuring once all rounds are averaged."""
    end = time.monotonic() + deadline_s
    missing = [node for node in run.jobs if node not in (run.metrics if run.trained else run.replies)]
    with ThreadPoolExecutor(max(1, len(missing))) as pool:
        asked = {
            node: pool.submit(_reply, transports[node], run, run.jobs[node], end, node, progress) for node in missing
        }
        for node, reply in asked.items():
            run = run.with_metrics(node, reply.result()) if run.trained else run.with_reply(node, reply.result())
            file.save(run)
    return run


def _reply(transport: Transport, run: Run, job: str, end: float, node: str, progress: Progress) -> str:
    """Return a node's weights, or its metrics as JSON."""
    form, again = RoundForm(run=run.id, weights=run.weights), "the run stays, go on with it later"
    state = done(
        transport, job, run.number, form, end, again, f"{node}: ", lambda what: progress(node, run.number, what)
    )
    reply = state.weights
    if run.trained:
        reply = None if state.metrics is None else state.metrics.model_dump_json()
    if reply is None:
        raise errors.UnexpectedReply(f"{node}: round {run.number} is done without a reply")
    return reply


def done(
    transport: Transport,
    job: str,
    number: int,
    form: RoundForm,
    end: float,
    again: str,
    where: str = "",
    progress: Callable[[str], None] = lambda what: None,
) -> Round:
    """Have one round done, or read its stored reply, and return it.

    Args:
        transport: the way to the node.
        job: its id there.
        number: the round's.
        form: what it begins with; the same form gets the same reply.
        end: when to stop waiting, by `time.monotonic`.
        again: what to do then.
        where: what messages begin with.
        progress: told of what has happened.

    Raises:
        RoundPending: it was not done in time.
        JobEnded: the job will not go on.
    """
    path = f"/v1/jobs/{job}/rounds/{number}"
    state = transport.post(path, form, Round)
    progress("sent")
    while state.status is not RoundStatus.DONE:
        left_s = end - time.monotonic()
        if left_s <= 0:
            raise errors.RoundPending(
                f"{where}round {number} is waiting for {state.waiting_for}; {again}",
                facts={"job": job, "round": number},
            )
        _refuse_if_ended(transport, job, where)
        wait_s = min(LONG_POLL_S, left_s)
        state = transport.get(path, Round, params={"wait_s": f"{wait_s:.1f}"}, timeout_s=wait_s + 20)
    progress("done")
    return state


def _refuse_if_ended(transport: Transport, job: str, where: str) -> None:
    state = transport.get(f"/v1/jobs/{job}", Job)
    if state.status in ENDED:
        raise errors.JobEnded(f"{where}the job was {state.status}. {state.reason}".strip(), facts={"job": job})
