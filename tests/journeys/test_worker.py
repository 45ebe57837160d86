"""A worker is a process that may die: the round it was in runs again, has one reply, and one spend."""

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from torch import nn

from jali.training.graph import trace
from jali_node.actions.jobs.run_round import LEASE_S

pytestmark = pytest.mark.slow


@contextmanager
def worker(house: Any, worker_id: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a real worker beside the house until the block ends."""
    command = [sys.executable, "-m", "jali", "node", "worker", "--folder", str(house.folder), "--stop-with-parent"]
    with subprocess.Popen(
        command,
        env={**os.environ, "JALI_WORKER_ID": worker_id},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert "waiting for approved rounds" in process.stdout.readline()
            yield process
        finally:
            process.kill()


def approved_job(house: Any, steps: int) -> tuple[str, str]:
    """Submit and approve a job of one round; return its id and first weights."""
    graph, weights = trace(nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 1)), 4)
    training = {
        "dataset": house.dataset,
        "project": house.project,
        "purpose": "to test the house",
        "graph": graph.model_dump(mode="json"),
        "features": ["weight", "site"],
        "target": {"column": "age", "at_least": 50.0},
        "epsilon": 1.0,
        "rounds": 1,
        "steps": steps,
        "batch": 500,
        "learning_rate": 0.1,
        "clip_norm": 1.0,
    }
    text = base64.b64encode(weights).decode()
    job = house.post("/v1/jobs", {"training": training, "weights": text}).json()
    decision = {"digest": job["digest"], "outcome": "approved"}
    assert house.post(f"/v1/jobs/{job['id']}/decision", decision, house.owner).status_code == 200
    return job["id"], text


def until(what: Callable[[], Any], within_s: float) -> Any:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s} s")


@pytest.mark.parametrize("comes_back_as", ["worker-1", "worker-2"])
def test_a_worker_killed_in_a_round_leaves_a_job_that_runs_again_with_one_reply_and_one_spend(
    build_house: Any, comes_back_as: str
) -> None:
    house = build_house(cap=3.0)
    job, weights = approved_job(house, steps=1000)

    def round_is(status: str) -> bool:
        return bool(house.get(f"/v1/jobs/{job}/rounds/1").json()["status"] == status)

    with worker(house, "worker-1") as first:
        begun = house.post(f"/v1/jobs/{job}/rounds/1", {"run": "r", "weights": weights})
        assert begun.status_code == 200
        until(lambda: round_is("running"), 30)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert round_is("running")
    with worker(house, comes_back_as):
        until(lambda: round_is("done"), LEASE_S + 90)
    assert house.get(f"/v1/jobs/{job}").json()["status"] == "done"
    kinds = [entry["kind"] for entry in house.ledger()]
    assert kinds.count("spend.begun") == kinds.count("spend.committed") == 1
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_rounds_wait_for_a_worker_and_say_so(build_house: Any) -> None:
    house = build_house(cap=3.0)
    job, weights = approved_job(house, steps=2)
    waiting = house.post(f"/v1/jobs/{job}/rounds/1", {"run": "r", "weights": weights}).json()
    assert waiting["status"] == "queued"
    assert "jali node worker" in waiting["waiting_for"]
    with worker(house, "worker-1"):
        reply = until(lambda: house.get(f"/v1/jobs/{job}/rounds/1", wait_s=5).json()["weights"], 60)
    assert reply != weights
