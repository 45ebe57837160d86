"""Which round goes next, what stops a job for a while, and what is ended because nobody lets it go on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from tests.node.test_jobs import begin, decide, form, submitted

from jali.wire.jobs.train import JobProgress
from jali.wire.person import Role
from jali_node.actions.jobs import run_round
from jali_node.actions.jobs.end_overdue import end_overdue
from jali_node.actions.jobs.follow_job import follow_job
from jali_node.jobs import train
from jali_node.people.caller import Caller
from jali_node.routes import jobs
from jali_node.store import workers
from jali_node.tables import JobRoundRow, JobRow


@pytest.fixture
def wide(build_house: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a house with room for several jobs, whose rounds give back what they are given."""
    house = build_house(cap=50.0)
    weights = form(house)["weights"]
    monkeypatch.setattr(train, "run", lambda *_, **__: weights)
    return house


def queued(house: Any, rounds: int = 1) -> str:
    """Return the id of an approved job whose first round waits for a worker."""
    job = submitted(house, rounds=rounds)
    assert decide(house, job).status_code == 200
    assert begin(house, job, 1, form(house)["weights"]).status_code == 200
    return str(job["id"])


def order(house: Any) -> list[str]:
    return [job for job, *_ in run_round.waiting_rounds(house.node)]


def says(house: Any, job: str) -> str:
    return str(house.get(f"/v1/jobs/{job}").json()["waiting_for"])


def kinds(house: Any) -> list[str]:
    return [entry["kind"] for entry in house.ledger()]


def test_rounds_go_by_priority_and_then_by_age(wide: Any) -> None:
    first, second, third = queued(wide), queued(wide), queued(wide)
    assert order(wide) == [first, second, third]
    assert wide.client.put(
        f"/v1/jobs/{third}/priority", json={"priority": 5}, headers=wide.bearer(wide.owner)
    ).json()["priority"] == 5  # fmt: skip
    assert order(wide) == [third, first, second]
    with wide.node.database.writing() as session:
        workers.enlist(session, "worker-1", "p", "here", 4)
    assert says(wide, third) == "a worker of this node"
    assert says(wide, second) == "a worker of this node, behind 2 rounds of other jobs"
    assert kinds(wide)[-1] == "job.ordered"


def test_a_paused_job_begins_no_round_and_one_that_has_begun_is_finished(wide: Any) -> None:
    job = queued(wide, rounds=2)
    paused = wide.post(f"/v1/jobs/{job}/pause", {}).json()
    assert paused["paused_until"] > datetime.now(UTC).isoformat()
    assert order(wide) == []
    assert "whoever resumes it; paused until" in says(wide, job)
    assert not run_round.claim(wide.node, job, 1, 1, "a worker that was just too late")
    assert wide.post(f"/v1/jobs/{job}/resume", {}, wide.owner).json()["paused_until"] is None
    assert run_round.claim(wide.node, job, 1, 1, "worker-1")
    assert wide.post(f"/v1/jobs/{job}/pause", {}, wide.owner).status_code == 200
    assert run_round.run(wide.node, job, 1, 1), "it was begun before the pause"
    assert begin(wide, {"id": job}, 2, None).status_code == 200
    assert order(wide) == []
    assert wide.post(f"/v1/jobs/{job}/resume", {}).status_code == 200
    assert order(wide) == [job]
    assert wide.post(f"/v1/jobs/{job}/resume", {}).json()["detail"] == "the job is not paused"
    assert [kind for kind in kinds(wide) if kind.startswith("job.")][-4:] == ["job.paused", "job.resumed"] * 2


def test_one_job_at_a_time_where_the_owner_says_so(wide: Any) -> None:
    first, second = queued(wide, rounds=2), queued(wide)
    asked = wide.client.put(
        f"/v1/datasets/{wide.dataset}/queue", json={"one_at_a_time": True}, headers=wide.bearer(wide.owner)
    )
    assert asked.json()["one_job"] is True
    assert order(wide) == [first, second], "none has begun"
    assert run_round.claim(wide.node, first, 1, 1, "worker-1")
    assert not run_round.claim(wide.node, second, 1, 1, "worker-2")
    assert order(wide) == []
    assert run_round.run(wide.node, first, 1, 1)
    assert order(wide) == [], "the first one has a round left"
    with wide.node.database.writing() as session:
        workers.enlist(session, "worker-2", "p", "here", None)
    assert "the dataset takes one at a time" in says(wide, second)
    assert wide.post(f"/v1/jobs/{first}/end", {}).status_code == 200
    assert run_round.claim(wide.node, second, 1, 1, "worker-2")


def test_a_round_without_a_worker_says_since_when_none_was_seen(wide: Any) -> None:
    job = queued(wide)
    assert "none was ever seen" in says(wide, job)
    with wide.node.database.writing() as session:
        workers.enlist(session, "worker-1", "p", "here", None)
    assert says(wide, job) == "a worker of this node"
    with wide.node.database.writing() as session:
        workers.leave(session, "worker-1", "p")
    assert "none was seen since 20" in wide.get(f"/v1/jobs/{job}/rounds/1").json()["waiting_for"]


