"""What is charged, what is free, and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from jali.wire.person import Role
from jali_node.actions.people.add_person import add_person, add_project
from jali_node.actions.people.create_token import create_token
from jali_node.tables import ReleaseRow

COUNT = {"kind": "count"}
MEAN = {"kind": "mean", "column": "age"}


def releases(house: Any) -> int:
    with house.node.database.reading() as session:
        return int(session.scalar(select(func.count()).select_from(ReleaseRow)))


def second_project(house: Any) -> tuple[str, str]:
    """Add another project with a member of its own; return its id and the member's token."""
    project = add_project(house.node, "other study", "to test")
    add_person(house.node, "Oskar Other", Role.DATA_SCIENTIST, ("other study",))
    token, _ = create_token(house.node, "Oskar Other", 30)
    return project.id, token


def grant(house: Any, token: str, project: str, epsilon: float = 1.0) -> None:
    wish = house.request(epsilon, token, project=project)
    decision = {"digest": wish["digest"], "outcome": "granted"}
    assert house.post(f"/v1/requests/{wish['id']}/decision", decision, house.owner).status_code == 200


def test_a_question_beyond_the_quota_is_refused_and_costs_nothing(house: Any) -> None:
    before = house.ledger()
    reply = house.ask(COUNT, 1.5)
    assert (reply.status_code, reply.json()["code"]) == (403, "budget_exhausted")
    facts = reply.json()["facts"]
    assert facts["kind"] == "quota"
    assert facts["price"] == pytest.approx(1.5)
    assert facts["left"] == pytest.approx(1.0)
    assert house.ledger() == before
    assert releases(house) == 0


def test_the_last_of_a_quota_can_be_spent_to_the_end(house: Any) -> None:
    assert house.ask(MEAN, 1.0).status_code == 200
    assert house.ask(COUNT, 1.0).json()["code"] == "budget_exhausted"


def test_a_refusal_by_the_quota_does_not_tell_of_the_populations_account(build_house: Any) -> None:
    house = build_house(cap=1.0)
    house.grant(1.0)
    project, token = second_project(house)
    grant(house, token, project, 0.5)
    assert house.ask(MEAN, 1.0).status_code == 200
    reply = house.post("/v1/queries", house.query(COUNT, 0.9) | {"project": project}, token)
    assert reply.json()["facts"]["kind"] == "quota"


def test_the_populations_cap_binds_all_grants_together(build_house: Any) -> None:
    house = build_house(cap=1.0)
    house.grant(1.0)
    project, token = second_project(house)
    grant(house, token, project)
    assert house.ask(MEAN, 1.0).status_code == 200
    query = house.query(COUNT, 1.0) | {"project": project}
    reply = house.post("/v1/queries", query, token)
    assert reply.json()["code"] == "budget_exhausted"
    assert reply.json()["facts"]["kind"] == "population"
    assert house.get(f"/v1/datasets/{house.dataset}/budget", token, project=project).json()["left"] == 1.0


def test_a_grant_beyond_the_populations_cap_is_refused(build_house: Any) -> None:
    house = build_house(cap=1.0)
    wish = house.request(1.5)
    decision = {"digest": wish["digest"], "outcome": "granted"}
    reply = house.post(f"/v1/requests/{wish['id']}/decision", decision, house.owner)
    assert (reply.status_code, reply.json()["field"]) == (400, "epsilon")
    assert house.get(f"/v1/requests/{wish['id']}").json()["status"] == "submitted"


def test_the_same_question_again_is_free_and_the_very_same_answer(house: Any) -> None:
    first = house.ask(MEAN, 0.5).json()
    before = house.ledger()
    again = house.ask(MEAN, 0.5).json()
    assert again == first | {"repeated": True}
    assert house.ledger() == before
    assert house.post("/v1/quotes", house.query(MEAN, 0.5)).json()["price"] == 0


def test_a_question_repeated_while_it_runs_is_paid_once(house: Any) -> None:
    with ThreadPoolExecutor(6) as pool:
        replies = [reply.json() for reply in pool.map(lambda _: house.ask(MEAN, 0.5), range(6))]
    assert len({reply["id"] for reply in replies}) == 1
    assert sorted(reply["repeated"] for reply in replies) == [False] + [True] * 5
    assert sum(entry["kind"] == "spend.begun" for entry in house.ledger()) == 1


