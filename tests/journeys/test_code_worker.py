"""A code job from a notebook through a real worker, the airlock and a release; and one whose worker is killed."""

import os
import signal
from typing import Any

import pytest
from tests.journeys.test_worker import until, worker
from tests.node.test_code_jobs import allow, decide, kinds, submitted

from jali_node.actions.code.run_code import LEASE_S
from jali_node.sandbox import cell, code

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(cell.tier() < code.TIER, reason=f"this machine's sandbox does not reach {code.TIER}"),
]


def oldest(df: Any, wait: float = 0) -> Any:
    import math

    end = 0
    while wait and end < wait * 10_000_000:
        end += int(math.copysign(1, 1))
    return {"oldest": int(df.age.max())}


def test_what_a_notebook_submits_a_worker_runs_and_a_person_releases(build_house: Any) -> None:
    house = build_house()
    allow(house)
    visits, owner = house.sdk()["visits"], house.sdk(house.owner).owner
    job = visits.run_code(oldest, columns=["age"], purpose="to plan a ward")
    owner.decide_code(owner.code_jobs()[0], "approved")
    with worker(house, "worker-1"):
        held = until(lambda: next((each for each in owner.code_jobs() if each.status == "held"), None), 120)
        owner.release(owner.held(held), "one number over all")
        assert job.wait(60).result() == {"oldest": 100}
    assert owner.verify_ledger().valid


def test_a_worker_killed_while_code_runs_leaves_a_job_that_another_one_runs(build_house: Any) -> None:
    house = build_house()
    allow(house)
    slow = "def oldest(df):\n    end = 0\n    while end < 60_000_000:\n        end += 1\n    return int(df.age.max())"
    job = submitted(house, slow)
    assert decide(house, job).status_code == 200
    owner = house.sdk(house.owner).owner

    def status() -> str:
        return str(next(each for each in owner.code_jobs() if each.id == job["id"]).status)

    with worker(house, "worker-1") as process:
        until(lambda: status() == "running", 60)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert status() == "running"
    with worker(house, "worker-2"):
        until(lambda: status() == "held", LEASE_S + 120)
    assert kinds(house).count("code.begun") == 1
    assert house.get(f"/v1/code-jobs/{job['id']}/airlock", house.owner).json()["output"]["value"] == 100
