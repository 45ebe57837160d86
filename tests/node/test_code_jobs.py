"""A code job over the wire: submitted, decided, run in the sandbox, held in the airlock, let go or destroyed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.node.test_evidence import read, signed_anew, written

from jali import evidence
from jali.wire.person import Role
from jali_node import keys
from jali_node.actions.code import run_code
from jali_node.actions.code.decide_output import expire_outputs
from jali_node.actions.people.add_person import add_person, add_project
from jali_node.actions.people.create_token import create_token
from jali_node.sandbox import cell, code
from jali_node.tables import CodeJobRow, CodeOutputRow, PopulationRow

GROUPED = """def mean_weight(df, above=0):
    return df[df.age >= above].groupby("site", observed=True).weight.agg(["mean", "count"]).round(1)
"""
pytestmark = pytest.mark.skipif(cell.tier() < code.TIER, reason=f"this machine's sandbox does not reach {code.TIER}")


@pytest.fixture
def house(build_house: Any) -> Any:
    built = build_house()
    allow(built)
    return built


def allow(house: Any, allowed: bool = True) -> None:
    path = f"/v1/datasets/{house.dataset}/code-jobs"
    reply = house.client.put(path, headers=house.bearer(house.owner), json={"allowed": allowed})
    assert reply.json()["code_jobs"] is allowed


def form(house: Any, source: str = GROUPED, **changes: Any) -> dict[str, Any]:
    tryout = {
        "rows": 100, "mock": "public", "shape": "a table", "output": "...", "digest": "0" * 64, "packages": {},
    }  # fmt: skip
    return {
        "dataset": house.dataset,
        "project": house.project,
        "purpose": "to test the airlock",
        "source": source,
        "columns": ["age", "weight", "site"],
        "limits": {"wall_s": 60},
        "tryout": tryout,
        **changes,
    }


def submitted(house: Any, source: str = GROUPED, **changes: Any) -> dict[str, Any]:
    reply = house.post("/v1/code-jobs", form(house, source, **changes))
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


def decide(house: Any, job: dict[str, Any], outcome: str = "approved", token: str = "", **other: Any) -> Any:
    body = {"digest": job["digest"], "outcome": outcome, **other}
    return house.post(f"/v1/code-jobs/{job['id']}/decision", body, token or house.owner)


def work(house: Any) -> int:
    """Do what a worker does, in this process, until nothing waits."""
    done = 0
    for job_id, attempt in run_code.waiting_code(house.node):
        if run_code.claim_code(house.node, job_id, attempt, "test"):
            done += run_code.run_code(house.node, job_id, attempt)
    return done


def held(house: Any, source: str = GROUPED, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a job that has run, and its output as a reviewer reads it."""
    job = submitted(house, source, **changes)
    assert decide(house, job).status_code == 200
    assert work(house) == 1
    return job, dict(house.get(f"/v1/code-jobs/{job['id']}/airlock", house.owner).json())


def let_go(house: Any, job: dict[str, Any], output: dict[str, Any], outcome: str = "released", token: str = "") -> Any:
    body = {"seal": output["seal"], "outcome": outcome, "reason": "sums over many"}
    return house.post(f"/v1/code-jobs/{job['id']}/airlock", body, token or house.owner)


def show(house: Any, job: dict[str, Any], token: str = "") -> dict[str, Any]:
    return dict(house.get(f"/v1/code-jobs/{job['id']}", token or house.scientist).json())


def kinds(house: Any) -> list[str]:
    return [entry["kind"] for entry in house.ledger()]


