"""Stopping at once: nothing begins after the entry, what has begun stays spent, and a refusal names what is stopped."""

import threading
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from tests.node.test_jobs import form

from jali import errors
from jali.wire.person import Role
from jali_node.actions.jobs import run_round
from jali_node.actions.people.add_person import add_person
from jali_node.actions.people.create_token import create_token
from jali_node.commands import node as node_commands
from jali_node.engine.warehouse import Warehouse
from jali_node.ledger import book
from jali_node.tables import SpendRow

COUNT, MEAN = {"kind": "count"}, {"kind": "mean", "column": "age"}
WHY = "we are reading the ledger"


def population(house: Any) -> str:
    return str(house.get("/v1/populations", house.owner).json()[0]["id"])


def grant(house: Any) -> str:
    return str(next(wish["grant"] for wish in house.get("/v1/requests", house.owner).json() if wish["grant"]))


def frozen(house: Any, subject: str) -> dict[str, Any]:
    reply = house.post("/v1/freezes", {"subject": subject, "reason": WHY}, house.owner)
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


def states(house: Any) -> list[str]:
    with house.node.database.reading() as session:
        return list(session.scalars(select(SpendRow.state).order_by(SpendRow.created_at)))


SUBJECTS = {
    "this node": lambda house: "node",
    "the account of population people": population,
    "dataset visits": lambda house: house.dataset,
    "the grant": grant,
}


@pytest.mark.parametrize("named", SUBJECTS)
def test_what_is_frozen_is_refused_by_name_and_charges_nothing_until_it_is_lifted(house: Any, named: str) -> None:
    subject = SUBJECTS[named](house)
    assert house.ask(COUNT, 0.1).status_code == 200
    spent = house.population()["spent"]
    entry = frozen(house, subject)
    for refused in (house.ask(MEAN, 0.1), house.post("/v1/quotes", house.query(MEAN, 0.1))):
        assert (refused.status_code, refused.json()["code"]) == (403, "frozen")
        assert named in refused.json()["detail"]
        assert WHY in refused.json()["detail"]
        assert refused.json()["facts"]["subject"] == entry["subject"]
    assert house.ask(COUNT, 0.1).json()["repeated"] is True, "what was paid for is still answered, and free"
    assert house.population()["spent"] == spent
    assert states(house) == [book.COMMITTED]
    assert house.post("/v1/freezes", {"subject": subject, "reason": WHY}, house.owner).status_code == 409
    assert [found["subject"] for found in house.get("/v1/freezes", house.owner).json()] == [entry["subject"]]
    assert house.post(f"/v1/freezes/{subject}/end", {}, house.owner).status_code == 200
    assert house.ask(MEAN, 0.1).status_code == 200
    kinds = [(entry["kind"], entry["body"].get("subject")) for entry in house.ledger()]
    assert ("freeze.set", entry["subject"]) in kinds
    assert ("freeze.lifted", entry["subject"]) in kinds
    assert WHY not in str(house.ledger()), "a reason is in a table, where it can be erased"


