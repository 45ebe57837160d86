"""What happened, as it is read: filtered, paged, with names, and written to a file."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from jali.wire.audit import AuditFilter
from jali.wire.person import Role
from jali_node.actions.people.add_person import add_person
from jali_node.actions.people.create_token import create_token
from jali_node.commands import node as node_commands
from jali_node.tables import PersonRow

MEAN = {"kind": "mean", "column": "age"}


def page(house: Any, **params: Any) -> Any:
    reply = house.get("/v1/audit", house.owner, **params)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_entries_come_newest_first_with_names_and_all_of_them_by_pages(house: Any) -> None:
    house.ask(MEAN)
    entries, before = [], None
    while True:
        part = page(house, limit=4, **({"before": before} if before else {}))
        entries += part["entries"]
        before = part["next_before"]
        if before is None:
            break
    assert [entry["seq"] for entry in entries] == list(range(len(house.ledger()), 0, -1))
    held = next(entry for entry in page(house)["entries"] if entry["kind"] == "spend.held")
    names = page(house)["names"]
    assert (names[held["body"]["person"]], names[held["body"]["project"]]) == ("Dana Scientist", "study")


def test_kinds_ids_and_times_choose(house: Any) -> None:
    house.ask(MEAN)
    kinds = {entry["kind"] for entry in page(house, kind=["request.", "grant.given"])["entries"]}
    assert kinds == {"request.filed", "request.decided", "grant.given"}
    wish = house.get("/v1/requests").json()[0]["id"]
    about = page(house, about=[wish])["entries"]
    assert about
    assert all(wish in json.dumps(entry["body"]) for entry in about)
    assert page(house, about=[wish, house.dataset])["entries"]
    assert not page(house, about=["req_" + "0" * 32])["entries"]
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert not page(house, since=later)["entries"]
    assert len(page(house, until=later)["entries"]) == len(house.ledger())


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"kind": ["%"]}, "kind"),
        ({"about": ['per_"'] }, "about"),
        ({"since": "2026-11-01T00:00:00"}, "since"),
        ({"since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"}, "since"),
        ({"limit": 0}, "limit"),
    ],
)  # fmt: skip
def test_a_filter_that_is_none_is_refused_by_field(house: Any, params: Any, field: str) -> None:
    reply = house.get("/v1/audit", house.owner, **params)
    assert (reply.status_code, reply.json()["field"]) == (400, field)


def test_an_erased_name_is_in_no_page_any_more_and_the_chain_still_holds(house: Any) -> None:
    with house.node.database.writing() as session:
        session.execute(update(PersonRow).where(PersonRow.name == "Dana Scientist").values(name="erased 1"))
    said = json.dumps(page(house))
    assert "Dana" not in said
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]


def test_a_file_of_entries_has_them_all_and_taking_it_is_one(house: Any) -> None:
    reply = house.get("/v1/audit/export", house.owner)
    assert reply.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(reply.text)))
    assert [int(line["seq"]) for line in lines] == list(range(1, len(house.ledger()) + 1))
    assert lines[-1]["kind"] == "audit.exported"
    assert lines[-1]["person"] == "Olga Owner"
    texts = house.get("/v1/audit/export", house.owner, form="jsonl", kind="request.").text.splitlines()
    assert [json.loads(text)["kind"] for text in texts] == ["request.filed", "request.decided"]
    assert json.loads(texts[0])["names"]["person"] == "Dana Scientist"


def test_a_name_like_a_formula_is_none_in_the_file(house: Any) -> None:
    add_person(house.node, "=HYPERLINK(1)", Role.AUDITOR, ())
    token = create_token(house.node, "=HYPERLINK(1)", 1)[0]
    text = house.get("/v1/audit/export", token, kind="audit.").text
    assert "'=HYPERLINK(1)" in text
    assert ",=HYPERLINK" not in text


def test_the_notebook_and_the_machine_read_the_same(house: Any, tmp_path: Path) -> None:
    frame = house.sdk(house.owner).owner.audit(["request."], limit=1)
    assert frame["kind"].tolist() == ["request.decided"]
    assert house.sdk(house.owner).owner.audit().index.tolist() == list(range(len(house.ledger()), 0, -1))
    target = tmp_path / "audit.csv"
    asked = ["audit", "--folder", str(house.folder), "--kind", "request.", "--to", str(target)]
    for expected in (0, 1):  # a file that is there is not written over
        assert CliRunner().invoke(node_commands, asked).exit_code == expected
    assert len(target.read_text().splitlines()) == 3


def test_since_after_until_is_refused_with_both() -> None:
    now = datetime.now(UTC)
    with pytest.raises(ValueError, match="since before until"):
        AuditFilter(since=now, until=now)