def test_an_approved_function_runs_and_its_output_leaves_once_a_person_lets_it(house: Any) -> None:
    job, output = held(house, params={"above": 50})
    assert output["shape"] == "a table of 3 rows and 2 columns"
    assert [column["name"] for column in output["output"]["columns"]] == ["site", "mean", "count"]
    assert {check["level"] for check in output["checks"]} == {"pass"}, output["checks"]
    assert house.get(f"/v1/code-jobs/{job['id']}/result").status_code == 404
    assert let_go(house, job, output).json()["status"] == "released"
    result = house.get(f"/v1/code-jobs/{job['id']}/result").json()
    assert result["output"] == output["output"]
    entry = house.ledger()[result["entry"] - 1]
    assert entry["kind"] == "code.released"
    assert entry["body"]["output"] == result["digest"]
    assert entry["body"]["event"] == {"kind": "non_private", "v": 1}
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_until_a_person_has_decided_its_asker_cannot_tell_that_it_has_run(house: Any) -> None:
    job = submitted(house)
    decide(house, job)
    [(job_id, attempt)] = run_code.waiting_code(house.node)
    assert run_code.claim_code(house.node, job_id, attempt, "test")
    running, entries = show(house, job), len(house.ledger())
    assert running["status"] == "running"
    assert run_code.run_code(house.node, job_id, attempt)
    assert show(house, job) == running
    assert len(house.ledger()) == entries, "how long the chain is everybody may know"
    assert house.get(f"/v1/requests/{job['id']}/discussion").json()[-1]["happened"] == "granted"
    assert show(house, job, house.owner)["status"] == "held"
    for path in ("airlock", "result"):
        assert house.get(f"/v1/code-jobs/{job['id']}/{path}").status_code in (403, 404)


def test_after_a_release_the_card_of_every_table_of_these_people_says_that_the_promise_ended(house: Any) -> None:
    card = f"/v1/datasets/{house.dataset}"
    assert house.get(card).json()["population"]["promise_ended"] is None
    job, output = held(house)
    let_go(house, job, output)
    end = house.get(card).json()["population"]["promise_ended"]
    assert end["entry"] == house.get(f"/v1/code-jobs/{job['id']}/result").json()["entry"]
    assert house.population()["promise_ended"] == end
    again, second = held(house)
    let_go(house, again, second)
    assert house.get(card).json()["population"]["promise_ended"] == end, "it ended with the first"


def test_code_jobs_are_off_unless_an_owner_turned_them_on(build_house: Any) -> None:
    house = build_house()
    refused = house.post("/v1/code-jobs", form(house))
    assert (refused.status_code, refused.json()["code"]) == (403, "code_jobs_off")
    assert "--on" in refused.json()["detail"]
    allow(house)
    job = submitted(house)
    allow(house, False)
    assert decide(house, job).json()["code"] == "code_jobs_off"


def test_what_was_turned_off_after_the_approval_never_begins(house: Any) -> None:
    job = submitted(house)
    decide(house, job)
    allow(house, False)
    assert work(house) == 0
    shown = show(house, job)
    assert (shown["status"], "code jobs are off" in shown["reason"]) == ("failed", True)
    assert "code.begun" not in kinds(house)


def test_no_rule_approves_code_and_one_that_denies_it_is_heard(house: Any) -> None:
    policy = '[[rule]]\nname = "all jobs"\neffect = "allow"\njob_kinds = ["train"]\n'
    house.client.put("/v1/policy", headers=house.bearer(house.owner), json={"text": policy})
    assert submitted(house)["status"] == "submitted"
    denies = '[[rule]]\nname = "no notes"\neffect = "deny"\ncolumns = ["weight"]\n'
    house.client.put("/v1/policy", headers=house.bearer(house.owner), json={"text": denies})
    assert house.post("/v1/code-jobs", form(house)).json()["code"] == "access_denied"


def test_nobody_approves_or_releases_their_own(house: Any) -> None:
    add_person(house.node, "Oda Owner", Role.OWNER, ("study",))
    own = create_token(house.node, "Oda Owner", 1)[0]
    job = house.post("/v1/code-jobs", form(house), own).json()
    assert decide(house, job, token=own).json()["code"] == "access_denied"
    assert decide(house, job).status_code == 200
    assert work(house) == 1
    assert house.get(f"/v1/code-jobs/{job['id']}/airlock", own).status_code == 403
    output = house.get(f"/v1/code-jobs/{job['id']}/airlock", house.owner).json()
    assert let_go(house, job, output, token=own).json()["code"] == "access_denied"
    assert let_go(house, job, output).json()["status"] == "released"


