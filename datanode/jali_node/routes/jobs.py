"""Training jobs and their rounds."""

from collections.abc import AsyncIterator
from time import monotonic
from typing import Annotated, Any

from anyio import sleep
from fastapi import APIRouter, Path, Query, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from jali.wire.jobs.train import (
    ROUNDS_MAX,
    Job,
    JobDecision,
    JobForm,
    JobPriority,
    JobProgress,
    JobQuote,
    Round,
    RoundForm,
)
from jali_node.actions.jobs.decide_job import decide_job
from jali_node.actions.jobs.end_job import end_job
from jali_node.actions.jobs.follow_job import follow_job
from jali_node.actions.jobs.pause_job import order_job, pause_job, resume_job
from jali_node.actions.jobs.show_jobs import list_jobs, show_job
from jali_node.actions.jobs.submit_job import quote_job, revise_job, submit_job
from jali_node.actions.jobs.submit_round import show_round, submit_round
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=PROBLEMS)
Number = Annotated[int, Path(ge=1, le=10 * ROUNDS_MAX)]
WAIT_MAX_S = 25.0
EVENT_STREAM, EVENT_POLL_S = "text/event-stream", 1.0
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events named `progress`", "content": {EVENT_STREAM: {"schema": {"type": "object"}}}}
}


@router.post("/quotes")
def quote(node: ServingNode, caller: SignedIn, form: JobForm) -> JobQuote:
    """Return a training's price. Free."""
    return quote_job(node, caller, form)


@router.post("", status_code=status.HTTP_201_CREATED)
def submit(node: ServingNode, caller: SignedIn, form: JobForm) -> Job:
    """File a wish to train."""
    return submit_job(node, caller, form)


@router.get("")
def jobs(node: ServingNode, caller: SignedIn) -> list[Job]:
    """Return one's own jobs; an owner sees all."""
    return list_jobs(node, caller)


@router.get("/{job_id}")
def job(node: ServingNode, caller: SignedIn, job_id: str) -> Job:
    """Return one job."""
    return show_job(node, caller, job_id)


@router.get("/{job_id}/events", response_class=StreamingResponse, responses=EVENTS)
async def events(node: ServingNode, caller: SignedIn, job_id: str) -> StreamingResponse:
    """Follow a job by server-sent events: one at once, and one whenever something has changed, until it ends.

    Each event's data is a `JobProgress`. The stream ends after a while, as its owner has set it: connect again.
    """
    first = await run_in_threadpool(follow_job, node, caller, job_id)
    return StreamingResponse(_events(node, caller, job_id, first), media_type=EVENT_STREAM)


async def _events(node: Node, caller: Caller, job_id: str, now: JobProgress) -> AsyncIterator[str]:
    end = monotonic() + node.settings.event_stream_s
    yield f"retry: {int(EVENT_POLL_S * 1000)}\n{_event(now)}"
    while not now.ended and monotonic() < end:
        await sleep(EVENT_POLL_S)
        before, now = now, await run_in_threadpool(follow_job, node, caller, job_id)
        yield _event(now) if now != before else ": still here\n\n"


def _event(progress: JobProgress) -> str:
    return f"event: progress\ndata: {progress.model_dump_json()}\n\n"


@router.post("/{job_id}/revisions", status_code=status.HTTP_201_CREATED)
def revise(node: ServingNode, caller: SignedIn, job_id: str, form: JobForm) -> Job:
    """Resubmit an undecided job as its next revision."""
    return revise_job(node, caller, job_id, form)


@router.post("/{job_id}/decision")
def decide(node: ServingNode, caller: SignedIn, job_id: str, decision: JobDecision) -> Job:
    """Approve, deny, or ask for changes; for owners and reviewers."""
    return decide_job(node, caller, job_id, decision)


@router.post("/{job_id}/end")
def end(node: ServingNode, caller: SignedIn, job_id: str) -> Job:
    """Withdraw a job before its decision, cancel it after."""
    return end_job(node, caller, job_id)


@router.post("/{job_id}/pause")
def pause(node: ServingNode, caller: SignedIn, job_id: str) -> Job:
    """Let no further round of a job begin until it is resumed."""
    return pause_job(node, caller, job_id)


@router.post("/{job_id}/resume")
def resume(node: ServingNode, caller: SignedIn, job_id: str) -> Job:
    """Let a paused job go on."""
    return resume_job(node, caller, job_id)


@router.put("/{job_id}/priority")
def order(node: ServingNode, caller: SignedIn, job_id: str, form: JobPriority) -> Job:
    """Say how early a job goes among those that wait; for owners."""
    return order_job(node, caller, job_id, form.priority)


@router.post("/{job_id}/rounds/{number}")
def begin_round(node: ServingNode, caller: SignedIn, job_id: str, number: Number, form: RoundForm) -> Round:
    """Queue a round; sent again, it is the same round."""
    return submit_round(node, caller, job_id, number, form)


@router.get("/{job_id}/rounds/{number}")
def round_so_far(
    node: ServingNode,
    caller: SignedIn,
    job_id: str,
    number: Number,
    wait_s: Annotated[float, Query(ge=0, le=WAIT_MAX_S)] = 0.0,
) -> Round:
    """Return a round; wait up to `wait_s` seconds for its reply."""
    return show_round(node, caller, job_id, number, wait_s)
