"""The chain: what is changed behind its back is found, and where; the databases themselves refuse; no name is in it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from jali.wire.ledger import chained, record_digest
from jali_node.actions.operations.read_ledger import checked
from jali_node.ledger import chain
from jali_node.tables import EntryRow

FORGED: dict[str, Any] = {
    "kind": "node.forged",
    "v": 2,
    "at": datetime(2001, 1, 1, tzinfo=UTC),
    "body": '{"number":99}',
    "prev_hash": "f" * 64,
    "hash": "e" * 64,
}


@pytest.fixture
def forger(bench: Any) -> Any:
    """Return a bench whose chain has some entries that the database no longer protects."""
    bench.entries(6)
    bench.drop_triggers()
    report = checked(bench.database)
    assert report.valid
    bench.ids["entries"] = report.entries
    return bench


def test_a_changed_entry_is_found_at_its_position_whatever_was_changed(forger: Any) -> None:
    for seq in (2, forger.ids["entries"]):
        for column, value in FORGED.items():
            with forger.tampered("entry", column, value, "seq", seq):
                report = checked(forger.database)
                assert (report.valid, report.broken_at, report.entries) == (False, seq, seq - 1), column
            assert checked(forger.database).valid, "what was put back is sound again"


def test_a_body_that_can_no_longer_be_read_is_found_at_its_position(forger: Any) -> None:
    for body in ("no JSON at all", '{"number":0.5}', "[]", "", '{"number":3,"more":1}'):
        with forger.tampered("entry", "body", body, "seq", 4):
            report = checked(forger.database)
            assert (report.valid, report.broken_at) == (False, 4), body
    assert checked(forger.database).valid


def test_a_changed_entry_with_a_hash_to_match_is_found_at_the_next_one(forger: Any) -> None:
    seq = forger.ids["entries"] - 3
    _rehash(forger, seq, {"number": 99})
    report = checked(forger.database)
    assert (report.valid, report.broken_at) == (False, seq + 1)


def test_a_changed_last_entry_with_a_hash_to_match_is_found_by_the_head(forger: Any) -> None:
    last = forger.ids["entries"]
    _rehash(forger, last, {"number": 99})
    report = checked(forger.database)
    assert (report.valid, report.broken_at) == (False, last + 1)
    assert "the head says" in report.reason


@pytest.mark.parametrize("seq", [1, 4])
def test_a_removed_entry_is_found_at_its_position(forger: Any, seq: int) -> None:
    forger.tamper("DELETE FROM entry WHERE seq = :seq", seq=seq)
    report = checked(forger.database)
    assert (report.valid, report.broken_at) == (False, seq)
    assert "missing" in report.reason


def test_a_removed_end_is_found_by_the_head(forger: Any) -> None:
    last = forger.ids["entries"]
    forger.tamper("DELETE FROM entry WHERE seq >= :seq", seq=last - 1)
    report = checked(forger.database)
    assert (report.valid, report.broken_at, report.entries) == (False, last - 1, last - 2)


def test_two_entries_in_each_others_place_are_found_at_the_first(forger: Any) -> None:
    seq = forger.ids["entries"] - 3
    for before, after in ((seq, -1), (seq + 1, seq), (-1, seq + 1)):
        forger.tamper("UPDATE entry SET seq = :after WHERE seq = :before", before=before, after=after)
    report = checked(forger.database)
    assert (report.valid, report.broken_at) == (False, seq)


def test_an_entry_put_in_is_found(forger: Any) -> None:
    last = forger.ids["entries"]
    forger.tamper(
        "INSERT INTO entry (seq, kind, v, at, body, prev_hash, hash) "
        "SELECT seq + 1, kind, v, at, body, hash, :hash FROM entry WHERE seq = :last",
        last=last,
        hash="e" * 64,
    )
    report = checked(forger.database)
    assert (report.valid, report.broken_at) == (False, last + 1)


def test_a_chain_rewritten_to_its_end_shows_only_against_a_hash_that_somebody_else_holds(forger: Any) -> None:
    last = forger.ids["entries"]
    checkpoint = checked(forger.database).head
    forged = _rehash(forger, last, {"number": 99})
    forger.tamper("UPDATE chain_head SET hash = :hash", hash=forged)
    report = checked(forger.database)
    assert report.valid
    assert report.head == forged != checkpoint


def test_an_account_edited_behind_the_ledgers_back_is_named(bench: Any) -> None:
    purchase = bench.purchase(20.0)
    bench.spent(purchase)
    bench.reserved(purchase)
    for account_id in (purchase.population_account, purchase.quota_account):
        terms = bench.account(account_id).terms
        nothing = json.dumps([0] * len(terms.orders))
        edits = {"spent": nothing, "held": nothing, "spent_delta": 1, "held_delta": 1, "cap": 9 * 10**12}
        for column, value in {**edits, "terms": json.dumps(vars(terms) | {"delta": 10**15})}.items():
            with bench.tampered("account", column, value, "id", account_id):
                report = checked(bench.database)
                assert not report.valid, column
                assert account_id in report.reason
            assert checked(bench.database).valid


def test_an_account_that_the_chain_does_not_know_is_named(bench: Any) -> None:
    purchase = bench.purchase()
    columns = "kind, cap, terms, spent, held, spent_delta, held_delta, created_at"
    bench.tamper(
        f"INSERT INTO account (id, {columns}) SELECT 'acc_forged', {columns} FROM account WHERE id = :id",  # noqa: S608
        id=purchase.quota_account,
    )
    report = checked(bench.database)
    assert not report.valid
    assert "acc_forged" in report.reason


def test_an_account_that_was_removed_is_named(bench: Any) -> None:
    purchase = bench.purchase()
    bench.tamper("DELETE FROM account WHERE id = :id", id=purchase.population_account)
    report = checked(bench.database)
    assert not report.valid
    assert purchase.population_account in report.reason


@pytest.mark.parametrize(
    "statement", ["UPDATE entry SET kind = 'x'", "UPDATE entry SET body = '{}' WHERE seq = 2", "DELETE FROM entry"]
)
def test_the_database_itself_refuses_to_change_or_remove_entries(bench: Any, statement: str) -> None:
    bench.entries(3)
    before = bench.written()
    with pytest.raises(DBAPIError, match="append-only"):
        bench.tamper(statement)
    assert bench.written() == before
    assert checked(bench.database).valid


def test_the_database_itself_refuses_to_empty_or_replace_entries(bench: Any) -> None:
    bench.entries(3)
    before = bench.written()
    if "postgresql" in bench.url:
        statement = "TRUNCATE entry"
    else:
        statement = "INSERT OR REPLACE INTO entry SELECT seq, 'x', v, at, body, prev_hash, hash FROM entry"
    with pytest.raises(DBAPIError, match="append-only"):
        bench.tamper(statement)
    assert bench.written() == before


def test_pages_of_the_chain_join_to_the_whole(bench: Any) -> None:
    bench.entries(7)
    with bench.database.reading() as session:
        whole = chain.page(session, 0, 1000)
        found, after = [], 0
        while after is not None:
            page = chain.page(session, after, 3)
            found.extend(page.entries)
            after = page.next_after
    assert tuple(found) == whole.entries
    assert whole.next_after is None
    previous = "0" * 64
    for entry in whole.entries:  # as a reader would, without the node's help
        previous = chained(previous, entry.seq, record_digest(entry.kind, entry.v, entry.at, entry.body))
        assert entry.hash == previous


def test_no_name_purpose_or_address_is_in_any_entry(house: Any) -> None:
    answered = [{"kind": "mean", "column": "weight"}, {"kind": "value_counts", "column": "site"}]
    for statistic in answered:
        assert house.ask(statistic, 0.1).status_code == 200
    house.ask(answered[0], 0.1)
    house.request(0.5)
    with house.node.database.reading() as session:
        bodies = "\n".join(session.scalars(select(EntryRow.body)))
    assert "spend.committed" in {entry["kind"] for entry in house.ledger()}
    assert house.dataset in bodies, "the search would find what is there"
    secrets = (house.owner, house.scientist, str(house.folder), "visits.parquet")
    names = ("Olga", "Owner", "Dana", "Scientist", "study", "to test", "house", "Visits", "visits", "people")
    columns = ("age", "weight", "site", "note", "north", "south", "east")
    assert [word for word in (*secrets, *names) if word in bodies] == []
    assert [name for name in columns if f'"{name}"' in bodies] == []


def _rehash(bench: Any, seq: int, body: dict[str, Any]) -> str:
    """Give an entry another body and the hash that goes with it."""
    with bench.database.reading() as session:
        row = session.get_one(EntryRow, seq)
    forged = chained(row.prev_hash, seq, record_digest(row.kind, row.v, row.at, body))
    bench.tamper(
        "UPDATE entry SET body = :body, hash = :hash WHERE seq = :seq", seq=seq, hash=forged, body=json.dumps(body)
    )
    return forged
