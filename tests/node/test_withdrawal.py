"""Consent withdrawn: a version without these entities, on the same account, and nothing that names them."""

import json
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
        ("\udcff", "cannot be read"),
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
    assert (done.named, done.found, done.releases, done.jobs, done.same_people) == (2, 2, (release,), (), ("falls",))
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
