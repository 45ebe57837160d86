"""A training job over the wire: quoted, submitted, decided, run round by round, ended."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from tests.node.test_evidence import edited, read, signed_anew, swap, written
from torch import nn

from jali import evidence
from jali.training.graph import trace
from jali.wire.jobs.train import JobStatus
from jali_node import keys
from jali_node.actions.jobs import job_plan, run_round
from jali_node.jobs import train
from jali_node.sandbox.limits import Limits
from jali_node.tables import JobRoundRow, JobRow

RUN = "run-1"


@pytest.fixture
def house(build_house: Any) -> Any:
    return build_house(cap=3.0)


def form(house: Any, **changes: Any) -> dict[str, Any]:
    graph, weights = trace(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1)), 4)
    training = {
        "dataset": house.dataset,
        "project": house.project,
        "purpose": "to test the house",
        "graph": graph.model_dump(mode="json"),
        "features": ["weight", "site"],
        "target": {"column": "age", "at_least": 50.0},
        "epsilon": 1.0,
        "rounds": 2,
        "steps": 3,
        "batch": 200,
        "learning_rate": 0.5,
        "clip_norm": 1.0,
        **changes,
    }
    return {"training": training, "weights": base64.b64encode(weights).decode()}


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have rounds reply with noise alone, without a process of their own: only what is stored of them counts."""

    def run(warehouse: Any, source: Any, work: Any, *, measure: bool, stop: Any = None) -> str:
        return train.run_of_nothing(work, measure=measure)

    monkeypatch.setattr(train, "run", run)


def submitted(house: Any, **changes: Any) -> dict[str, Any]:
    reply = house.post("/v1/jobs", form(house, **changes))
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


def decide(house: Any, job: dict[str, Any], outcome: str = "approved", **other: Any) -> Any:
    body = {"digest": job["digest"], "outcome": outcome, **other}
    return house.post(f"/v1/jobs/{job['id']}/decision", body, house.owner)


def begin(house: Any, job: dict[str, Any], number: int, weights: str, run: str = RUN) -> Any:
    return house.post(f"/v1/jobs/{job['id']}/rounds/{number}", {"run": run, "weights": weights})


def work(house: Any) -> int:
    """Do what a worker does, in this process, until nothing waits."""
    done = 0
    for job_id, number, attempt in run_round.waiting_rounds(house.node):
        if run_round.claim(house.node, job_id, number, attempt, "test"):
            done += run_round.run(house.node, job_id, number, attempt)
    return done


def status(house: Any, job: dict[str, Any]) -> str:
    return str(house.get(f"/v1/jobs/{job['id']}").json()["status"])


def test_a_quote_costs_nothing_and_says_what_noise_a_price_buys(house: Any) -> None:
    before = house.ledger()
    quote = house.post("/v1/jobs/quotes", form(house)).json()
    assert quote["price"] == pytest.approx(1.0, abs=1e-4)
    assert quote["sampling_rate"] == pytest.approx(0.1)
    assert quote["numerics"] == "idealised numerics"
    assert quote["fits"]
    assert house.ledger() == before


def test_what_a_job_takes_is_told_before_approval_and_what_cannot_end_in_time_is_refused(
    house: Any, monkeypatch: Any
) -> None:
    effort = house.post("/v1/jobs/quotes", form(house)).json()["effort"]
    assert (effort["steps"], effort["parameters"], effort["warnings"]) == (6, 25, [])
    monkeypatch.setattr(job_plan, "Limits", lambda: Limits(wall_s=0.001))
    job = submitted(house)
    [said] = job["quote"]["effort"]["warnings"]
    assert "is ended after 0 s" in said
    monkeypatch.setattr(job_plan, "Limits", lambda: Limits(wall_s=1e-6))
    refused = house.post("/v1/jobs", form(house))
    assert (refused.status_code, refused.json()["field"]) == (400, "training.steps")
    assert house.get(f"/v1/jobs/{job['id']}").status_code == 200, "what is stored is shown, whatever the limits are now"


