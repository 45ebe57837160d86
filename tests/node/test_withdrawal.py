"""Consent withdrawn: a version without these entities, on the same account, and nothing that names them."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.node.test_commands import typed

from jali_node.actions.datasets.withdraw_entities import withdraw
from jali_node.errors import InvalidRequest

CARD = """
name = "visits"
title = "Visits"
population = "patients"
entity = "patient"
max_rows = 2
[columns.patient]
type = "text"
[columns.age]
type = "integer"
lower = 0
upper = 100
"""
ROWS = "patient,age\n" + "".join(f"secret-{i % 40},{i % 90}\n" for i in range(120))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a node with a table of 40 patients with 3 rows each, of which 2 are read."""
    made = tmp_path / "node"
    (tmp_path / "card.toml").write_text(CARD)
    (tmp_path / "visits.csv").write_text(ROWS)
    (tmp_path / "ids.txt").write_text("\ufeffsecret-1\r\n\nsecret-2\nsecret-2\nsecret-unheard-of\n")
    typed(made, "init", "--name", "Clinic", "--owner", "Olga")
    typed(made, "population", "add", "patients", "--unit", "entity", "--units", "40", "--epsilon", "3")
    typed(made, "dataset", "add", str(tmp_path / "visits.csv"), "--card", str(tmp_path / "card.toml"))
    return made


def kept(folder: Path) -> dict[str, list[Any]]:
    """Return the rows that are read, by patient, of the newest version."""
    newest = max((folder / "snapshots").glob("ver_*.bounded.parquet"), key=lambda path: path.stat().st_mtime_ns)
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(newest)).fetchall()
    return {patient: sorted(age for other, age in found if other == patient) for patient, _ in found}


def test_the_next_version_is_without_them_and_nobody_else_loses_a_row(folder: Path, tmp_path: Path) -> None:
    before = kept(folder)
    said = typed(folder, "dataset", "withdraw", "visits", "--ids", str(tmp_path / "ids.txt")).output
    after = kept(folder)
    assert before.keys() - after.keys() == {"secret-1", "secret-2"}
    assert all(after[patient] == before[patient] for patient in after)
    assert "2 of 3 ids had rows" in said
    assert "Nothing was released about it before." in said
    assert "secret" not in said


def test_no_copy_record_or_message_holds_an_id(folder: Path, tmp_path: Path, caplog: Any) -> None:
    (tmp_path / "ids.txt").write_text("secret-1\n")
    typed(folder, "dataset", "withdraw", "visits", "--ids", str(tmp_path / "ids.txt"))
    with duckdb.connect() as connection:
        for copy in (folder / "snapshots").glob("*.parquet"):
            assert "'secret-1'" not in str(connection.read_parquet(str(copy)).fetchall())
    assert b"secret-" not in (folder / "node.db").read_bytes()
    assert "secret" not in caplog.text
    assert "entries follow" in typed(folder, "verify-ledger").output


def test_what_will_not_do_changes_nothing_and_names_no_id(folder: Path, tmp_path: Path) -> None:
    before, ids = kept(folder), tmp_path / "ids.txt"
    for content, said in (
        ("secret-99\n", "none of the 1 ids"),
        ("\n\n", "is empty"),
        ("\udcff", "not UTF-8"),
    ):
        ids.write_text(content, errors="surrogateescape")
        output = typed(folder, "dataset", "withdraw", "visits", "--ids", str(ids), code=1).output
        assert said in output
        assert "secret" not in output
    assert kept(folder) == before
    assert len(list((folder / "snapshots").glob("ver_*.bounded.parquet"))) == 1


