"""Evidence, erasure and retention on PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jali import evidence
from jali_node.actions.operations.retain import due, retain
from jali_node.actions.people.create_token import create_token

pytestmark = pytest.mark.slow


def test_a_pack_is_made_and_verified_before_and_after_names_and_words_are_gone(
    build_house: Callable[..., Any], new_postgresql: Callable[[], str], tmp_path: Path
) -> None:
    days = {"lapsed_days": 300, "decided_days": 300, "asked_days": 300, "people_days": 300}
    house = build_house(database_url=new_postgresql(), retention=days)
    house.grant()
    assert house.ask({"kind": "count"}).status_code == 200
    wish = house.request(0.5, purpose="what Dana Scientist wants to know")
    assert house.post(f"/v1/requests/{wish['id']}/withdrawal", {}).status_code == 200
    owner = house.sdk(create_token(house.node, "Olga Owner", 3000)[0]).owner  # still good when the others have gone
    dana = next(person for person in owner.people.all() if person.name == "Dana Scientist")
    before = evidence.verify(owner.evidence(house.project, tmp_path / "before.zip"), house.node.node_id)
    assert before.valid, before.departure
    assert owner.people.erase(dana).texts == 1
    later = datetime.now(UTC) + timedelta(days=400)
    expected = {each.name: each.count for each in due(house.node, later)}
    assert (expected["lapsed"], expected["decided"], expected["people"]) == (1, 1, 0)
    assert {each.name: each.count for each in retain(house.node, later)} == expected
    after = evidence.verify(owner.evidence(house.project, tmp_path / "after.zip"), house.node.node_id)
    assert after.valid, after.departure
    assert after.held["wishes"] == before.held["wishes"] == 2
