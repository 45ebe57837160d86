"""A clock that stands before what was recorded: nothing is appended, nothing revives, and there is a way out.

Nobody sets this machine's clock: entries are written as a node with a fast clock does, and the real one is behind them.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update
from starlette.testclient import TestClient

from jali_node import audit
from jali_node.actions.operations.readiness import refuse_unless_ready
from jali_node.actions.operations.set_clock import accept_clock, times
from jali_node.app import create_app
from jali_node.commands import node as node_commands
from jali_node.errors import ClockBehind, InvalidRequest
from jali_node.ledger import book, chain
from jali_node.store import clock
from jali_node.store.database import Database
from jali_node.tables import EntryRow, GrantRow, SpendRow, ThrottleRow, TokenRow

MEAN = {"kind": "mean", "column": "age"}
HOUR = timedelta(hours=1)


def recorded(database: Database, ahead: timedelta) -> datetime:
    """Write an entry as a node does whose clock is fast."""
    at = datetime.now(UTC) + ahead
    with database.writing() as session:
        chain.append(session, audit.NODE_CREATED, {"number": 1}, at=at)
    return at


def entries(database: Database) -> int:
    with database.reading() as session:
        return chain.end(session)[0]


def run(*arguments: str | Path, code: int = 0) -> str:
    done = CliRunner().invoke(node_commands, [str(part) for part in arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_nothing_is_appended_before_the_newest_entry_and_both_times_are_named(bureau: Any) -> None:
    at = recorded(bureau.node.database, HOUR)
    before = entries(bureau.node.database)
    reply = bureau.post("/v1/projects", {"name": "other", "purpose": "to test"}, bureau.owner)
    assert (reply.status_code, reply.json()["code"]) == (503, "clock_behind")
    said = reply.json()
    assert f"{at:%Y-%m-%d %H:%M:%S} UTC" in said["detail"]
    assert f"{datetime.now(UTC):%Y-%m-%d %H:}" in said["detail"]
    assert "jali node clock --accept" in said["detail"]
    assert datetime.fromisoformat(said["facts"]["newest"]) == at
    assert 3500 < said["facts"]["behind_s"] <= 3600
    assert entries(bureau.node.database) == before
    assert bureau.get("/v1/me").status_code == 200, "who only reads is answered"
    assert bureau.client.get("/ready").json()["code"] == "clock_behind"


def test_a_question_is_not_charged_and_a_held_spend_does_not_begin_until_the_clock_is_right(house: Any) -> None:
    assert house.ask(MEAN).status_code == 200
    with house.node.database.writing() as session:
        spend = session.scalars(select(SpendRow)).one()
        spend.state = book.HELD
        held = spend.id
    before = house.population()
    recorded(house.node.database, clock.TOLERANCE + timedelta(seconds=3))
    assert house.ask({"kind": "count"}).json()["code"] == "clock_behind"
    with pytest.raises(ClockBehind), house.node.database.writing() as session:
        book.begin(session, held)
    assert house.population() == before
    behind = times(house.node).behind - clock.TOLERANCE
    threading.Event().wait(behind.total_seconds() + 0.1)
    assert house.ask({"kind": "count"}).status_code == 200, "it goes on by itself"
    assert house.population()["spent"] > before["spent"]


def test_a_step_within_the_tolerance_is_no_error_and_entries_never_go_back(bureau: Any) -> None:
    at = recorded(bureau.node.database, clock.TOLERANCE / 2)
    assert bureau.post("/v1/projects", {"name": "other", "purpose": "to test"}, bureau.owner).status_code == 201
    with bureau.node.database.reading() as session:
        moments = session.scalars(select(EntryRow.at).order_by(EntryRow.seq)).all()
    assert moments[-1] == at
    assert sorted(moments) == list(moments)


def test_what_had_ended_by_the_newest_entry_does_not_begin_again(house: Any) -> None:
    """A token, a grant and a hidden dataset, by a clock that was set back behind their end."""
    house.ask(MEAN)
    with house.node.database.writing() as session:
        session.execute(update(GrantRow).values(expires_at=datetime.now(UTC) + HOUR / 2))
    assert house.ask(MEAN).json()["repeated"]
    recorded(house.node.database, HOUR)
    refused = house.ask(MEAN)
    assert (refused.status_code, refused.json()["code"]) == (403, "grant_required"), "not even a free repeat"
    assert house.get(f"/v1/datasets/{house.dataset}/budget", project=house.project).json()["code"] == "grant_required"
    with house.node.database.writing() as session:
        session.execute(update(TokenRow).values(expires_at=datetime.now(UTC) + HOUR / 2))
    assert house.get("/v1/me").json()["code"] == "token_expired"


def test_a_node_starts_with_its_clock_behind_and_settles_what_was_left_when_it_is_right(build_house: Any) -> None:
    house = build_house()
    house.grant()
    house.ask(MEAN)
    with house.node.database.writing() as session:
        session.execute(update(SpendRow).values(state=book.BEGUN))
    house.client.__exit__(None, None, None)
    database = Database(house.node.settings.url)
    recorded(database, HOUR)
    with TestClient(create_app(house.node.settings.model_copy(update={"name": "late"}))) as client:
        app: Any = client.app
        assert client.get("/ready").json()["code"] == "clock_behind"
        with pytest.raises(ClockBehind):
            refuse_unless_ready(app.state.node)
        accept_clock(app.state.node)
        assert client.get("/ready").status_code == 200
        app.state.recovery.finish()
        assert app.state.recovery.finish() == (0, 0)
        with database.reading() as session:
            assert session.scalars(select(SpendRow.state)).all() == [book.SETTLED]
    database.close()
    house.client.__enter__()


def test_an_owner_may_say_that_the_clock_is_right_now(bureau: Any) -> None:
    database, folder = bureau.node.database, bureau.folder
    assert "they agree" in run("clock", "--folder", folder)
    assert "there is nothing to accept" in run("clock", "--accept", "--yes", "--folder", folder, code=1)
    year = timedelta(days=365)
    at = recorded(database, year)
    with database.writing() as session:
        session.add(ThrottleRow(key="0" * 64, free_at=at))
        session.execute(update(TokenRow).values(created_at=at, expires_at=at + HOUR))
    said = run("clock", "--folder", folder)
    assert f"{at:%Y-%m-%d}" in said
    assert "nothing is spent or recorded" in said
    assert run("clock", "--accept", "--folder", folder, code=1).count("Aborted!") == 1
    said = run("clock", "--accept", "--yes", "--folder", folder)
    assert "2 tokens and 0 grants were made in that time" in said
    assert bureau.post("/v1/projects", {"name": "other", "purpose": "to test"}, bureau.owner).status_code == 201
    with database.reading() as session:
        accepted = session.scalars(select(EntryRow).where(EntryRow.kind == audit.CLOCK_ACCEPTED)).one()
        assert accepted.at < at
        assert "behind_s" in accepted.body
        assert session.scalars(select(ThrottleRow.free_at)).one() < datetime.now(UTC)
    assert "follow from each other" in run("verify-ledger", "--folder", folder)
    assert "they agree" in run("clock", "--folder", folder)


def test_both_databases_tell_the_newest_entry_s_time(
    build_bureau: Callable[..., Any], new_postgresql: Callable[[], str]
) -> None:
    bureau = build_bureau(database_url=new_postgresql())
    at = recorded(bureau.node.database, HOUR)
    assert times(bureau.node).newest == at
    reply = bureau.post("/v1/projects", {"name": "other", "purpose": "to test"}, bureau.owner)
    assert reply.json()["code"] == "clock_behind"
    accept_clock(bureau.node)
    with pytest.raises(InvalidRequest, match="nothing to accept"):
        accept_clock(bureau.node)