def test_where_amounts_take_two_persons_so_do_code_and_its_output(house: Any) -> None:
    policy = "[approval]\ntwo_persons_above_epsilon = 500.0\n"
    house.client.put("/v1/policy", headers=house.bearer(house.owner), json={"text": policy})
    add_person(house.node, "Rosa Reviewer", Role.REVIEWER, ())
    second = create_token(house.node, "Rosa Reviewer", 1)[0]
    job = submitted(house)
    assert decide(house, job).json()["status"] == "submitted"
    assert decide(house, job).json()["code"] == "access_denied"
    assert decide(house, job, token=second).json()["status"] == "approved"
    assert work(house) == 1
    output = house.get(f"/v1/code-jobs/{job['id']}/airlock", house.owner).json()
    assert let_go(house, job, output).json()["status"] == "held"
    assert let_go(house, job, output).json()["code"] == "access_denied"
    assert house.get(f"/v1/code-jobs/{job['id']}/result").status_code == 404
    assert let_go(house, job, output, token=second).json()["status"] == "released"


def test_an_output_that_is_destroyed_is_gone_and_so_is_one_of_a_cancelled_job(house: Any) -> None:
    job, output = held(house)
    assert let_go(house, job, output, "destroyed").json()["status"] == "destroyed"
    assert show(house, job)["reason"] == "sums over many"
    assert house.get(f"/v1/code-jobs/{job['id']}/airlock", house.owner).status_code == 404
    second, _ = held(house)
    assert house.post(f"/v1/code-jobs/{second['id']}/end", {}).json()["status"] == "cancelled"
    assert kinds(house).count("code.destroyed") == 1
    assert house.get(f"/v1/datasets/{house.dataset}").json()["population"]["promise_ended"] is None
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_a_pack_holds_what_was_released_and_a_changed_or_missing_output_departs(house: Any, tmp_path: Path) -> None:
    job, output = held(house)
    let_go(house, job, output)
    pack = house.sdk(house.owner).owner.evidence(house.project, tmp_path / "study.zip")
    found = evidence.verify(pack, key=house.node.node_id)
    assert (found.departure, found.held["outputs"]) == ("", 1)
    assert "1 output of code jobs, which no epsilon covers" in found.describe()
    files = read(pack)
    facts = json.loads(files["outputs.jsonl"])
    assert facts["output"] == output["output"]
    facts["output"]["columns"][1]["cells"][0] += 1
    key = keys.load(house.node.settings.key_path)
    for content, said in ((json.dumps(facts).encode() + b"\n", "it is not what was released"), (b"", "it is missing")):
        forged = written(signed_anew({**files, "outputs.jsonl": content}, key), tmp_path / "forged.zip")
        assert said in evidence.verify(forged).departure


def test_a_changed_output_and_a_card_that_hides_the_end_are_found_by_the_ledger_s_verification(house: Any) -> None:
    job, output = held(house)
    let_go(house, job, output)
    with house.node.database.writing() as session:
        session.execute(update(PopulationRow).values(promise_ended_entry=None))
    report = house.get("/v1/ledger/verification", house.owner).json()
    assert "does not say where its promise ended" in report["reason"]
    with house.node.database.writing() as session:
        session.execute(update(CodeOutputRow).values(content='{"output":{"kind":"value","value":1}}'))
    assert "is not what was released" in house.get("/v1/ledger/verification", house.owner).json()["reason"]


CHANGES: list[dict[str, Any]] = [
    {},
    {"source": GROUPED.replace("round(1)", "round(2)")},
    {"params": {"above": 1}},
    {"columns": ["weight", "age", "site"]},
    {"limits": {"wall_s": 61}},
    {"purpose": "to test something else"},
]


def test_one_digest_covers_everything_that_runs(house: Any) -> None:
    assert len({submitted(house, **change)["digest"] for change in CHANGES}) == len(CHANGES)


def test_a_number_and_the_text_of_it_are_two_parameters(house: Any) -> None:
    assert len({submitted(house, params={"above": value})["digest"] for value in (1, 1.0, "1.0", "1", [1], True)}) == 6