@pytest.mark.parametrize("why", ["paused", "unstarted"])
def test_what_nobody_lets_go_on_is_ended_and_gives_back_what_it_held(wide: Any, why: str) -> None:
    job = submitted(wide)
    assert decide(wide, job).status_code == 200
    assert end_overdue(wide.node) == 0
    past = datetime.now(UTC) - timedelta(days=31)
    with wide.node.database.writing() as session:
        row = session.get_one(JobRow, job["id"])
        if why == "paused":
            row.paused_until = past
        else:
            row.decided_at = past
    assert end_overdue(wide.node) == 1
    ended = wide.get(f"/v1/jobs/{job['id']}").json()
    assert ended["status"] == "cancelled"
    assert ("not resumed" if why == "paused" else "within 30 days") in ended["reason"]
    assert kinds(wide)[-3:] == ["spend.freed", "job.ended", "request.expired"]
    assert wide.population()["held"] == 0
    assert end_overdue(wide.node) == 0


def test_a_worker_that_comes_back_does_not_train_what_another_has_taken_over(wide: Any) -> None:
    job = queued(wide)
    assert run_round.claim(wide.node, job, 1, 1, "worker-1")
    with wide.node.database.writing() as session:
        session.get_one(JobRoundRow, (job, 1)).lease_until = datetime.now(UTC) - timedelta(seconds=1)
    assert run_round.claim(wide.node, job, 1, 2, "worker-2")
    assert run_round.run(wide.node, job, 1, 1) is False
    assert run_round.run(wide.node, job, 1, 2) is True


def test_a_priority_beyond_its_bounds_is_refused_by_its_field(wide: Any) -> None:
    job = queued(wide)
    reply = wide.client.put(
        f"/v1/jobs/{job}/priority", json={"priority": 101}, headers=wide.bearer(wide.owner)
    )  # fmt: skip
    assert (reply.status_code, reply.json()["field"]) == (400, "priority")


def test_a_job_is_followed_by_events_until_it_ends(build_house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    house = build_house(cap=50.0, event_stream_s=60.0)
    weights = form(house)["weights"]
    monkeypatch.setattr(train, "run", lambda *_, **__: weights)
    monkeypatch.setattr(jobs, "EVENT_POLL_S", 0.01)
    job = queued(house)
    caller = Caller("somebody", "An Auditor", Role.AUDITOR, frozenset())
    seen: list[JobProgress] = []

    async def follow() -> None:
        first = follow_job(house.node, caller, job)
        async for event in jobs._events(house.node, caller, job, first):
            data = [line for line in event.splitlines() if line.startswith("data: ")]
            if not data:
                continue
            seen.append(JobProgress.model_validate_json(data[0].removeprefix("data: ")))
            if seen[-1].status == "queued":
                assert run_round.claim(house.node, job, 1, 1, "worker-1")
            elif seen[-1].status == "running":
                assert run_round.run(house.node, job, 1, 1)

    anyio.run(follow)
    assert [(each.status.value, each.parts_done) for each in seen] == [("queued", 0), ("running", 0), ("done", 1)]
    assert [each.ended for each in seen] == [False, False, True]
    assert seen[0].spent == 0
    assert seen[1].spent == seen[2].spent == pytest.approx(seen[2].price)
    assert "1 of 1 rounds" in seen[2].describe()


def test_the_sdk_reads_the_events_of_a_job(build_house: Any) -> None:
    house = build_house(cap=50.0)
    job = queued(house)
    house.post(f"/v1/jobs/{job}/end", {})
    found = house.sdk()["visits"].job(job)
    [last] = found.events()
    assert last.status == "cancelled"
    assert last.ended


def needs_tier(house: Any, least: int) -> None:
    house.node.settings.__dict__["sandbox_tier_min"] = least


def test_a_worker_below_the_owners_tier_begins_nothing_and_nothing_is_spent(wide: Any) -> None:
    job = queued(wide)
    with wide.node.database.writing() as session:
        workers.enlist(session, "low", "p", "here", 3)
        workers.enlist(session, "high", "q", "here", 4)
    needs_tier(wide, 4)
    before = kinds(wide)
    assert not run_round.claim(wide.node, job, 1, 1, "low")
    assert not run_round.claim(wide.node, job, 1, 1, "of no known tier")
    assert kinds(wide) == before
    assert wide.client.get("/ready").json() == {"status": "ready", "sandbox_tier": "4"}
    assert run_round.claim(wide.node, job, 1, 1, "high")


def test_a_job_that_no_worker_may_run_is_refused_with_both_tiers_when_asked_for_and_when_approved(wide: Any) -> None:
    job = submitted(wide)
    with wide.node.database.writing() as session:
        workers.enlist(session, "worker-1", "p", "here", 3)
    needs_tier(wide, 4)
    for refused in (decide(wide, job), wide.post("/v1/jobs", form(wide, epsilon=0.5))):
        assert refused.status_code == 400, refused.text
        assert refused.json()["field"] == "sandbox_tier_min"
        assert "tier 4" in refused.json()["detail"]
        assert "tier 3" in refused.json()["detail"]
    needs_tier(wide, 3)
    assert decide(wide, job).status_code == 200
