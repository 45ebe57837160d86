"""A policy in force over the wire: what it answers, its versions, its dry run, and two persons above a threshold."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, update

from jali.wire.person import Role
from jali.wire.policy import Effect
from jali_node.actions.people.add_person import add_person
from jali_node.actions.people.create_token import create_token
from jali_node.actions.policies import history
from jali_node.commands import node as node_commands
from jali_node.tables import AccessRequestRow, JudgedRow

MEAN = {"kind": "mean", "column": "age"}
DEAR = '[[rule]]\nname = "dear"\neffect = "deny"\nepsilon_above = 0.3\n'
ASK = '[[rule]]\nname = "call"\neffect = "ask"\nstatistics = ["mean"]\nreason = "call us first"\n'
TWO = "[approval]\ntwo_persons_above_epsilon = 0.5\n"


def put(house: Any, text: str, **other: Any) -> Any:
    reply = house.client.put("/v1/policy", headers=house.bearer(house.owner), json={"text": text, **other})
    return reply


def decide(house: Any, wish: dict[str, Any], token: str | None = None, **decision: Any) -> Any:
    body = {"digest": wish["digest"], "outcome": "granted", **decision}
    return house.post(f"/v1/requests/{wish['id']}/decision", body, token or house.owner)


def person(house: Any, name: str, role: Role, *projects: str) -> str:
    add_person(house.node, name, role, projects)
    return create_token(house.node, name, 1)[0]


def test_without_a_policy_grants_alone_decide_and_the_empty_one_says_the_same(house: Any) -> None:
    shown = house.get("/v1/policy", house.owner).json()
    assert (shown["number"], shown["text"]) == (0, "")
    assert house.ask(MEAN).status_code == 200
    assert put(house, "").json()["number"] == 0
    assert put(house, "# nothing yet").json()["number"] == 1
    assert house.ask({"kind": "mean", "column": "weight"}).status_code == 200


def test_a_deny_speaks_before_the_grant_names_its_rule_and_spends_nothing(house: Any) -> None:
    assert put(house, DEAR).status_code == 200
    before = house.ledger()
    for path in ("/v1/queries", "/v1/quotes"):
        reply = house.post(path, house.query(MEAN, 0.4))
        assert (reply.status_code, reply.json()["code"]) == (403, "access_denied")
        assert reply.json()["facts"] == {"rule": "dear"}
        assert "it costs epsilon 0.4, above 0.3" in reply.json()["detail"]
    assert house.ledger() == before
    assert house.ask(MEAN, 0.3).status_code == 200


def test_a_quote_for_an_error_is_judged_at_the_price_that_it_finds(house: Any) -> None:
    put(house, DEAR)
    wish = {key: value for key, value in house.query({"kind": "count"}).items() if key != "epsilon"}
    assert house.post("/v1/quotes", {**wish, "error": 500.0}).json()["epsilon"] < 0.3
    assert house.post("/v1/quotes", {**wish, "error": 5.0}).json()["facts"] == {"rule": "dear"}


def test_an_ask_is_put_to_an_owner_although_it_is_granted_and_their_yes_answers_it(house: Any) -> None:
    put(house, ASK)
    reply = house.ask(MEAN, 0.2)
    assert (reply.status_code, reply.json()["facts"]["rule"]) == (202, "call")
    assert "call us first" in reply.json()["detail"]
    wish = house.get(f"/v1/requests/{reply.json()['facts']['request']}").json()
    assert decide(house, wish).status_code == 200
    assert house.ask(MEAN, 0.2).status_code == 200
    assert house.ask({"kind": "mean", "column": "weight"}, 0.2).status_code == 202


def test_an_allow_widens_a_grant_and_gives_none(build_house: Any) -> None:
    house = build_house()
    put(house, '[[rule]]\nname = "counts"\neffect = "allow"\nstatistics = ["count"]\npersons = ["Dana Scientist"]\n')
    assert house.ask({"kind": "count"}).json()["code"] == "grant_required"
    house.grant(1.0, statistics=["mean"], columns=["age"])
    assert house.ask({"kind": "count"}).status_code == 200
    assert house.ask({"kind": "mean", "column": "weight"}).status_code == 202


def test_what_the_quota_has_spent_is_a_condition(house: Any) -> None:
    put(house, '[[rule]]\nname = "enough"\neffect = "deny"\ntotal_share_above = 0.5\n')
    assert house.ask(MEAN, 0.6).status_code == 200
    assert house.ask({"kind": "mean", "column": "weight"}, 0.1).json()["facts"] == {"rule": "enough"}


def test_each_version_is_kept_and_its_digest_is_in_the_chain(house: Any) -> None:
    first = put(house, DEAR).json()
    second = put(house, ASK, replaces=first["digest"]).json()
    assert put(house, ASK).json() == second
    outdated = put(house, TWO, replaces=first["digest"])
    assert (outdated.status_code, outdated.json()["field"]) == (409, "replaces")
    versions = house.get("/v1/policy/versions", house.owner).json()
    assert [(found["number"], found["text"]) for found in versions] == [(2, ASK), (1, DEAR)]
    entries = [entry["body"] for entry in house.ledger() if entry["kind"] == "policy.set"]
    assert [(body["number"], body["digest"]) for body in entries] == [(1, first["digest"]), (2, second["digest"])]
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("x = [", "text", "TOML"),
        (DEAR.replace("0.3", "3000"), "rule.0.epsilon_above", "rule 'dear', epsilon_above"),
        (DEAR + 'persons = ["Dana Scientits"]', "rule.0.persons.0", "did you mean Dana Scientist?"),
        (DEAR + 'projects = ["x"]', "rule.0.projects.0", "no project 'x'"),
        (DEAR + 'datasets = ["vists"]', "rule.0.datasets.0", "did you mean visits?"),
        (DEAR + 'columns = ["aeg"]', "rule.0.columns.0", "did you mean age?"),
    ],
)
def test_a_document_that_does_not_fit_is_refused_by_place_and_changes_nothing(
    house: Any, text: str, field: str, words: str
) -> None:
    before = house.ledger()
    for reply in (put(house, text), house.post("/v1/policy/dry-run", {"text": text}, house.owner)):
        assert (reply.status_code, reply.json()["field"]) == (400, field), reply.text
        assert words in reply.json()["detail"]
    assert house.ledger() == before


def test_a_dry_run_says_what_would_change_and_changes_nothing(house: Any) -> None:
    house.ask(MEAN, 0.1)
    house.ask(MEAN, 0.4)
    house.ask({"kind": "count"}, 0.2)
    owner = house.sdk(house.owner).owner
    with house.node.database.reading() as session:
        before = session.scalars(select(func.count()).select_from(JudgedRow)).one(), house.ledger()
    found = owner.try_policy(DEAR)
    assert [tried.what for tried in found.requests] == ["count", "mean", "mean"]
    assert [(tried.epsilon, tried.was, tried.would_be, tried.rule) for tried in found.changed] == [
        (0.4, Effect.ALLOW, Effect.DENY, "dear")
    ]
    assert found.describe().startswith("1 of the last 3 requests would be answered otherwise")
    with house.node.database.reading() as session:
        assert (session.scalars(select(func.count()).select_from(JudgedRow)).one(), house.ledger()) == before
    assert owner.policy().number == 0
    assert house.ask({"kind": "sum", "column": "age"}, 0.4).status_code == 200
    owner.set_policy(DEAR)
    assert owner.try_policy("").changed == ()
    house.ask(MEAN, 0.4)
    assert [tried.was_rule for tried in owner.try_policy("").changed] == ["dear"]
    assert [version.number for version in owner.policies()] == [1]


def test_a_refused_question_is_remembered_without_an_answer_and_old_ones_are_forgotten(
    build_house: Any, monkeypatch: Any
) -> None:
    house = build_house()
    monkeypatch.setattr(history, "KEPT", 3)
    for epsilon in (0.1, 0.2, 0.3, 0.4):
        assert house.ask(MEAN, epsilon).status_code == 403
    found = house.sdk(house.owner).owner.try_policy("")
    assert [tried.epsilon for tried in found.requests] == [0.4, 0.3, 0.2]
    assert {tried.was for tried in found.requests} == {Effect.DENY}
    assert found.changed == ()


def test_two_persons_must_agree_above_the_threshold(build_house: Any) -> None:
    house = build_house()
    second = person(house, "Rosa Reviewer", Role.REVIEWER)
    put(house, TWO)
    wish = house.request(1.0)
    assert wish["waiting_for"] == "two persons: above epsilon 0.5 two must agree"
    first = decide(house, wish).json()
    assert (first["status"], first["grant"]) == ("submitted", None)
    assert first["waiting_for"] == "a second person: above epsilon 0.5 two must agree, and one has"
    assert house.ask(MEAN).json()["code"] == "grant_required"
    again = decide(house, wish)
    assert (again.status_code, again.json()["code"]) == (403, "access_denied")
    both = decide(house, wish, second, epsilon=0.8).json()
    assert (both["status"], len(both["approvals"]), both["waiting_for"]) == ("granted", 2, "")
    assert house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).json()["cap"] == 0.8
    kinds = [entry["kind"] for entry in house.ledger()]
    assert (kinds.count("approval.given"), kinds.count("request.decided"), kinds.count("grant.given")) == (2, 1, 1)


def test_up_to_the_threshold_one_person_is_enough_and_one_no_always_is(build_house: Any) -> None:
    house = build_house()
    put(house, TWO)
    assert decide(house, house.request(0.5)).json()["status"] == "granted"
    assert decide(house, house.request(1.0), epsilon=0.4).json()["status"] == "granted"
    wish = house.request(1.0)
    decide(house, wish)
    assert decide(house, wish, outcome="denied", reason="on second thoughts").json()["status"] == "denied"


def test_both_are_bound_to_the_same_digest(build_house: Any) -> None:
    house = build_house()
    second = person(house, "Rosa Reviewer", Role.REVIEWER)
    put(house, TWO)
    wish = house.request(1.0)
    decide(house, wish)
    assert decide(house, wish, second, digest="0" * 64).status_code == 409
    with house.node.database.writing() as session:
        session.execute(update(AccessRequestRow).values(digest="1" * 64))
    changed = decide(house, {**wish, "digest": "1" * 64}, second)
    assert (changed.status_code, changed.json()["code"]) == (409, "decision_outdated")
    assert "not what the first person approved" in changed.json()["detail"]


@pytest.mark.parametrize("role", [Role.OWNER, Role.REVIEWER])
def test_nobody_decides_about_their_own_request(build_house: Callable[..., Any], role: Role) -> None:
    house = build_house()
    own = person(house, "Otto Both", role, "study")
    wish = house.request(0.2, own)
    for outcome in ("granted", "denied"):
        reply = decide(house, wish, own, outcome=outcome, reason="mine")
        assert (reply.status_code, reply.json()["code"]) == (403, "access_denied")
    assert decide(house, wish).json()["status"] == "granted"


def test_the_policy_is_shown_set_and_tried_at_the_node_s_machine(house: Any, tmp_path: Path) -> None:
    house.ask(MEAN, 0.4)
    file = tmp_path / "policy.toml"
    file.write_text(DEAR)

    def typed(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(node_commands, ["policy", *arguments, "--folder", str(house.folder)])
        assert result.exit_code == code, result.output
        return str(result.output)

    assert "allow -> deny (dear)" in typed("dry-run", str(file))
    assert "version 1 is in force" in typed("set", str(file))
    assert DEAR in typed("show")
    assert house.get("/v1/policy", house.owner).json()["by"] is None
    file.write_text(DEAR.replace("0.3", "-1"))
    assert "rule 'dear', epsilon_above: Input should be greater" in typed("set", str(file), code=1)


def test_a_time_of_day_counts_when_the_question_is_asked(house: Any) -> None:
    now = datetime.now(UTC)
    begin, end = f"{now.hour:02d}:00", f"{(now.hour + 2) % 24:02d}:00"
    put(house, f'[[rule]]\nname = "now"\neffect = "deny"\nhours = "{begin}-{end}"\nzone = "UTC"\n')
    assert house.ask(MEAN).json()["facts"] == {"rule": "now"}
    put(house, f'[[rule]]\nname = "then"\neffect = "deny"\nhours = "{end}-{begin}"\nzone = "UTC"\n')
    assert house.ask(MEAN).status_code == 200