def test_a_table_of_rows_says_what_to_do_instead(house: Any, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("1\n")
    with pytest.raises(InvalidRequest, match="jali node dataset add TABLE --card CARD"):
        withdraw(house.node, "visits", tmp_path / "ids.txt")


def test_the_account_goes_on_and_what_was_released_remains_and_is_listed(build_house: Any, tmp_path: Path) -> None:
    from jali.wire.dataset import Card, UnitKind
    from jali_node.actions.budgets.open_population import open_population
    from jali_node.actions.datasets.register_dataset import register_dataset

    house = build_house()
    open_population(house.node, "patients", UnitKind.ENTITY, 4000, 3.0, 1e-6)
    columns = [{"name": "patient", "type": "integer"}, {"name": "age", "type": "integer", "lower": 0, "upper": 100}]
    (tmp_path / "stays.csv").write_text("patient,age\n" + "".join(f"{i % 40},{i % 90}\n" for i in range(120)))
    facts = {"title": "Stays", "population": "patients", "entity": "patient", "max_rows": 2, "columns": columns}
    for name in ("stays", "falls"):
        dataset = register_dataset(house.node, tmp_path / "stays.csv", Card.model_validate({"name": name, **facts}))
        if name == "stays":
            house.dataset = dataset.id
    house.grant(1.0)
    release = house.ask({"kind": "count"}, 0.5).json()["id"]
    spent = [each["budget"]["spent"] for each in house.get("/v1/populations", house.owner).json()]
    (tmp_path / "ids.txt").write_text("7\n8\n")
    done = withdraw(house.node, "stays", tmp_path / "ids.txt")
    assert (done.named, done.found, done.releases, done.jobs) == (2, 2, (release,), ())
    assert [(other.name, other.found) for other in done.elsewhere] == [("falls", 2)], "the same people are there too"
    assert [each["budget"]["spent"] for each in house.get("/v1/populations", house.owner).json()] == spent
    assert house.get(f"/v1/releases/{release}").status_code == 200
    again = house.ask({"kind": "count"}, 0.5).json()
    assert (again["repeated"], again["version"]) == (False, done.dataset.version)
    assert house.get(f"/v1/datasets/{house.dataset}").json()["withdrawn_at"]
    assert "answers and models released before remain" in repr(house.sdk()["stays"])
    (tmp_path / "ids.txt").write_text("7\nsecret\n")
    with pytest.raises(InvalidRequest, match="line 2: expected a whole number") as refused:
        withdraw(house.node, "stays", tmp_path / "ids.txt")
    assert "secret" not in str(refused.value)
    entries = [entry["body"] for entry in house.ledger() if entry["kind"] == "dataset.withdrawn"]
    assert [sorted(json.loads(json.dumps(body))) for body in entries] == [["dataset", "version"]]


def add(folder: Path, table: Path, *options: str, card: str = "card.toml", code: int = 0) -> str:
    arguments = ("dataset", "add", str(table), "--card", str(table.parent / card), *options)
    return typed(folder, *arguments, code=code).output


def kinds(folder: Path) -> list[str]:
    typed(folder, "ledger", "export", str(folder / "export.jsonl"))
    lines = (folder / "export.jsonl").read_text().splitlines()
    (folder / "export.jsonl").unlink()
    return [json.loads(line)["kind"] for line in lines]


def test_the_old_table_comes_back_only_when_its_owner_says_so(folder: Path, tmp_path: Path) -> None:
    table, copy = tmp_path / "visits.csv", tmp_path / "renamed.csv"
    typed(folder, "dataset", "withdraw", "visits", "--ids", str(tmp_path / "ids.txt"))
    copy.write_bytes(table.read_bytes())
    (tmp_path / "stays.toml").write_text(CARD.replace('"visits"', '"stays"'))
    before = kept(folder)
    for given, card in ((table, "card.toml"), (copy, "card.toml"), (copy, "stays.toml")):
        said = add(folder, given, card=card, code=1)
        assert "table: this is the table that visits had before people withdrew from it on 20" in said
        assert "--bring-back" in said
        assert kept(folder) == before, "nothing was registered"
    assert "dataset.brought_back" not in kinds(folder)
    add(folder, table, "--bring-back")
    assert {"secret-1", "secret-2"} <= kept(folder).keys()
    assert kinds(folder).count("dataset.brought_back") == 1
    assert "People withdrew" not in add(folder, table), "they are back, and the card does not say otherwise"


def test_another_table_of_the_same_people_is_warned_about_and_not_refused(folder: Path, tmp_path: Path) -> None:
    assert "withdrew" not in add(folder, tmp_path / "visits.csv")
    typed(folder, "dataset", "withdraw", "visits", "--ids", str(tmp_path / "ids.txt"))
    (tmp_path / "visits.csv").write_text("\n".join(line for line in ROWS.splitlines() if "secret-1," not in line))
    said = add(folder, tmp_path / "visits.csv")
    assert "People withdrew from visits on 20" in said
    assert "keeps no list of them and cannot look" in said


def test_a_table_of_rows_can_be_registered_as_one_from_which_people_withdrew(folder: Path, tmp_path: Path) -> None:
    typed(folder, "population", "add", "rows", "--units", "1000", "--epsilon", "2")
    (tmp_path / "rows.toml").write_text(
        CARD.replace("visits", "rows").replace('"patients"', '"rows"').replace('entity = "patient"\nmax_rows = 2\n', "")
    )
    table, before = tmp_path / "rows.csv", "patient,age\na,1\nb,2\n"
    table.write_text(before)
    add(folder, table, card="rows.toml")
    assert "nobody was taken out" in add(folder, table, "--withdrawn", card="rows.toml", code=1)
    table.write_text("patient,age\na,1\n")
    add(folder, table, "--withdrawn", card="rows.toml")
    copies = [duckdb.read_parquet(str(path)).fetchall() for path in (folder / "snapshots").glob("ver_*.parquet")]
    assert ("b", 2) not in [row for rows in copies for row in rows], "no copy of theirs is kept"
    table.write_text(before)
    assert "before people withdrew" in add(folder, table, card="rows.toml", code=1)


def test_what_still_holds_them_is_named(folder: Path, tmp_path: Path) -> None:
    for name in ("falls", "labs"):
        (tmp_path / f"{name}.toml").write_text(CARD.replace("visits", name))
        (tmp_path / f"{name}.csv").write_text(ROWS if name == "falls" else ROWS.replace("secret-", "other-"))
        add(folder, tmp_path / f"{name}.csv", card=f"{name}.toml")
    (tmp_path / "mock.csv").write_text("patient,age\nsecret-1,4\nmade-up,5\n")
    for name in ("visits", "falls"):
        typed(folder, "dataset", "mock", name, str(tmp_path / "mock.csv"))
    said = typed(folder, "dataset", "withdraw", "visits", "--ids", str(tmp_path / "ids.txt")).output
    assert "falls is about the same people: 2 of them have rows there; jali node dataset withdraw falls" in said
    assert "labs is about the same people: none of them has rows there" in said
    assert "falls has mock rows of your own that name 1 of them" in said
    assert "visits has mock rows" not in said, "those went with the versions before"
    assert "take them out of your table first" in said
    assert "secret" not in said
    typed(folder, "dataset", "withdraw", "falls", "--ids", str(tmp_path / "ids.txt"))
    with sqlite3.connect(folder / "node.db") as connection:
        named = connection.execute("SELECT count(*) FROM mock WHERE columns LIKE '%secret-%'").fetchone()
    connection.close()
    assert named == (0,)
