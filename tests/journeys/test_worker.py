"""A worker is a process that may die: the round it was in runs again, has one reply, and one spend."""

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from jali.training.graph import trace
from jali_node.actions.jobs.run_round import LEASE_S
from jali_node.tables import JobRoundRow

pytestmark = pytest.mark.slow


@contextmanager
def worker(house: Any, worker_id: str, settings: dict[str, str] | None = None) -> Iterator["subprocess.Popen[str]"]:
    """Run a real worker beside the house until the block ends."""
    command = [sys.executable, "-m", "jali", "node", "worker", "--folder", str(house.folder), "--stop-with-parent"]
    with subprocess.Popen(
        command,
        env={**os.environ, "JALI_WORKER_ID": worker_id, **(settings or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = iter(process.stdout.readline, "")
            assert any("waiting for approved rounds" in line for line in said)
            yield process
        finally:
            process.kill()


def children(pid: int) -> set[int]:
    """Return the processes that a process has started and that live; Linux says whose each is."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.add(int(stat.parent.name))
    return found


def cells_of(pid: int) -> set[int]:
    """Return the cells of a worker: they are forked from a process that it has started."""
    return {cell for zygote in children(pid) for cell in children(zygote)}


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
        until(lambda: round_is("running"), 120)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert round_is("running")
    with worker(house, comes_back_as):
        until(lambda: round_is("done"), LEASE_S + 300)
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
        reply = until(lambda: house.get(f"/v1/jobs/{job}/rounds/1", wait_s=5).json()["weights"], 240)
    assert reply != weights


def other_worker(house: Any, worker_id: str, url: str) -> Any:
    return worker(house, worker_id, {"JALI_NODE_DATABASE_URL": url})


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_two_workers_one_takes_over_what_the_other_leaves_and_no_round_runs_in_both(
    build_house: Any, new_postgresql: Callable[[], str], kind: str
) -> None:
    house = build_house(cap=9.0, database_url=new_postgresql() if kind == "postgresql" else None)
    url = house.node.database.url.render_as_string(hide_password=False)
    jobs = [approved_job(house, steps=400) for _ in range(3)]

    def round_of(job: str) -> Any:
        with house.node.database.reading() as session:
            row = session.get_one(JobRoundRow, (job, 1))
            return row.status, row.worker_id, row.attempt

    with other_worker(house, "worker-1", url) as first, other_worker(house, "worker-2", url):
        for job, weights in jobs:
            assert house.post(f"/v1/jobs/{job}/rounds/1", {"run": "r", "weights": weights}).status_code == 200
        until(lambda: sorted(round_of(job)[0] for job, _ in jobs) == ["queued", "running", "running"], 240)
        [left] = [job for job, _ in jobs if round_of(job)[1] == "worker-1"]
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        until(lambda: all(round_of(job)[0] == "done" for job, _ in jobs), LEASE_S + 400)
    assert round_of(left)[1:] == ("worker-2", 2)
    assert [round_of(job)[2] for job, _ in jobs if job != left] == [1, 1]
    with other_worker(house, "worker-1", url):  # what it had begun is somebody else's, and stored, by now
        time.sleep(3)
    kinds = [entry["kind"] for entry in house.ledger()]
    assert kinds.count("spend.begun") == kinds.count("spend.committed") == len(jobs)
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_a_job_that_is_ended_while_it_trains_is_killed_and_what_it_had_begun_stays_spent(build_house: Any) -> None:
    house = build_house(cap=3.0)
    job, weights = approved_job(house, steps=20_000)
    with worker(house, "worker-1") as process:
        house.post(f"/v1/jobs/{job}/rounds/1", {"run": "r", "weights": weights})
        cells = until(lambda: cells_of(process.pid), 120)
        assert house.post(f"/v1/jobs/{job}/end", {}, house.owner).json()["status"] == "cancelled"
        until(lambda: not cells & cells_of(process.pid), 120)
        assert process.poll() is None
    assert house.get(f"/v1/jobs/{job}/rounds/1").json()["weights"] is None
    assert [entry["kind"] for entry in house.ledger()][-2:] == ["spend.settled", "job.ended"]


def test_a_second_worker_of_one_name_is_refused_by_its_name(build_house: Any) -> None:
    house = build_house()
    with worker(house, "worker-1"):
        command = [sys.executable, "-m", "jali", "node", "worker", "--folder", str(house.folder)]
        ran = subprocess.run(
            command, env={**os.environ, "JALI_WORKER_ID": "worker-1"}, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
    assert ran.returncode != 0
    assert "a worker named worker-1 runs on" in ran.stderr
    assert "JALI_WORKER_ID" in ran.stderr