def test_an_approved_job_runs_its_rounds_and_every_round_is_a_spend_of_its_own(house: Any) -> None:
    wish = form(house)
    job = submitted(house)
    assert (job["status"], job["digest"] != "") == ("submitted", True)
    assert decide(house, job).json()["status"] == "approved"
    held = house.population()["held"]
    assert held == pytest.approx(job["quote"]["price"], abs=1e-6)
    weights = wish["weights"]
    for number in (1, 2):
        assert begin(house, job, number, weights).json()["status"] == "queued"
        assert work(house) == 1
        reply = house.get(f"/v1/jobs/{job['id']}/rounds/{number}").json()
        assert reply["status"] == "done"
        assert reply["weights"] != weights
        weights = reply["weights"]
    assert status(house, job) == "done"
    assert house.population()["held"] == 0
    assert house.population()["spent"] == pytest.approx(held)
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_a_round_knows_how_many_steps_came_before_and_how_it_walks(house: Any, monkeypatch: Any) -> None:
    plans = []

    def run(warehouse: Any, source: Any, work: Any, *, measure: bool, **others: Any) -> str:
        plans.append(work.plan)
        return train.run_of_nothing(work, measure=measure)

    monkeypatch.setattr(train, "run", run)
    schedule = {"kind": "linear", "warm_up": 1}
    job = submitted(house, batch="all", optimizer="adam", schedule=schedule)
    assert decide(house, job).status_code == 200
    weights = form(house)["weights"]
    for number in (1, 2):
        begin(house, job, number, weights)
        assert work(house) == 1
    assert [plan.steps_taken for plan in plans] == [0, 3]
    assert [plan.rate_at(0) for plan in plans] == pytest.approx([0.25, 0.5 * 3 / 5])
    assert {(plan.optimizer, plan.q) for plan in plans} == {("adam", 1.0)}
    assert job["quote"]["sampling_rate"] == 1.0


@pytest.mark.usefixtures("in_process")
def test_a_round_sent_again_is_answered_with_the_stored_reply(house: Any) -> None:
    job = submitted(house)
    decide(house, job)
    weights = form(house)["weights"]
    begin(house, job, 1, weights)
    work(house)
    entries = house.ledger()
    first, again = (begin(house, job, 1, weights).json() for _ in range(2))
    assert first == again
    assert first["status"] == "done"
    assert house.ledger() == entries
    assert begin(house, job, 1, form(house)["weights"]).json()["code"] == "decision_outdated"
    assert begin(house, job, 1, weights, "another-run").json()["code"] == "decision_outdated"


@pytest.mark.usefixtures("in_process")
def test_the_evidence_of_a_training_holds_its_revisions_decisions_and_replies(house: Any, tmp_path: Path) -> None:
    job = submitted(house)
    again = form(house, purpose="to test the house in fewer words")
    job = house.post(f"/v1/jobs/{job['id']}/revisions", again).json()
    decide(house, job)
    for number in (1, 2):
        begin(house, job, number, again["weights"])
        work(house)
    to = house.sdk(house.owner).owner.evidence(house.project, tmp_path / "study.zip")
    found = evidence.verify(to)
    assert found.valid, found.departure
    assert (found.held["wishes"], found.held["decisions"], found.held["rounds"]) == (1, 1, 2)
    lies = {
        "its reply is not the one of entry": edited("rounds.jsonl", lambda r: swap(r, "reply")),
        "round 1 of": edited("rounds.jsonl", lambda r: r.pop(0)),
        "revision 2: what is asked for was changed": edited("requests.jsonl", lambda r: r[0].update({"plan": "{}"})),
        "revision 1: what is asked for was changed": edited(
            "requests.jsonl", lambda r: r[0]["revisions"][0]["content"].update({"weights": "0" * 64})
        ),
        "it is said to be denied": edited("requests.jsonl", lambda r: r[0].update({"status": "denied"})),
    }
    key = keys.load(house.node.settings.key_path)
    for expected, change in lies.items():
        files = read(to)
        change(files)
        assert expected in evidence.verify(written(signed_anew(files, key), tmp_path / "lie.zip")).departure


def test_a_round_beyond_those_approved_or_out_of_turn_is_refused(house: Any) -> None:
    job = submitted(house)
    weights = form(house)["weights"]
    assert begin(house, job, 1, weights).json()["code"] == "decision_outdated"
    decide(house, job)
    for number, words in ((3, "expected 1 <= round <= 2, as approved, got 3"), (2, "round 1 is not done")):
        reply = begin(house, job, number, weights)
        assert (reply.status_code, reply.json()["field"]) == (400, "number")
        assert words in reply.json()["detail"]


def test_a_job_whose_digest_changed_after_approval_does_not_run(house: Any) -> None:
    job = submitted(house)
    decide(house, job)
    weights = form(house)["weights"]
    begin(house, job, 1, weights)
    with house.node.database.writing() as session:
        stored = session.get_one(JobRow, job["id"])
        changed = json.loads(stored.training) | {"clip_norm": 1000.0}
        session.execute(update(JobRow).values(training=json.dumps(changed)))
    assert work(house) == 0
    assert status(house, job) == "failed"
    assert house.population() | {"left": 0} == house.population() | {"left": 0, "held": 0, "spent": 0}


def test_a_round_is_refused_once_the_job_is_not_what_was_approved(house: Any) -> None:
    job = submitted(house)
    decide(house, job)
    with house.node.database.writing() as session:
        session.execute(update(JobRow).values(weights=form(house)["weights"]))
    assert begin(house, job, 1, form(house)["weights"]).json()["code"] == "job_changed"


