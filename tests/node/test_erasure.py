"""A name is erased from everything but the chain, which never held it; what was decided is still verified."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from jali import errors, evidence
from jali_node.actions.people.add_person import add_person
from jali_node.actions.people.erase_person import Eraser
from jali_node.commands import node as node_commands
from jali_node.tables import Base

POLICY = '[[rule]]\nname = "no models for Dana Scientist"\neffect = "ask"\npersons = ["Dana Scientist"]\n'


@pytest.fixture
def lived_in(house: Any) -> Any:
    """Return a house whose tables are full of a name."""
    sdk = house.sdk(house.owner)
    sdk.owner.set_policy(POLICY)
    wish = house.request(0.5, purpose="for the thesis of Dana  SCIENTIST, d.scientist@example.org")
    path = f"/v1/requests/{wish['id']}"
    house.post(f"{path}/comments", {"text": "Dana Scientist (Dana) asks again"})
    returned = {"digest": wish["digest"], "outcome": "changes_asked", "reason": "too much, Dana Scientist"}
    assert house.post(f"{path}/decision", returned, house.owner).status_code == 200
    form = {"dataset": house.dataset, "project": house.project, "purpose": "so says Dana Scientist", "epsilon": 0.3}
    second = house.post(f"{path}/revisions", form).json()
    denied = {"digest": second["digest"], "outcome": "denied", "reason": "no, Dana Scientist"}
    assert house.post(f"{path}/decision", denied, house.owner).status_code == 200
    made = house.post("/v1/me/tokens", {"name": "Dana Scientist's script"}).json()
    dana = next(person for person in sdk.owner.people.all() if person.name == "Dana Scientist")
    sdk.owner.people.bind(dana, "https://id.example", "dana.scientist")
    house.extra.update(wish=wish["id"], dana=dana, token=made["text"])
    return house


def everything(house: Any) -> str:
    with house.node.database.reading() as session:
        tables = [session.execute(table.select()).all() for table in Base.metadata.sorted_tables]
    return repr(tables)


def test_a_name_goes_from_every_table_and_everything_still_verifies(lived_in: Any, tmp_path: Path) -> None:
    house, dana = lived_in, lived_in.extra["dana"]
    owner = house.sdk(house.owner).owner
    chain = house.ledger()
    assert "Dana Scientist" in everything(house)
    done = owner.people.erase(dana, also=["d.scientist@example.org", "dana.scientist"])
    assert done.person.name == f"erased-{dana.id[-12:]}"
    assert done.person.removed_at
    assert done.ended == 2
    assert done.parts == {"Dana": 1}, "the comment says (Dana)"
    left = everything(house).lower().replace("(dana)", "")
    assert "dana" not in left
    assert "scientist@" not in left
    for token in (house.scientist, lived_in.extra["token"]):
        assert house.get("/v1/me", token).status_code == 401
    assert house.ledger()[: len(chain)] == chain
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]
    kinds = [entry["kind"] for entry in house.ledger()[len(chain) :]]
    assert kinds == ["text.erased", "person.erased"]
    wish = house.get(f"/v1/requests/{house.extra['wish']}", house.owner).json()
    assert (wish["status"], wish["person_name"]) == ("denied", done.person.name)
    assert wish["purpose"] == f"so says {done.person.name}"
    assert done.person.name in owner.policy().text
    owner.set_policy(owner.policy().text.replace('"ask"', '"deny"'))  # it still names somebody whom the node knows
    found = evidence.verify(owner.evidence(house.project, tmp_path / "after.zip"))
    assert found.valid, found.departure
    for file in house.folder.glob("node.db*"):
        assert b"Dana Scientist" not in file.read_bytes(), file.name


def test_words_that_were_taken_out_without_an_entry_are_named(lived_in: Any, tmp_path: Path) -> None:
    house, owner = lived_in, lived_in.sdk(lived_in.owner).owner
    with house.node.database.writing() as session:
        session.execute(text("UPDATE access_request SET purpose = 'another purpose' WHERE status = 'denied'"))
    departure = evidence.verify(owner.evidence(house.project, tmp_path / "study.zip")).departure
    assert "revision 2: what is asked for was changed" in departure


def test_the_command_says_what_remains_and_the_last_owner_stays(lived_in: Any) -> None:
    house = lived_in
    asked = ["user", "erase", "--folder", str(house.folder), "--yes"]
    told = CliRunner().invoke(node_commands, [*asked, "Olga Owner"])
    assert told.exit_code == 1
    assert "the last owner" in told.output
    assert "there is no such person" in CliRunner().invoke(node_commands, [*asked, "Nobody"]).output
    told = CliRunner().invoke(node_commands, [*asked, "Dana Scientist"], catch_exceptions=False)
    assert "1 texts still hold 'Dana'" in told.output
    pseudonym = f"erased-{house.extra['dana'].id[-12:]}"
    again = CliRunner().invoke(node_commands, [*asked, pseudonym, "--also", "dana"], catch_exceptions=False)
    assert f"{pseudonym} now, in 1 texts" in again.output
    add_person(house.node, "Dana Scientist", "data_scientist")  # the name is free again, and means somebody new
    with pytest.raises(errors.InvalidRequest, match="a word that the node's policies are made of"):
        house.sdk(house.owner).owner.people.erase(house.extra["dana"], also=["ask"])
    assert house.sdk(house.owner).owner.policy().text.count('"ask"') == 1
    with pytest.raises(errors.AccessDenied):
        house.sdk(_token(house, "Dana Scientist")).owner.people.erase(house.extra["dana"])


def _token(house: Any, name: str) -> str:
    from jali_node.actions.people.create_token import create_token

    return create_token(house.node, name, 1)[0]


def test_only_whole_words_are_names() -> None:
    eraser = Eraser(("Ana", "j.a@x.org"), "erased-1")
    assert eraser.cleaned("Ana, ANA's and Banana by j.a@x.org.") == "erased-1, erased-1's and Banana by erased-1."
    assert json.loads(json.dumps(eraser.cleaned_json({"a": ["Ana", 1, None]}))) == {"a": ["erased-1", 1, None]}
