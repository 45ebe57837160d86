"""Wishes, decisions and grants."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from jali_node.policy import rules
from jali_node.policy.conditions import Asked
from jali_node.tables import GrantRow

MEAN = {"kind": "mean", "column": "age"}
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def decide(house: Any, wish: dict[str, Any], **decision: Any) -> Any:
    body = {"digest": wish["digest"], "outcome": "granted", **decision}
    return house.post(f"/v1/requests/{wish['id']}/decision", body, house.owner)


def test_without_a_grant_the_answer_is_no_and_says_how_to_ask(build_house: Any) -> None:
    house = build_house()
    for path, body in (("/v1/queries", house.query(MEAN)), ("/v1/quotes", house.query(MEAN))):
        reply = house.post(path, body)
        assert (reply.status_code, reply.json()["code"]) == (403, "grant_required")
        assert "request_access" in reply.json()["detail"]
    assert house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).json()["code"] == "grant_required"


def test_a_grant_may_be_smaller_than_the_wish(build_house: Any) -> None:
    house = build_house()
    decided = decide(house, house.request(1.0), epsilon=0.4, reason="to begin with")
    assert decided.json()["status"] == "granted"
    assert house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).json()["cap"] == 0.4


def test_a_denial_needs_a_reason_and_gives_nothing(build_house: Any) -> None:
    house = build_house()
    wish = house.request()
    assert decide(house, wish, outcome="denied").json()["field"] == "reason"
    assert decide(house, wish, outcome="denied", reason="no ethics number").json()["status"] == "denied"
    assert house.ask(MEAN).json()["code"] == "grant_required"
    assert house.get(f"/v1/requests/{wish['id']}").json()["reason"] == "no ethics number"


def test_a_decision_is_bound_to_what_was_read_and_final(build_house: Any) -> None:
    house = build_house()
    wish = house.request()
    assert decide(house, wish, digest="0" * 64).json()["code"] == "decision_outdated"
    assert decide(house, wish).status_code == 200
    again = decide(house, wish, outcome="denied", reason="changed my mind")
    assert (again.status_code, again.json()["code"]) == (409, "decision_outdated")


def test_nobody_but_an_owner_decides(build_house: Any) -> None:
    house = build_house()
    wish = house.request()
    body = {"digest": wish["digest"], "outcome": "granted"}
    assert house.post(f"/v1/requests/{wish['id']}/decision", body).json()["code"] == "access_denied"


def test_a_wish_for_what_does_not_exist_is_refused(build_house: Any) -> None:
    house = build_house()
    form = {"dataset": house.dataset, "project": house.project, "purpose": "to test the house", "epsilon": 1.0}
    for extra, field in (
        ({"statistics": ["mode"]}, "statistics.0"),
        ({"columns": ["age", "soul"]}, "columns.1"),
        ({"purpose": "short"}, "purpose"),
        ({"epsilon": -1.0}, "epsilon"),
        ({"dataset": "ds_00"}, "dataset"),
    ):
        reply = house.post("/v1/requests", form | extra)
        assert reply.json()["field"] == field, reply.text
    assert house.get("/v1/requests").json() == []


def test_what_lies_outside_a_grant_is_put_to_an_owner_once(build_house: Any) -> None:
    house = build_house()
    house.grant(1.0, statistics=["mean"], columns=["age"])
    assert house.ask(MEAN).status_code == 200
    outside = {"kind": "mean", "column": "weight"}
    reply = house.ask(outside, 0.3)
    assert (reply.status_code, reply.json()["code"]) == (202, "approval_required")
    filed = reply.json()["facts"]["request"]
    assert house.ask(outside, 0.3).json()["facts"]["request"] == filed
    wish = house.get(f"/v1/requests/{filed}").json()
    assert (wish["statistics"], wish["columns"], wish["epsilon"]) == (["mean"], ["weight"], 0.3)
    assert decide(house, wish).status_code == 200
    assert house.ask(outside, 0.3).status_code == 200


def test_a_filter_or_a_derived_column_reads_what_it_is_made_of_and_needs_the_grant_for_it(build_house: Any) -> None:
    house = build_house()
    house.grant(1.0, statistics=["mean"], columns=["age"])
    weight = {"op": "column", "name": "weight"}
    heavy = {"where": {"op": "gt", "left": weight, "right": {"op": "number", "value": 80}}}
    double = {"op": "multiply", "left": weight, "right": {"op": "number", "value": 2}}
    for statistic, selection in (
        (MEAN, heavy),
        ({"kind": "mean", "column": "(weight * 2)"}, {"derived": [double]}),
    ):
        reply = house.post("/v1/queries", house.query(statistic, 0.2, selection=selection))
        assert (reply.status_code, reply.json()["code"]) == (202, "approval_required"), reply.text
        wish = house.get(f"/v1/requests/{reply.json()['facts']['request']}").json()
        assert "weight" in wish["columns"]
        assert "weight" in wish["purpose"]


def test_an_expired_grant_denies(house: Any) -> None:
    with house.node.database.writing() as session:
        session.execute(update(GrantRow).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert "ended" in house.ask(MEAN).json()["detail"]


def test_rules_speak_in_order() -> None:
    whole = rules.Grant("g1", "a1", NOW + timedelta(days=1))
    narrow = rules.Grant("g2", "a2", NOW + timedelta(days=1), frozenset({"mean"}), frozenset({"age"}))
    ended = rules.Grant("g3", "a3", NOW)
    age = frozenset({"age"})

    def said(grants: list[rules.Grant], statistic: str, columns: frozenset[str]) -> Any:
        who = frozenset({"per_1"})
        asked = Asked(who, "data_scientist", who, who, columns, 0.1, statistic=statistic)
        return rules.decide(grants, asked, NOW).verdict

    assert isinstance(said([], "mean", age), rules.Deny)
    assert isinstance(said([ended], "mean", age), rules.Deny)
    assert said([ended, narrow], "mean", age) == rules.Allow(narrow)
    assert isinstance(said([narrow], "count", age), rules.AskOwner)
    assert isinstance(said([narrow], "mean", age | {"weight"}), rules.AskOwner)
    assert said([narrow, whole], "count", frozenset()) == rules.Allow(whole)


def test_a_refusal_names_what_was_granted_and_what_was_asked(build_house: Any) -> None:
    house = build_house()
    house.grant(1.0, statistics=["mean", "count"], columns=["age"])
    heavy = {"where": {"op": "gt", "left": {"op": "column", "name": "weight"}, "right": {"op": "number", "value": 80}}}
    for statistic, selection, said in (
        ({"kind": "sum", "column": "age"}, {}, "it allows the statistics count, mean, and this is sum"),
        ({"kind": "mean", "column": "weight"}, {}, "it allows the columns age, and this reads weight too"),
        (MEAN, heavy, "it allows the columns age, and this reads weight too"),
    ):
        reply = house.post("/v1/queries", house.query(statistic, 0.2, selection=selection))
        assert (reply.status_code, said in reply.json()["detail"]) == (202, True), reply.text


def test_a_grant_names_the_jobs_it_is_for_and_others_are_refused(build_house: Any) -> None:
    from tests.node.test_jobs import form

    house = build_house(cap=3.0)
    training = form(house)
    assert house.post("/v1/jobs/quotes", training).status_code == 200
    wish = house.grant(1.0, job_kinds=[])
    assert house.get(f"/v1/requests/{wish['id']}").json()["job_kinds"] == []
    for path in ("/v1/jobs/quotes", "/v1/jobs"):
        reply = house.post(path, training)
        assert (reply.status_code, reply.json()["code"]) == (403, "access_denied")
        assert "it allows jobs of kind none, and this is train" in reply.json()["detail"]
    house.grant(0.1, columns=["age"])
    reply = house.post("/v1/jobs", training)
    assert "it allows the columns age, and this reads" in reply.json()["detail"], reply.text
    house.grant(0.1, job_kinds=["train"])
    assert house.post("/v1/jobs", training).status_code == 201
    unknown = {"dataset": house.dataset, "project": house.project, "purpose": "to test the house", "epsilon": 1.0}
    assert "job_kinds" in house.post("/v1/requests", unknown | {"job_kinds": ["mine"]}).json()["field"]


def test_a_job_outside_a_grant_is_not_approved_by_a_person_either(build_house: Any) -> None:
    from tests.node.test_jobs import form

    house = build_house(cap=3.0)
    job = house.post("/v1/jobs", form(house)).json()
    house.grant(1.0, job_kinds=[])
    body = {"digest": job["digest"], "outcome": "approved"}
    reply = house.post(f"/v1/jobs/{job['id']}/decision", body, house.owner)
    assert (reply.status_code, "jobs of kind none" in reply.json()["detail"]) == (403, True)


def test_a_grant_s_delta_bounds_what_unknown_keys_take(build_house: Any) -> None:
    columns = [{"name": "drug", "type": "text"}]
    house = build_house([{"drug": "aspirin"}] * 500, {"drug": "VARCHAR"}, columns)
    pool = house.population()["keys_delta"]
    form = {"dataset": house.dataset, "project": house.project, "purpose": "to test the house", "epsilon": 1.0}
    above = house.post("/v1/requests", form | {"delta": 2 * pool}).json()
    assert above["field"] == "delta"
    assert f"{pool:.3g}" in above["detail"]
    assert f"{2 * pool:.3g}" in above["detail"]
    house.grant(1.0, delta=pool / 4)
    top = {"kind": "top", "column": "drug", "k": 3, "delta": pool / 2}
    reply = house.ask(top, 0.5)
    assert (reply.status_code, reply.json()["field"], reply.json()["facts"]["kind"]) == (403, "delta", "quota")
    assert house.ask({**top, "delta": pool / 8}, 0.5).status_code == 200
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]
