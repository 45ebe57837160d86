"""A whole node on PostgreSQL, over the wire."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from jali_node.actions.operations.read_ledger import checked
from jali_node.errors import ClockBehind
from jali_node.ledger import chain

MEAN = {"kind": "mean", "column": "weight"}


@pytest.fixture
def house(build_house: Callable[..., Any], new_postgresql: Callable[[], str]) -> Any:
    built = build_house(database_url=new_postgresql(), cap=1.0)
    built.grant(1.0)
    return built


def test_a_node_on_postgresql_answers_repeats_for_free_and_refuses_at_the_cap(house: Any) -> None:
    assert house.node.database.url.get_backend_name() == "postgresql"
    first = house.ask(MEAN, 0.6)
    assert first.status_code == 200, first.text
    spent = house.population()["spent"]
    assert spent == pytest.approx(0.6, abs=1e-9)
    repeated = house.ask(MEAN, 0.6)
    assert repeated.json()["repeated"] is True
    assert repeated.json()["measurements"] == first.json()["measurements"]
    assert house.population()["spent"] == spent
    entries = len(house.ledger())
    refused = house.ask({"kind": "count"}, 0.9)
    assert (refused.status_code, refused.json()["code"]) == (403, "budget_exhausted")
    assert len(house.ledger()) == entries, "a refusal writes nothing"
    left = refused.json()["facts"]["left"]
    assert house.ask({"kind": "count"}, left * 0.999).status_code == 200
    assert house.ask({"kind": "value_counts", "column": "site"}, 0.5).status_code == 403
    assert house.population()["spent"] <= 1.0
    verified = house.get("/v1/ledger/verification", house.owner)
    assert verified.json()["valid"] is True
    assert checked(house.node.database).valid


def test_a_failed_transaction_leaves_the_next_one_a_sound_connection(house: Any) -> None:
    for _ in range(20):
        assert house.ask({"kind": "count"}, 5.0).status_code == 403
    assert house.ask({"kind": "count"}, 0.3).status_code == 200


def test_who_waits_for_the_chain_learns_when_the_entry_was_written_that_it_waited_for(house: Any) -> None:
    """The statement that waits has a snapshot without that entry: asked for its time, it knows none."""
    database, later = house.node.database, datetime.now(UTC) + timedelta(hours=1)
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = :name")

    def append() -> None:
        with database.writing() as session:
            chain.append(session, "test.noted", {})

    def waits() -> bool:
        with database.reading() as looking:  # each time anew: what PostgreSQL says stays the same in a transaction
            return bool(looking.scalar(waiting, {"name": database.url.database}))

    with ThreadPoolExecutor(1) as pool:
        with database.writing() as session:
            chain.append(session, "test.noted", {}, at=later)
            other = pool.submit(append)
            while not waits():
                assert not other.done(), "it did not wait"
        assert isinstance(other.exception(60), ClockBehind)