def test_a_cheaper_question_is_answered_by_the_better_release_for_nothing(house: Any) -> None:
    first = house.ask(MEAN, 0.5).json()
    cheaper = house.ask(MEAN, 0.1).json()
    assert cheaper["measurements"] == first["measurements"]
    assert cheaper["repeated"]
    assert cheaper["left"] == first["left"]


def test_a_dearer_question_is_a_new_release(house: Any) -> None:
    first = house.ask(MEAN, 0.1).json()
    dearer = house.ask(MEAN, 0.5).json()
    assert not dearer["repeated"]
    assert dearer["measurements"]["sum:age"]["noise_stddev"] < first["measurements"]["sum:age"]["noise_stddev"]
    assert dearer["left"] < first["left"]


def test_other_levels_are_read_off_the_same_tree_for_nothing(house: Any) -> None:
    first = house.ask({"kind": "quantiles", "column": "age", "levels": [0.5]}, 0.3).json()
    other = house.ask({"kind": "quantiles", "column": "age", "levels": [0.1, 0.9]}, 0.3).json()
    assert other["repeated"]
    assert other["measurements"] == first["measurements"]
    assert other["statistic"]["levels"] == [0.1, 0.9]


def test_another_project_gets_the_same_values_under_its_own_quota_and_cannot_tell(build_house: Any) -> None:
    house = build_house(cap=3.0)
    house.grant(1.0)
    project, token = second_project(house)
    grant(house, token, project)
    mine = house.ask(MEAN, 0.5).json()
    spent = house.population()["spent"]
    theirs = house.post("/v1/queries", house.query(MEAN, 0.5) | {"project": project}, token).json()
    assert theirs["measurements"] == mine["measurements"]
    assert theirs["id"] != mine["id"]
    assert not theirs["repeated"]
    assert theirs["left"] == mine["left"]
    assert house.population()["spent"] == spent


def test_another_project_that_asks_for_less_gets_its_own_noise(build_house: Any) -> None:
    house = build_house(cap=3.0)
    house.grant(1.0)
    project, token = second_project(house)
    grant(house, token, project)
    mine = house.ask(MEAN, 0.5).json()
    theirs = house.post("/v1/queries", house.query(MEAN, 0.1) | {"project": project}, token).json()
    alone = house.post("/v1/quotes", house.query(MEAN, 0.1) | {"project": project}, token).json()
    assert theirs["measurements"]["sum:age"]["noise_stddev"] > mine["measurements"]["sum:age"]["noise_stddev"]
    assert alone["repeated"]  # now that it is theirs


def test_a_quote_charges_nothing_and_says_what_would_be_left(house: Any) -> None:
    before = house.ledger()
    quote = house.post("/v1/quotes", house.query(MEAN, 0.5)).json()
    assert house.ledger() == before
    assert quote["left_before"] == 1.0
    assert house.ask(MEAN, 0.5).json()["left"] == quote["left_after"]


def test_a_useless_answer_is_warned_about_before_it_is_bought(house: Any) -> None:
    many = {"kind": "histogram", "column": "age", "bins": 400}
    assert "little use" in house.post("/v1/quotes", house.query(many, 0.05)).json()["warnings"][0]
    assert house.post("/v1/quotes", house.query(COUNT, 0.5)).json()["warnings"] == []


def test_releases_can_be_read_again_by_the_project_and_by_nobody_else(house: Any) -> None:
    first = house.ask(MEAN, 0.5).json()
    listed = house.get("/v1/releases", project=house.project).json()
    assert [release["id"] for release in listed] == [first["id"]]
    assert house.get(f"/v1/releases/{first['id']}").json()["measurements"] == first["measurements"]
    _, stranger = second_project(house)
    assert house.get(f"/v1/releases/{first['id']}", stranger).status_code == 404
    assert house.get("/v1/releases", stranger, project=house.project).status_code == 403