def test_a_cancelled_job_frees_what_was_not_begun_and_gives_no_reply(house: Any) -> None:
    job = submitted(house)
    decide(house, job)
    begin(house, job, 1, form(house)["weights"])
    [(job_id, number, attempt)] = run_round.waiting_rounds(house.node)
    assert run_round.claim(house.node, job_id, number, attempt, "test")
    assert house.post(f"/v1/jobs/{job['id']}/end", {}).json()["status"] == "cancelled"
    assert not run_round.run(house.node, job_id, number, attempt)
    assert house.get(f"/v1/jobs/{job['id']}/rounds/1").json()["weights"] is None
    kinds = [entry["kind"] for entry in house.ledger()]
    assert (kinds.count("spend.settled"), kinds.count("spend.freed")) == (1, 1)
    budget = house.population()
    assert budget["held"] == 0
    assert budget["spent"] > 0
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_a_withdrawn_or_denied_job_holds_nothing(house: Any) -> None:
    job = submitted(house)
    assert house.post(f"/v1/jobs/{job['id']}/end", {}).json()["status"] == "withdrawn"
    other = submitted(house)
    assert decide(house, other, "denied").json()["field"] == "reason"
    assert decide(house, other, "denied", reason="not now").json()["status"] == "denied"
    assert decide(house, other).json()["code"] == "decision_outdated"
    assert house.population()["held"] == 0


def test_a_job_beyond_the_cap_is_not_approved_and_holds_nothing(house: Any) -> None:
    job = submitted(house, epsilon=5.0)
    assert not job["quote"]["fits"]
    before = house.ledger()
    refused = decide(house, job).json()
    assert refused["code"] == "budget_exhausted"
    assert refused["facts"]["price"] == pytest.approx(job["quote"]["price"]), (
        "of all rounds, not of the first that fails"
    )
    assert refused["facts"]["left"] < refused["facts"]["price"]
    assert f"has room for {refused['facts']['left']:.4g}; ask with epsilon=" in refused["detail"]
    assert job["quote"]["fitting"] == refused["facts"]["fits"], "the asker was told already"
    assert house.ledger() == before
    assert status(house, job) == "submitted"
    smaller = submitted(house, epsilon=refused["facts"]["fits"])
    assert smaller["quote"]["fits"]
    assert decide(house, smaller).status_code == 200


@pytest.mark.usefixtures("in_process")
def test_an_older_claim_can_store_nothing_once_there_is_a_newer_one(house: Any) -> None:
    job = submitted(house)
    decide(house, job)
    begin(house, job, 1, form(house)["weights"])
    [(job_id, number, attempt)] = run_round.waiting_rounds(house.node)
    assert run_round.claim(house.node, job_id, number, attempt, "first")
    assert not run_round.claim(house.node, job_id, number, attempt + 1, "second")
    with house.node.database.writing() as session:
        session.execute(update(JobRoundRow).values(lease_until=None))
    assert run_round.claim(house.node, job_id, number, attempt + 1, "second")
    assert not run_round.run(house.node, job_id, number, attempt)
    assert run_round.run(house.node, job_id, number, attempt + 1)
    assert sum(entry["kind"] == "spend.begun" for entry in house.ledger()) == 1
    assert sum(entry["kind"] == "spend.committed" for entry in house.ledger()) == 1


@pytest.mark.usefixtures("in_process")
def test_a_round_resumed_after_its_reply_was_stored_keeps_that_reply(house: Any) -> None:
    job = submitted(house)
    decide(house, job)
    begin(house, job, 1, form(house)["weights"])
    [(job_id, number, attempt)] = run_round.waiting_rounds(house.node)
    assert run_round.claim(house.node, job_id, number, attempt, "test")
    assert run_round.run(house.node, job_id, number, attempt)
    reply, entries = house.get(f"/v1/jobs/{job['id']}/rounds/1").json(), house.ledger()
    assert not run_round.run(house.node, job_id, number, attempt)
    assert house.get(f"/v1/jobs/{job['id']}/rounds/1").json() == reply
    assert house.ledger() == entries


def test_rows_that_cannot_be_read_show_in_no_status_and_no_shape(house: Any, monkeypatch: Any) -> None:
    def fail(*arguments: Any, **others: Any) -> Any:
        raise MemoryError

    job = submitted(house)
    decide(house, job)
    weights = form(house)["weights"]
    begin(house, job, 1, weights)
    monkeypatch.setattr(train, "run", fail)
    assert work(house) == 1
    reply = house.get(f"/v1/jobs/{job['id']}/rounds/1").json()
    assert reply["status"] == "done"
    assert len(reply["weights"]) == len(weights)
    with house.node.database.reading() as session:
        assert session.get_one(JobRoundRow, (job["id"], 1)).from_failure