def test_what_is_not_what_was_approved_does_not_begin(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    changed, updated = submitted(house), submitted(house)
    for job in (changed, updated):
        decide(house, job)
    with house.node.database.writing() as session:
        row = session.get_one(CodeJobRow, changed["id"])
        row.form = row.form.replace("round(1)", "round(9)")
    assert run_code.claim_code(house.node, changed["id"], 1, "test") is False
    assert "no longer what was approved" in show(house, changed)["reason"]
    here = code.installed()
    monkeypatch.setattr(code, "installed", lambda: {**here, "pandas": "99.0"})
    assert run_code.claim_code(house.node, updated["id"], 1, "test") is False
    assert f"pandas {here['pandas']}, now 99.0" in show(house, updated)["reason"]
    assert "code.begun" not in kinds(house)


def test_a_machine_whose_sandbox_is_lower_runs_nothing_and_says_both_numbers(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submitted(house)
    decide(house, job)
    monkeypatch.setattr(run_code.cell, "tier", lambda: 2)
    assert work(house) == 0
    assert (
        f"a sandbox of tier {code.TIER} and nothing less; this worker's machine reaches 2" in show(house, job)["reason"]
    )
    assert "code.begun" not in kinds(house)


def test_after_a_worker_s_death_it_runs_again_and_one_output_is_held(house: Any) -> None:
    job = submitted(house)
    decide(house, job)
    assert run_code.claim_code(house.node, job["id"], 1, "dead")
    assert run_code.waiting_code(house.node) == []
    with house.node.database.writing() as session:
        session.get_one(CodeJobRow, job["id"]).lease_until = datetime(2026, 1, 1, tzinfo=UTC)
    assert run_code.waiting_code(house.node) == [(job["id"], 2)]
    assert run_code.claim_code(house.node, job["id"], 2, "test")
    assert run_code.run_code(house.node, job["id"], 1) is False, "the dead one's output is destroyed"
    assert run_code.run_code(house.node, job["id"], 2)
    assert run_code.run_code(house.node, job["id"], 2) is False, "one output is held, whatever runs again"
    assert kinds(house).count("code.begun") == 1


def test_what_outlived_no_worker_three_times_is_not_run_a_fourth(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job = submitted(house)
    decide(house, job)
    for attempt in range(1, run_code.ATTEMPTS_MAX + 2):
        assert run_code.claim_code(house.node, job["id"], attempt, "dead")
        with house.node.database.writing() as session:
            session.get_one(CodeJobRow, job["id"]).lease_until = datetime(2026, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(code, "run", None)
    assert run_code.run_code(house.node, job["id"], run_code.ATTEMPTS_MAX + 1)
    assert house.get(f"/v1/code-jobs/{job['id']}/airlock", house.owner).json()["shape"] == "a failure"


def test_what_is_frozen_waits_and_begins_once_it_is_not(house: Any) -> None:
    job = submitted(house)
    decide(house, job)
    house.post("/v1/freezes", {"subject": house.dataset, "reason": "to test"}, house.owner)
    assert run_code.waiting_code(house.node) == []
    assert run_code.claim_code(house.node, job["id"], 1, "test") is False
    house.post(f"/v1/freezes/{house.dataset}/end", {}, house.owner)
    assert work(house) == 1
    assert kinds(house).count("code.begun") == 1


def test_a_failure_is_an_output_and_its_message_leaves_no_earlier(house: Any) -> None:
    job, output = held(house, "def job(df):\n    raise KeyError(float(df.weight.max()))")
    assert output["output"] == {"kind": "failure", "type": "KeyError", "line": 2, "message": "149.9"}
    assert "149.9" not in json.dumps(show(house, job)) + json.dumps(house.ledger())
    assert let_go(house, job, output).json()["status"] == "released"


def test_when_an_output_lapses_says_nothing_of_how_long_its_function_took(house: Any) -> None:
    lapses = []
    for slow in ("", "\n    sum(range(10**7))"):
        held(house, f"def job(df):{slow}\n    return 1")
        begun = [entry for entry in house.ledger() if entry["kind"] == "code.begun"][-1]
        with house.node.database.reading() as session:
            output = session.scalars(select(CodeOutputRow).order_by(CodeOutputRow.held_at.desc())).first()
        assert output is not None
        lapses.append(output.held_until - datetime.fromisoformat(begun["at"]))
    assert lapses[0] == lapses[1]


def test_an_output_that_nobody_decides_about_is_destroyed_when_its_time_is_over(house: Any) -> None:
    job, output = held(house)
    with house.node.database.writing() as session:
        session.execute(update(CodeOutputRow).values(held_until=datetime.now(UTC)))
    assert let_go(house, job, output).json()["code"] == "decision_outdated"
    assert expire_outputs(house.node) == 1
    assert expire_outputs(house.node) == 0
    assert show(house, job)["status"] == "destroyed"
    with house.node.database.reading() as session:
        assert session.scalars(select(CodeOutputRow.content)).one() == ""
    assert house.ledger()[-1]["body"]["by"] is None


def test_a_revoked_grant_ends_its_holder_s_code_jobs_and_destroys_what_waits(house: Any) -> None:
    grant = house.grant()["grant"]
    waiting, (ran, _) = submitted(house), held(house)
    body = {"reason": "the study is over"}
    assert house.post(f"/v1/grants/{grant}/revocation", body, house.owner).status_code == 200
    assert (show(house, waiting)["status"], show(house, ran)["status"]) == ("denied", "cancelled")
    assert house.get(f"/v1/code-jobs/{ran['id']}/airlock", house.owner).status_code == 404
    with house.node.database.reading() as session:
        assert session.scalars(select(CodeOutputRow.content)).one() == ""


def test_whoever_cancels_cannot_tell_from_the_chain_whether_it_had_run(house: Any) -> None:
    lengths = []
    for runs in (True, False):
        job = submitted(house)
        decide(house, job)
        assert run_code.claim_code(house.node, job["id"], 1, "test")
        if runs:
            assert run_code.run_code(house.node, job["id"], 1)
        before = len(house.ledger())
        assert house.post(f"/v1/code-jobs/{job['id']}/end", {}).json()["status"] == "cancelled"
        lengths.append(len(house.ledger()) - before)
    assert lengths == [1, 1]


MISFITS: list[tuple[dict[str, Any], str | None, str]] = [
    ({"columns": ["ages"]}, "columns.0", "did you mean age"),
    ({"source": "def f(df):\n    return here"}, "source", "line 2: here comes from outside"),
    ({"source": "import os"}, "source", "expected one function"),
    ({"source": "\ndef f(df):\n    return 1"}, "source", "on the first line"),
    ({"source": "def f(df):\n    return 1  # \u202e"}, "source", "line 2: it holds the invisible character U+202E"),
    ({"source": "def f(df):\n    \u0430ge = 1\n    return 1"}, "source", "letters beyond ASCII"),
    ({"source": "def f(df):\n    return " + "-" * 50_000 + "1"}, "source", "nested too deeply"),
    ({"params": {"below": 1}}, "params", "takes above, got below"),
    ({"params": {"above": [[[[[[[[[[1]]]]]]]]]]}}, None, "nested"),
    ({"limits": {"wall_s": 100_000}}, "limits.wall_s", "3600"),
    ({"columns": []}, "columns", "at least 1"),
]


def test_what_does_not_fit_is_refused_before_anybody_reads_it(house: Any) -> None:
    for changes, field, said in MISFITS:
        reply = house.post("/v1/code-jobs", form(house, **changes))
        assert reply.status_code == 400, reply.text
        assert said in reply.json()["detail"]
        assert field is None or reply.json()["field"] == field
    assert house.get("/v1/code-jobs").json() == []


def test_the_terms_say_what_may_be_imported_in_which_version(house: Any) -> None:
    terms = house.get("/v1/code-jobs/terms").json()
    assert {"python", "numpy", "pandas"} <= set(terms["packages"])
    assert "re" in terms["modules"]


def test_whoever_reads_another_project_s_evidence_learns_that_the_promise_ended_and_not_through_whom(
    house: Any, tmp_path: Path
) -> None:
    other = add_project(house.node, "other study", "to test")
    add_person(house.node, "Stan Stranger", Role.DATA_SCIENTIST, ("other study",))
    house.request(0.5, create_token(house.node, "Stan Stranger", 1)[0], project=other.id)
    job, output = held(house)
    let_go(house, job, output)
    pack = house.sdk(house.owner).owner.evidence(other.id, tmp_path / "other.zip")
    assert evidence.verify(pack).valid
    files = read(pack)
    shown = [entry for entry in map(json.loads, files["ledger.jsonl"].splitlines()) if "kind" in entry]
    assert "code.released" in [entry["kind"] for entry in shown]
    assert files["outputs.jsonl"] == b""
    assert house.project not in json.dumps(shown)
    assert job["person"] not in json.dumps(shown)