def test_a_question_on_its_way_is_refused_if_it_has_not_begun_and_stays_spent_if_it_has(
    build_house: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build_house(database_url=database_url)
    house.grant()
    spend, read = book.spend, Warehouse.tallies
    at, go = threading.Event(), threading.Event()

    def held_up(step: Any) -> Any:
        def stepped(*args: Any, **kwargs: Any) -> Any:
            at.set()
            assert go.wait(30)
            return step(*args, **kwargs)

        return stepped

    for step, target, name, expected in ((spend, book, "spend", 403), (read, Warehouse, "tallies", 200)):
        at.clear()
        go.clear()
        replies: list[Any] = []
        with monkeypatch.context() as patched:
            if name == "tallies" or database_url.startswith("postgresql"):
                patched.setattr(target, name, held_up(step))
                asking = threading.Thread(target=lambda into: into.append(house.ask(MEAN, 0.1)), args=(replies,))
                asking.start()
                assert at.wait(30)
                frozen(house, "node")
                go.set()
                asking.join(30)
            else:  # SQLite has one writer: a freeze comes before the whole transaction, or after it
                frozen(house, "node")
                replies.append(house.ask(MEAN, 0.1))
        assert replies[0].status_code == expected, replies[0].text
        assert house.post("/v1/freezes/node/end", {}, house.owner).status_code == 200
        assert states(house) == ([] if expected == 403 else [book.COMMITTED])
    kinds = [entry["kind"] for entry in house.ledger()]
    set_at = [place for place, kind in enumerate(kinds) if kind == "freeze.set"]
    lifted_at = [place for place, kind in enumerate(kinds) if kind == "freeze.lifted"]
    for start, end in zip(set_at, lifted_at, strict=True):
        assert "spend.begun" not in kinds[start:end], "nothing begins while it is frozen"


def approved(house: Any) -> str:
    job = house.post("/v1/jobs", form(house, rounds=2)).json()
    decision = {"digest": job["digest"], "outcome": "approved"}
    reply = house.post(f"/v1/jobs/{job['id']}/decision", decision, house.owner)
    assert reply.status_code == 200, reply.text
    return str(job["id"])


def test_a_queued_round_waits_under_a_freeze_and_goes_on_after_it(build_house: Any) -> None:
    house = build_house(cap=5.0)
    job = approved(house)
    weights = {"run": "run-1", "weights": form(house)["weights"]}
    assert house.post(f"/v1/jobs/{job}/rounds/1", weights).status_code == 200
    [(_, number, attempt)] = run_round.waiting_rounds(house.node)
    frozen(house, population(house))
    assert run_round.waiting_rounds(house.node) == []
    assert run_round.claim(house.node, job, number, attempt, "worker-1") is False, "a worker that was just too late"
    refused = house.get(f"/v1/jobs/{job}/rounds/1")
    assert (refused.status_code, refused.json()["code"]) == (403, "frozen")
    assert "the account of population people" in refused.json()["detail"]
    assert states(house) == [book.HELD, book.HELD]
    assert house.post(f"/v1/freezes/{population(house)}/end", {}, house.owner).status_code == 200
    assert run_round.waiting_rounds(house.node) == [(job, 1, attempt)]
    assert run_round.claim(house.node, job, 1, attempt, "worker-1") is True
    frozen(house, "node")
    assert sorted(states(house)) == [book.BEGUN, book.HELD], "what has begun stays spent"
    assert house.get(f"/v1/jobs/{job}/rounds/1").json()["status"] == "running"


def test_a_revoked_grant_ends_at_once_for_good_and_its_holder_s_jobs_with_it(build_house: Any) -> None:
    house = build_house(cap=5.0)
    house.grant()
    job = approved(house)
    assert house.post(f"/v1/jobs/{job}/rounds/1", {"run": "r", "weights": form(house)["weights"]}).status_code == 200
    assert run_round.claim(house.node, job, 1, 1, "worker-1")
    assert house.ask(COUNT, 0.1).status_code == 200
    owner = house.sdk(house.owner).owner
    mine = grant(house)
    ended = owner.revoke(mine, WHY)
    assert ended.final
    assert ended.name == "Dana Scientist, visits"
    refused = house.ask(MEAN, 0.1)
    assert (refused.status_code, refused.json()["code"]) == (403, "grant_required")
    assert "was revoked on" in refused.json()["detail"]
    assert WHY in refused.json()["detail"]
    assert house.ask(COUNT, 0.1).status_code == 403, "not even what was answered is answered again"
    assert sorted(states(house)) == [book.COMMITTED, book.FREED, book.SETTLED], "the begun round stays spent"
    assert not run_round._stored(house.node, job, 1, 1, b"too late", False), "and its reply is destroyed"
    assert house.get(f"/v1/jobs/{job}").json()["status"] == "cancelled"
    assert house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).status_code == 403
    with pytest.raises(errors.InvalidRequest, match="a revoked grant does not come back"):
        owner.unfreeze(mine)
    with pytest.raises(errors.DecisionOutdated):
        owner.revoke(mine, WHY)
    house.grant()
    assert house.ask(MEAN, 0.1).status_code == 200, "a new request can be granted"
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_a_reviewer_stops_and_only_an_owner_lets_go_on(house: Any) -> None:
    add_person(house.node, "Rosa Reviewer", Role.REVIEWER, ())
    reviewer = create_token(house.node, "Rosa Reviewer", 1)[0]
    assert house.post("/v1/freezes", {"subject": "node", "reason": WHY}, reviewer).json()["by_name"] == "Rosa Reviewer"
    assert house.post("/v1/freezes/node/end", {}, reviewer).status_code == 403
    assert house.post("/v1/freezes/node/end", {}, house.owner).status_code == 200
    for body in ({"subject": "everything", "reason": WHY}, {"subject": "node", "reason": ""}, {"subject": "node"}):
        assert house.post("/v1/freezes", body, reviewer).status_code == 400


def test_an_owner_at_the_machine_freezes_by_name(house: Any) -> None:
    def typed(*arguments: str, code: int = 0) -> str:
        told = CliRunner().invoke(node_commands, [*arguments, "--folder", str(house.folder)])
        assert told.exit_code == code, told.output
        return told.output

    assert "the account of population people is frozen" in typed("freeze", "--population", "people", "--reason", WHY)
    assert house.ask(MEAN, 0.1).json()["code"] == "frozen"
    assert "no longer frozen" in typed("unfreeze", "--population", "people")
    assert "there is no dataset nothing" in typed("freeze", "--dataset", "nothing", "--reason", WHY, code=1)
    assert "expected one of" in typed("freeze", "--dataset", "a", "--grant", "b", "--reason", WHY, code=1)
    assert "this node is frozen" in typed("freeze", "--reason", WHY)
    assert "this node is no longer frozen" in typed("unfreeze")
    assert "the grant of Dana Scientist, visits is revoked" in typed("revoke", grant(house), "--reason", WHY)
    assert house.ask(MEAN, 0.1).json()["code"] == "grant_required"