def test_a_node_without_the_extra_says_what_to_install(house: Any, monkeypatch: Any) -> None:
    job = submitted(house)
    monkeypatch.setattr(train, "NEEDS", ("torch", "no_such_package"))
    reply = decide(house, job)
    assert (reply.status_code, reply.json()["code"]) == (409, "extra_missing")
    assert "jali[train]" in reply.json()["detail"]
    assert status(house, job) == "submitted"
    assert house.ask({"kind": "count"}).json()["code"] == "grant_required"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"features": ["weight"]}, "training.graph.features"),
        ({"features": ["weight", "weight", "site"]}, "training.features"),
        ({"features": ["height", "site"]}, "training.features.0"),
        ({"features": ["note", "site"]}, "training.features.0"),
        ({"target": {"column": "site", "at_least": 1.0}}, "training.target.column"),
        ({"batch": 3000}, "training.batch"),
        ({"rounds": 0}, "training.rounds"),
        ({"epsilon": -1.0}, "training.epsilon"),
        ({"learning_rate": "fast"}, "training.learning_rate"),
        ({"code": "import os"}, "training.code"),
    ],
)
def test_a_training_that_does_not_fit_is_refused_by_field(house: Any, change: dict[str, Any], field: str) -> None:
    for path in ("/v1/jobs", "/v1/jobs/quotes"):
        reply = house.post(path, form(house, **change))
        assert (reply.status_code, reply.json()["field"]) == (400, field), reply.text
    assert house.get("/v1/jobs").json() == []


def test_others_do_not_see_a_job(house: Any) -> None:
    from jali.wire.person import Role
    from jali_node.actions.people.add_person import add_person
    from jali_node.actions.people.create_token import create_token

    job = submitted(house)
    add_person(house.node, "Oskar Other", Role.DATA_SCIENTIST, ("study",))
    token, _ = create_token(house.node, "Oskar Other", 1)
    assert house.get(f"/v1/jobs/{job['id']}", token).status_code == 404
    assert house.get("/v1/jobs", token).json() == []
    assert JobStatus(house.get(f"/v1/jobs/{job['id']}", house.owner).json()["status"]) is JobStatus.SUBMITTED


def put_policy(house: Any, text: str) -> None:
    reply = house.client.put("/v1/policy", headers=house.bearer(house.owner), json={"text": text})
    assert reply.status_code == 200, reply.text


ALLOW = '[[rule]]\nname = "small"\neffect = "allow"\njob_kinds = ["train"]\nparameters_at_most = 1000\n'


def test_a_rule_may_allow_a_job_below_the_threshold_of_two_persons(house: Any) -> None:
    put_policy(house, ALLOW)
    job = submitted(house)
    assert (job["status"], job["decided_by"]) == ("approved", None)
    assert "rule 'small' of this node's policy allows this" in job["reason"]
    assert house.population()["held"] == pytest.approx(job["quote"]["price"], abs=1e-6)
    assert submitted(house, epsilon=5.0)["status"] == "submitted"  # no room for it: a person is asked
    put_policy(house, ALLOW + "[approval]\ntwo_persons_above_epsilon = 0.5\n")
    assert submitted(house)["waiting_for"] == "two persons: above epsilon 0.5 two must agree"
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_a_rule_that_denies_a_job_is_named_before_anything_is_stored_and_outlasts_an_approval(house: Any) -> None:
    waiting = submitted(house)
    put_policy(house, '[[rule]]\nname = "large"\neffect = "deny"\nparameters_above = 10\n')
    before = house.ledger()
    for path in ("/v1/jobs", "/v1/jobs/quotes"):
        reply = house.post(path, form(house))
        assert (reply.status_code, reply.json()["facts"]) == (403, {"rule": "large"})
    assert decide(house, waiting).json()["facts"] == {"rule": "large"}
    assert house.ledger() == before
    assert len(house.get("/v1/jobs").json()) == 1


def test_a_dear_job_takes_two_persons_and_holds_nothing_before(house: Any) -> None:
    from jali.wire.person import Role
    from jali_node.actions.people.add_person import add_person
    from jali_node.actions.people.create_token import create_token

    put_policy(house, "[approval]\ntwo_persons_above_epsilon = 0.5\n")
    job = submitted(house)
    first = decide(house, job).json()
    assert (first["status"], house.population()["held"]) == ("submitted", 0)
    assert first["waiting_for"].startswith("a second person")
    assert decide(house, job).json()["code"] == "access_denied"
    add_person(house.node, "Rosa Reviewer", Role.REVIEWER)
    token, _ = create_token(house.node, "Rosa Reviewer", 1)
    body = {"digest": job["digest"], "outcome": "approved"}
    assert house.post(f"/v1/jobs/{job['id']}/decision", body, token).json()["status"] == "approved"
    assert house.population()["held"] > 0
