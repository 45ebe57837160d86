"""One life for every wish: filed, discussed, changed, decided once, withdrawn or lapsed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from tests.node.test_jobs import form as job_form

from jali.wire.person import Role
from jali_node.actions.people.add_person import add_person
from jali_node.actions.people.create_token import create_token
from jali_node.actions.wishes.expire import expire
from jali_node.policy import request_state
from jali_node.tables import AccessRequestRow, GrantRow, JobRow

MEAN = {"kind": "mean", "column": "age"}
PURPOSE = "to test the house"


@pytest.fixture
def house(build_house: Any) -> Any:
    return build_house(cap=3.0)


def access(house: Any, **other: Any) -> dict[str, Any]:
    return {"dataset": house.dataset, "project": house.project, "purpose": PURPOSE, "epsilon": 1.0, **other}


def decide(house: Any, wish: dict[str, Any], outcome: str = "granted", token: str = "", **other: Any) -> Any:
    body = {"digest": wish["digest"], "revision": wish["revision"], "outcome": outcome, **other}
    path = "jobs" if wish["id"].startswith("job_") else "requests"
    return house.post(f"/v1/{path}/{wish['id']}/decision", body, token or house.owner)


def ask_for_changes(house: Any, wish: dict[str, Any], reason: str = "one column less, please") -> dict[str, Any]:
    reply = decide(house, wish, "changes_asked", reason=reason)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def resubmit(house: Any, wish: dict[str, Any], form: Any) -> Any:
    path = "jobs" if wish["id"].startswith("job_") else "requests"
    return house.post(f"/v1/{path}/{wish['id']}/revisions", form)


def changes(house: Any, wish: dict[str, Any], **params: Any) -> list[str]:
    reply = house.get(f"/v1/requests/{wish['id']}/changes", **params)
    assert reply.status_code == 200, reply.text
    said = {"added": "+", "removed": "-", "changed": "~"}
    return [f"{said[change['what']]}{change['field']}" for change in reply.json()["changes"]]


def happened(house: Any, wish: dict[str, Any]) -> list[str]:
    return [line["happened"] for line in house.get(f"/v1/requests/{wish['id']}/discussion").json()]


def test_changes_are_asked_for_with_a_reason_made_and_granted(house: Any) -> None:
    wish = house.request(columns=["age", "weight"])
    assert decide(house, wish, "changes_asked", reason=" ").json()["field"] == "reason"
    asked = ask_for_changes(house, wish)
    assert (asked["status"], asked["reason"]) == ("changes_asked", "one column less, please")
    assert asked["waiting_for"] == "the asker, who is to change it"
    assert decide(house, wish).json()["detail"] == "changes were asked for; it waits to be resubmitted"
    again = resubmit(house, wish, access(house, epsilon=0.5, columns=["age"]))
    assert again.status_code == 201, again.text
    new = again.json()
    assert (new["id"], new["revision"], new["status"]) == (wish["id"], 2, "submitted")
    assert changes(house, wish) == ["-columns", "~epsilon"]
    assert decide(house, new).json()["status"] == "granted"
    assert house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).json()["cap"] == 0.5
    assert happened(house, wish) == ["filed", "changes_asked", "resubmitted", "granted"]


def test_a_decision_about_an_older_revision_is_refused_and_both_are_named(house: Any) -> None:
    wish = house.request()
    new = resubmit(house, wish, access(house, epsilon=0.4)).json()
    for outcome in ("granted", "denied", "changes_asked"):
        problem = decide(house, wish, outcome, reason="because").json()
        assert (problem["status"], problem["code"]) == (409, "decision_outdated")
        assert f"revision 1 (digest {wish['digest'][:12]})" in problem["detail"]
        assert f"the newest is revision 2 (digest {new['digest'][:12]})" in problem["detail"]
        assert (problem["facts"]["revision"], problem["facts"]["newest_revision"]) == (1, 2)
    back = resubmit(house, wish, access(house)).json()
    assert (back["digest"], back["revision"]) == (wish["digest"], 3)
    assert decide(house, wish).json()["field"] == "revision"
    assert decide(house, back).status_code == 200


def test_a_revision_must_differ_and_remain_the_same_wish(house: Any) -> None:
    wish = house.request()
    assert resubmit(house, wish, access(house)).json()["detail"].startswith("nothing differs from revision 1")
    query = {"kind": "question", "purpose": PURPOSE, "query": house.query(MEAN, 0.1)}
    assert resubmit(house, wish, query).json()["field"] == "kind"
    assert resubmit(house, wish, access(house, columns=["soul"])).json()["code"] == "unknown_column"
    assert decide(house, wish, "denied", reason="no").status_code == 200
    assert resubmit(house, wish, access(house, epsilon=0.1)).json()["code"] == "decision_outdated"
    assert house.get(f"/v1/requests/{wish['id']}").json()["revision"] == 1


def test_a_first_yes_falls_with_the_revision_that_it_was_about(house: Any) -> None:
    text = "[approval]\ntwo_persons_above_epsilon = 0.5\n"
    assert house.client.put("/v1/policy", headers=house.bearer(house.owner), json={"text": text}).status_code == 200
    add_person(house.node, "Rosa Reviewer", Role.REVIEWER)
    second = create_token(house.node, "Rosa Reviewer", 1)[0]
    wish = house.request()
    assert len(decide(house, wish).json()["approvals"]) == 1
    new = resubmit(house, wish, access(house, columns=["age"])).json()
    assert new["approvals"] == []
    assert decide(house, new, token=second).json()["status"] == "submitted"
    assert decide(house, new).json()["status"] == "granted"
    assert happened(house, wish) == ["filed", "approved_first", "resubmitted", "approved_first", "granted"]


def test_both_sides_talk_and_nobody_else_listens(house: Any) -> None:
    wish = house.request()
    path = f"/v1/requests/{wish['id']}"
    add_person(house.node, "Stan Stranger", Role.DATA_SCIENTIST, ("study",))
    stranger = create_token(house.node, "Stan Stranger", 1)[0]
    assert house.post(f"{path}/comments", {"text": "why so much?"}, house.owner).status_code == 201
    assert house.post(f"{path}/comments", {"text": "<b>less</b> will do"}).status_code == 201
    assert house.post(f"{path}/comments", {"text": "  "}).json()["field"] == "text"
    said = house.get(f"{path}/discussion").json()[1:]
    assert [(line["by_asker"], line["text"]) for line in said] == [
        (False, "why so much?"),
        (True, "<b>less</b> will do"),
    ]
    for reply in (
        house.get(f"{path}/discussion", stranger),
        house.get(f"{path}/changes", stranger),
        house.post(f"{path}/comments", {"text": "me too"}, stranger),
        house.post(f"{path}/revisions", access(house, epsilon=0.1), stranger),
        house.post(f"{path}/withdrawal", {}, stranger),
    ):
        assert (reply.status_code, reply.json()["code"]) == (404, "unknown_resource")
    assert "why so much" not in str(house.ledger())


def test_who_asked_may_withdraw_until_it_is_decided(house: Any) -> None:
    wish = house.request()
    assert house.post(f"/v1/requests/{wish['id']}/withdrawal", {}, house.owner).status_code == 404
    assert house.post(f"/v1/requests/{wish['id']}/withdrawal", {}).json()["status"] == "withdrawn"
    assert decide(house, wish).json()["detail"] == "the request is withdrawn already"
    assert house.post(f"/v1/requests/{wish['id']}/withdrawal", {}).json()["code"] == "decision_outdated"


def test_what_nobody_decides_lapses_on_the_day_that_was_told(build_house: Any) -> None:
    house = build_house(request_expire_days=10, request_answer_days=2)
    wish, job = house.request(), house.post("/v1/jobs", job_form(house)).json()
    for told in (wish, job):
        filed = datetime.fromisoformat(told["created_at"])
        for name, days in (("undecided_until", 10), ("answer_by", 2)):
            assert abs(datetime.fromisoformat(told[name]) - filed - timedelta(days=days)) < timedelta(seconds=5)
    ago = datetime.now(UTC) - timedelta(seconds=1)
    with house.node.database.writing() as session:
        session.execute(update(AccessRequestRow).values(undecided_until=ago))
        session.execute(update(JobRow).values(undecided_until=ago))
    for row in (wish, job):
        path = "jobs" if row is job else "requests"
        seen = house.get(f"/v1/{path}/{row['id']}").json()
        assert (seen["status"], seen["reason"], seen["waiting_for"]) == ("expired", "nobody decided in time", "")
        late = decide(house, row, "denied", reason="too late")
        assert (late.status_code, late.json()["facts"]["status"]) == (409, "expired")
        assert "lapsed undecided on" in late.json()["detail"]
        assert happened(house, row) == ["filed"]
    assert resubmit(house, wish, access(house, epsilon=0.1)).status_code == 409
    assert (expire(house.node), expire(house.node)) == (2, 0)
    assert happened(house, wish) == happened(house, job) == ["filed", "expired"]
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_a_grant_is_given_more_and_its_spends_stay(house: Any) -> None:
    house.grant(0.5)
    assert house.ask(MEAN, 0.5).status_code == 200
    budget = house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).json()
    more = {"kind": "budget", "grant": budget["grant"], "purpose": PURPOSE, "epsilon": 0.7}
    wish = house.post("/v1/requests", more).json()
    assert (wish["kind"], wish["raises"], wish["epsilon"]) == ("budget", budget["grant"], 0.7)
    assert house.ask({"kind": "count"}, 0.4).json()["code"] == "budget_exhausted"
    too_much = decide(house, wish, epsilon=2.6).json()
    assert too_much["detail"] == "expected at most the population's cap of 3, got 3.1"
    assert decide(house, wish, epsilon=0.6).json()["status"] == "granted"
    after = house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).json()
    assert (after["cap"], after["spent"], after["grant"]) == (1.1, budget["spent"], budget["grant"])
    assert house.ask({"kind": "count"}, 0.4).status_code == 200
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_more_for_a_grant_counts_the_whole_quota_against_two_persons(house: Any) -> None:
    text = "[approval]\ntwo_persons_above_epsilon = 1.0\n"
    assert house.client.put("/v1/policy", headers=house.bearer(house.owner), json={"text": text}).status_code == 200
    house.grant(0.8)
    grant = house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).json()["grant"]
    more = {"kind": "budget", "grant": grant, "purpose": PURPOSE, "epsilon": 0.3}
    wish = house.post("/v1/requests", more).json()
    assert "two persons" in wish["waiting_for"]
    assert decide(house, wish).json()["status"] == "submitted"


def test_more_is_given_to_one_s_own_living_grant_only(house: Any) -> None:
    house.grant(0.5)
    grant = house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).json()["grant"]
    more = {"kind": "budget", "grant": grant, "purpose": PURPOSE, "epsilon": 0.1}
    add_person(house.node, "Stan Stranger", Role.DATA_SCIENTIST, ("study",))
    stranger = create_token(house.node, "Stan Stranger", 1)[0]
    assert house.post("/v1/requests", more, stranger).json()["field"] == "grant"
    wish = house.post("/v1/requests", more).json()
    with house.node.database.writing() as session:
        session.execute(update(GrantRow).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert house.post("/v1/requests", more).json()["detail"].startswith("this grant ended on")
    assert decide(house, wish).json()["field"] == "grant"
    assert house.get(f"/v1/requests/{wish['id']}").json()["status"] == "submitted"


def test_a_question_that_was_granted_is_asked_at_its_price_and_nothing_else_is(house: Any) -> None:
    house.grant(1.0, statistics=["count"])
    filed = house.ask(MEAN, 0.3)
    assert filed.status_code == 202
    wish = house.get(f"/v1/requests/{filed.json()['facts']['request']}").json()
    assert (wish["kind"], wish["query"]["statistic"]["column"]) == ("question", "age")
    assert decide(house, wish, epsilon=0.2).json()["field"] == "epsilon"
    assert decide(house, wish).json()["status"] == "granted"
    old = {"op": "gt", "left": {"op": "column", "name": "age"}, "right": {"op": "number", "value": 80}}
    others = (
        house.query(MEAN, 0.2),
        house.query({"kind": "mean", "column": "weight"}, 0.3),
        house.query(MEAN, 0.3, selection={"where": old}),
    )
    for other in others:
        assert house.post("/v1/queries", other).status_code == 202
    answer = house.ask(MEAN, 0.3)
    assert (answer.status_code, answer.json()["epsilon"]) == (200, 0.3)
    assert house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).json()["cap"] == 1.0


def test_a_question_can_be_asked_for_without_any_access_and_bought_cheaper_when_resubmitted(house: Any) -> None:
    form = {"kind": "question", "purpose": PURPOSE, "query": house.query(MEAN, 0.3)}
    wish = house.post("/v1/requests", form).json()
    ask_for_changes(house, wish, "it is worth less to us")
    new = resubmit(house, wish, {**form, "query": house.query(MEAN, 0.2)}).json()
    assert changes(house, wish) == ["~epsilon", "~query.epsilon"]
    assert decide(house, new).status_code == 200
    assert house.ask(MEAN, 0.3).json()["code"] == "grant_required"
    assert house.ask(MEAN, 0.2).status_code == 200


def test_a_job_lives_the_same_life(house: Any) -> None:
    job = house.post("/v1/jobs", job_form(house)).json()
    assert decide(house, job, "changes_asked").json()["field"] == "reason"
    assert ask_for_changes(house, job)["status"] == "changes_asked"
    assert decide(house, job, "approved").status_code == 409
    form = job_form(house, rounds=3, features=["site", "weight"], learning_rate=0.25)
    new = resubmit(house, job, form)
    assert new.status_code == 201, new.text
    assert (new.json()["revision"], new.json()["status"]) == (2, "submitted")
    assert changes(house, job) == ["~features", "~learning_rate", "~rounds", "~weights"]
    assert decide(house, job, "approved").json()["facts"]["newest_revision"] == 2
    house.post(f"/v1/requests/{job['id']}/comments", {"text": "thank you"}, house.owner)
    assert decide(house, new.json(), "approved").json()["status"] == "approved"
    assert happened(house, job) == ["filed", "changes_asked", "resubmitted", "commented", "granted"]
    assert resubmit(house, job, form).status_code == 409
    assert resubmit(house, {"id": "job_0"}, form).status_code == 404


def test_a_job_with_changes_asked_for_can_be_withdrawn_and_frees_nothing(house: Any) -> None:
    job = house.post("/v1/jobs", job_form(house)).json()
    ask_for_changes(house, job)
    assert house.post(f"/v1/jobs/{job['id']}/end", {}).json()["status"] == "withdrawn"
    assert happened(house, job)[-1] == "withdrawn"
    assert house.population()["held"] == 0


def test_any_two_revisions_can_be_compared(house: Any) -> None:
    wish = house.request()
    for epsilon in (0.5, 0.25):
        assert resubmit(house, wish, access(house, epsilon=epsilon)).status_code == 201
    reply = house.get(f"/v1/requests/{wish['id']}/changes", since=1, until=3).json()
    assert reply == {
        "before": 1,
        "after": 3,
        "changes": [{"field": "epsilon", "what": "changed", "before": 1.0, "after": 0.25}],
    }
    assert house.get(f"/v1/requests/{wish['id']}/changes", until=4).status_code == 404
    assert house.get(f"/v1/requests/{house.request()['id']}/changes").json()["changes"] == []


def test_every_way_through_a_request_s_life_ends_or_goes_on_as_drawn() -> None:
    final = {"granted", "denied", "withdrawn", "expired"}
    reached = {to.value for moves in request_state.MOVES.values() for to in moves}
    assert reached == {*final, "submitted", "changes_asked"}
    assert set(request_state.OPEN) == reached - final
