from typing import Any

import pytest

from jali import errors
from jali.wire.ledger import LedgerPage
from jali.wire.request import RequestStatus
from jali.wire.walk import walked


@pytest.fixture
def wish(fake: Any, visits: Any) -> Any:
    visits.request_access(purpose="to see what is there", epsilon=1.0)
    return fake.node().owner.requests()[0]


def test_a_decision_carries_the_digest_of_what_was_read(fake: Any, wish: Any) -> None:
    decided = fake.node().owner.decide(wish, "granted", epsilon=0.5, expires_days=30)
    assert decided.status is RequestStatus.GRANTED
    sent = fake.decisions[0]
    assert (sent.digest, sent.epsilon, sent.expires_days) == (wish.digest, 0.5, 30)


def test_a_denial_needs_a_reason(fake: Any, wish: Any) -> None:
    owner = fake.node().owner
    for outcome in ("denied", RequestStatus.DENIED):
        with pytest.raises(errors.InvalidRequest, match="reason"):
            owner.decide(wish, outcome, "  ")
    assert owner.decide(wish, "denied", "too broad").reason == "too broad"
    assert len(fake.decisions) == 1


def test_a_decision_of_another_kind_is_refused_by_name(fake: Any, wish: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="outcome"):
        fake.node().owner.decide(wish, "perhaps")
    with pytest.raises(errors.InvalidRequest, match="expires_days"):
        fake.node().owner.decide(wish, "granted", expires_days=0)


def test_the_ledger_is_read_over_all_its_pages(fake: Any) -> None:
    fake.log(*({"rdp": [number]} for number in range(5)))
    assert [entry.seq for entry in fake.node().owner.ledger()] == [1, 2, 3, 4, 5]
    assert [entry.seq for entry in fake.node().owner.ledger(after=3)] == [4, 5]


def test_an_untouched_chain_is_valid_and_agrees(fake: Any) -> None:
    owner = fake.node().owner
    assert owner.verify_ledger().valid
    fake.log({"a": 1}, {"b": "x"}, {"c": [1, 2]})
    found = owner.verify_ledger(checkpoints={2: fake.entries[1].hash})
    assert found.valid
    assert (found.here.entries, found.here.head) == (3, fake.entries[-1].hash)
    assert str(found).startswith("3 entries follow from each other")


def test_entries_added_during_the_walk_do_not_disturb_it(fake: Any) -> None:
    fake.log({"a": 1}, {"b": 2})
    report = fake._reply("GET", "/v1/ledger/verification", None)
    fake.log({"c": 3})
    reply = fake._reply
    fake._reply = lambda method, path, request: report if "verification" in path else reply(method, path, request)
    assert fake.node().owner.verify_ledger().valid


@pytest.mark.parametrize("change", [{"body": {"b": 3}}, {"kind": "other"}, {"hash": "0" * 64}, {"seq": 9}, {"v": 2}])
def test_an_altered_entry_is_found_at_its_place(fake: Any, change: dict[str, Any]) -> None:
    fake.log({"a": 1}, {"b": 2}, {"c": 3})
    fake.entries[1] = fake.entries[1].model_copy(update=change)
    found = fake.node().owner.verify_ledger()
    assert not found.valid
    assert (found.here.broken_at, found.here.entries) == (2, 1)
    assert "departs at entry 2" in str(found)


def test_a_rewritten_chain_is_found_by_a_checkpoint_or_the_node_s_word(fake: Any) -> None:
    fake.log({"a": 1}, {"b": 2})
    noted = {2: fake.entries[1].hash}
    fake.entries.clear()
    fake.log({"a": 1}, {"b": 3})
    assert "checkpoint" in fake.node().owner.verify_ledger(noted).here.reason
    fake.entries.pop()
    assert "ends at entry 1" in fake.node().owner.verify_ledger(noted).here.reason
    other = {"entries": 1, "head": "f" * 64, "valid": True}
    reply = fake._reply
    fake._reply = lambda method, path, request: (
        reply(method, path, request).model_copy(update=other)
        if "verification" in path
        else reply(method, path, request)
    )
    found = fake.node().owner.verify_ledger()
    assert found.here.valid
    assert not found.agrees
    assert "another chain" in str(found)
    assert not found.valid


def test_a_float_in_a_body_breaks_the_chain_rather_than_the_walk(fake: Any) -> None:
    fake.log({"a": 1})
    entry = fake.entries[0].model_copy(update={"body": {"a": 0.5}})
    report = walked([entry], {})
    assert not report.valid
    assert "cannot be hashed" in report.reason


def test_pages_that_do_not_go_on_are_refused(fake: Any) -> None:
    fake._reply = lambda method, path, request: LedgerPage(entries=(), next_after=0)
    with pytest.raises(errors.UnexpectedReply, match="do not go on"):
        list(fake.node().owner.ledger())
