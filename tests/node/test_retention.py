"""What is no longer kept goes, and is counted first; the chain, spends and releases stay, and everything verifies."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, update

from jali import evidence
from jali_node.actions.operations.retain import GONE, due, retain
from jali_node.actions.people.change_person import remove_person
from jali_node.commands import node as node_commands
from jali_node.errands import seldom
from jali_node.settings import Settings
from jali_node.tables import (
    AccessRequestRow,
    EntryRow,
    GrantRow,
    JudgedRow,
    NoticeRow,
    PersonRow,
    ReleaseRow,
    SpendRow,
    TokenRow,
)

LATER = datetime.now(UTC) + timedelta(days=400)
DAYS = {f"{name}_days": 300 for name in ("sessions", "notices", "asked", "lapsed", "decided", "people")}
WEBHOOK = {"name": "chat", "url": "http://127.0.0.1:9/", "secret": "whsec_" + "A" * 32}


@pytest.fixture
def aged(build_house: Any) -> Any:
    """Return a house with a grant, an answer, a withdrawn and a waiting request, notices, and somebody removed."""
    house = build_house(retention=DAYS, notices={"webhooks": [WEBHOOK], "poll_s": 3600, "retry_s": []})
    house.grant()
    assert house.ask({"kind": "count"}).status_code == 200
    wish = house.request(0.5, purpose="words that are not kept for ever")
    house.post(f"/v1/requests/{wish['id']}/comments", {"text": "nor this"})
    assert house.post(f"/v1/requests/{wish['id']}/withdrawal", {}).status_code == 200
    house.request(0.4, purpose="words of what still waits")
    with house.node.database.writing() as session:
        session.execute(update(NoticeRow).values(state="delivered", delivered_at=datetime.now(UTC)))
    house.extra["wish"] = wish["id"]
    remove_person(house.node, None, house.sdk().me.id)
    return house


def counts(house: Any) -> dict[str, int]:
    with house.node.database.reading() as session:
        tables = (EntryRow, SpendRow, ReleaseRow, GrantRow, TokenRow, NoticeRow, JudgedRow)
        return {t.__tablename__: session.scalar(select(func.count()).select_from(t)) or 0 for t in tables}


def test_what_is_too_old_goes_and_what_is_promised_stays(aged: Any, tmp_path: Path) -> None:
    house, before = aged, counts(aged)
    early = {each.name: each.count for each in due(house.node)}
    assert set(early.values()) == {0}
    found = {each.name: each.count for each in due(house.node, LATER)}
    assert counts(house) == before, "looking changes nothing"
    assert found == {
        "sessions": before["token"], "notices": before["notice"], "asked": before["judged"], "lapsed": 1, "decided": 1,
        "people": 1,
    }  # fmt: skip
    assert min(found.values()) >= 1
    chain = house.ledger()
    owner = house.extra["again"] = _owner(house)
    assert {each.name: each.count for each in retain(house.node, LATER)} == {**found, "sessions": found["sessions"]}
    after = counts(house)
    assert (after["token"], after["notice"], after["judged"]) == (1, 0, 0)
    assert [after[name] for name in ("spend", "release", "grant")] == [
        before[name] for name in ("spend", "release", "grant")
    ]
    entries = house.get("/v1/ledger", owner, limit=1000).json()["entries"]
    assert entries[: len(chain)] == chain
    kinds = [entry["kind"] for entry in entries[len(chain) + 1 :]]
    assert kinds == ["text.erased", "text.erased", "retention.applied", "person.erased"]
    assert entries[-2]["body"] == {**found, "sessions": found["sessions"]}
    with house.node.database.reading() as session:
        purposes = {row.status: row.purpose for row in session.scalars(select(AccessRequestRow))}
        names = set(session.scalars(select(PersonRow.name)))
    assert purposes == {"granted": GONE, "withdrawn": GONE, "submitted": "words of what still waits"}
    assert "Dana Scientist" not in names
    assert house.get("/v1/ledger/verification", owner).json()["valid"]
    talk = house.get(f"/v1/requests/{house.extra['wish']}/discussion", owner).json()
    assert {line["text"] for line in talk} == {"", GONE}
    pack = evidence.verify(house.sdk(owner).owner.evidence(house.project, tmp_path / "kept.zip"))
    assert pack.valid, pack.departure
    assert not any(each.count for each in retain(house.node, LATER + timedelta(days=1)) if each.name != "sessions")


def _owner(house: Any) -> str:
    """Return an owner's token that is still good when the others have gone."""
    from jali_node.actions.people.create_token import create_token

    return create_token(house.node, "Olga Owner", 3000)[0]


def test_a_grant_that_still_holds_keeps_the_words_that_it_was_given_for(aged: Any) -> None:
    with aged.node.database.writing() as session:
        session.execute(update(GrantRow).values(expires_at=LATER))
    assert {each.name: each.count for each in due(aged.node, LATER)}["decided"] == 0


def test_the_command_shows_first_and_does_it_when_asked(aged: Any) -> None:
    with aged.node.database.writing() as session:
        session.execute(update(AccessRequestRow).values(decided_at=datetime.now(UTC) - timedelta(days=301)))
    (aged.folder / "node.toml").write_text('name = "test node"\n[retention]\nlapsed_days = 300\nnotices_days = 300\n')
    asked = ["retention", "--folder", str(aged.folder)]
    told = CliRunner().invoke(node_commands, asked, catch_exceptions=False).output
    assert "words of requests and jobs that lapsed or were withdrawn: kept 300 days, 1 would go" in told
    assert "words of requests and jobs that were decided: kept until somebody erases it" in told
    assert "do it with --apply" in told
    assert "1 gone" in CliRunner().invoke(node_commands, [*asked, "--apply"], catch_exceptions=False).output
    assert aged.ledger()[-1]["body"] == {"lapsed": 1}
    assert "0 would go" in CliRunner().invoke(node_commands, asked).output


def test_days_out_of_range_are_refused_with_the_setting_s_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"retention\.lapsed_days"):
        Settings(folder=tmp_path, retention={"lapsed_days": 0})


def test_an_errand_that_is_run_seldom_is_run_at_once_and_then_not_again() -> None:
    runs: list[int] = []
    errand = seldom(3600.0, lambda: runs.append(1))
    errand()
    errand()
    assert runs == [1]
