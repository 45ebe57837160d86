"""Projects: what they stand on, their end, and who belongs to them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from tests.node.test_commands import typed
from tests.node.test_jobs import form

from jali import errors
from jali.wire.person import Role
from jali.wire.project import Project
from jali_node.actions.jobs import run_round
from jali_node.actions.people.add_person import add_person
from jali_node.actions.people.create_token import create_token
from jali_node.actions.projects.settle_project import end_project
from jali_node.tables import JobRow, ProjectRow

MEAN = {"kind": "mean", "column": "age"}


def end(house: Any, **body: Any) -> Any:
    return house.post(f"/v1/projects/{house.project}/end", body, house.owner)


def set_end(house: Any, moment: datetime | None) -> None:
    with house.node.database.writing() as session:
        session.execute(update(ProjectRow).where(ProjectRow.id == house.project).values(ends_at=moment))


def test_a_project_names_its_agreement_its_last_day_and_its_members(house: Any) -> None:
    owner, tomorrow = house.sdk(house.owner).owner, (datetime.now(UTC) + timedelta(days=1)).date()
    added = owner.add_project("falls", "to prevent them", "BASEC 2026-01234", tomorrow)
    assert (added.last_day, added.ended, added.members) == (tomorrow, False, ())
    joined = owner.add_member(added, "Dana Scientist")
    assert [member.name for member in joined.members] == ["Dana Scientist"]
    seen = house.sdk().projects()
    assert seen.names == ["falls", "study"]
    assert "under BASEC 2026-01234, until the end of" in repr(seen)
    assert "Dana Scientist" in seen._repr_html_()
    assert seen["study"].describe() == "no agreement number, no end date"
    with pytest.raises(KeyError, match="there are: falls, study"):
        seen["walks"]


def test_after_its_end_nothing_is_asked_or_filed_for_it_and_what_was_released_remains(house: Any) -> None:
    assert house.ask(MEAN).status_code == 200
    waiting = house.request(0.1)
    assert end(house).json()["ended"]
    before = len(house.ledger())
    wish = {"dataset": house.dataset, "project": house.project, "purpose": "to test the end", "epsilon": 0.1}
    query = house.query(MEAN)
    asked = [
        ("/v1/queries", query),
        ("/v1/quotes", query),
        ("/v1/requests", wish),
        ("/v1/requests", {"kind": "question", "query": query, "purpose": "to test the end"}),
        ("/v1/jobs/quotes", form(house)),
        ("/v1/jobs", form(house)),
    ]
    for path, body in asked:
        reply = house.post(path, body)
        assert (reply.status_code, reply.json()["code"]) == (403, "project_ended"), (path, reply.text)
        assert "project study ended on" in reply.json()["detail"]
    decision = {"digest": waiting["digest"], "outcome": "granted"}
    assert house.post(f"/v1/requests/{waiting['id']}/decision", decision, house.owner).json()["code"] == "project_ended"
    assert len(house.ledger()) == before
    assert len(house.get("/v1/releases", project=house.project).json()) == 1
    with pytest.raises(errors.ProjectEnded):
        house.sdk()["visits"].count(epsilon=0.1)


def test_its_last_day_is_part_of_it_and_an_owner_may_prolong_it(house: Any) -> None:
    today = datetime.now(UTC).date()
    assert end(house, last_day=str(today)).json()["ended"] is False
    assert house.ask(MEAN).status_code == 200
    set_end(house, datetime.now(UTC) - timedelta(seconds=1))
    assert house.ask(MEAN, 0.05).json()["code"] == "project_ended"
    assert end(house, last_day=str(today + timedelta(days=30))).json()["ended"] is False
    assert house.ask(MEAN, 0.05).status_code == 200
    past = end(house, last_day=str(today - timedelta(days=1))).json()
    assert (past["field"], str(today) in past["detail"]) == ("last_day", True)
    ends = [entry["body"]["ends_at"] for entry in house.ledger() if entry["kind"] == "project.ended"]
    assert [moment[:10] for moment in ends] == [str(today + timedelta(days=days)) for days in (1, 31)]


def test_a_round_that_was_not_begun_before_the_end_never_begins(build_house: Any) -> None:
    house = build_house(cap=3.0)
    job = house.post("/v1/jobs", form(house)).json()
    decision = {"digest": job["digest"], "outcome": "approved"}
    assert house.post(f"/v1/jobs/{job['id']}/decision", decision, house.owner).status_code == 200
    held = house.population()["held"]
    body = {"run": "run-1", "weights": form(house)["weights"]}
    assert house.post(f"/v1/jobs/{job['id']}/rounds/1", body).status_code == 200
    end_project(house.node, None, "study")
    [(job_id, number, attempt)] = run_round.waiting_rounds(house.node)
    assert not run_round.claim(house.node, job_id, number, attempt, "worker-1")
    with house.node.database.reading() as session:
        row = session.get_one(JobRow, job_id)
        assert (row.status, "ended" in row.reason) == ("failed", True)
    assert (held > 0, house.population()["held"], house.population()["spent"]) == (True, 0.0, 0.0)


def test_whoever_is_removed_neither_asks_nor_reads_and_whoever_is_added_does(house: Any) -> None:
    release = house.ask(MEAN).json()["id"]
    add_person(house.node, "Nora New", Role.DATA_SCIENTIST)
    nora, owner = create_token(house.node, "Nora New", 1)[0], house.sdk(house.owner).owner
    [study] = owner.projects()
    study = owner.add_member(study, "Nora New")
    assert owner.add_member(study, "Nora New") == study
    assert house.get(f"/v1/releases/{release}", nora).status_code == 200
    study = owner.remove_member(study, "Dana Scientist")
    assert [member.name for member in study.members] == ["Nora New"]
    assert house.ask(MEAN).json()["code"] == "access_denied"
    assert house.get(f"/v1/releases/{release}").status_code == 404
    assert len(house.sdk().projects()) == 0
    assert "ask an owner" in repr(house.sdk().projects())
    with pytest.raises(errors.UnknownResource, match="no member"):
        owner.remove_member(study, "Dana Scientist")
    kinds = [entry["kind"] for entry in house.ledger()]
    assert (kinds.count("member.removed"), kinds.count("member.added")) == (1, 2)
    assert "Nora" not in str(house.ledger())


def test_a_removed_member_s_job_takes_no_rounds_and_shows_no_weights(build_house: Any) -> None:
    house = build_house(cap=3.0)
    job = house.post("/v1/jobs", form(house)).json()["id"]
    assert house.get(f"/v1/jobs/{job}/rounds/1").json()["detail"] == "the job has no such round"
    owner = house.sdk(house.owner).owner
    owner.remove_member(owner.projects()[0], "Dana Scientist")
    for reply in (
        house.get(f"/v1/jobs/{job}/rounds/1"),
        house.post(f"/v1/jobs/{job}/rounds/1", {"run": "run-1", "weights": form(house)["weights"]}),
        house.post(f"/v1/jobs/{job}/end", {}),
    ):
        assert reply.json()["detail"] == "there is no such job, or it is not yours"


def test_a_projects_life_at_the_machine(tmp_path: Path) -> None:
    folder, day = tmp_path / "node", (datetime.now(UTC) + timedelta(days=9)).date()
    typed(folder, "init", "--name", "Clinic", "--owner", "Olga")
    assert "there is no project" in typed(folder, "project", "list").output
    typed(folder, "user", "add", "Dana")
    added = typed(
        folder, "project", "add", "falls", "--purpose", "to learn", "--agreement", "E 7", "--until", str(day)
    ).output
    assert f"under E 7, until the end of {day:%d %B %Y} (UTC)" in added
    assert "members: Dana" in typed(folder, "project", "member", "add", "falls", "Dana").output
    assert "members: nobody" in typed(folder, "project", "member", "remove", "falls", "Dana").output
    assert "no such person" in typed(folder, "project", "member", "add", "falls", "Edda", code=1).output
    assert "ended on" in typed(folder, "project", "end", "falls").output
    assert "ended on" in typed(folder, "project", "list").output
    assert "got 2001-01-01" in typed(folder, "project", "end", "falls", "--until", "2001-01-01", code=1).output


def test_a_project_from_a_node_of_before_reads_as_one_without_an_end() -> None:
    old = Project.model_validate({"id": "prj_0", "name": "study", "purpose": "to test"})
    assert (old.last_day, old.ended, old.members) == (None, False, ())
