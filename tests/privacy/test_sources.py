"""Files at the door: what is declared is what is read, and a file that changes is noticed before anyone pays."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jali.wire.dataset import Card, Column, UnitKind
from jali.wire.statistics import Count, Histogram, Mean, ValueCounts
from jali_node.actions.budgets.open_population import open_population
from jali_node.actions.datasets.register_dataset import register_dataset
from jali_node.engine.tally import Presence, Tally
from jali_node.errors import InvalidRequest

COLUMNS = (
    Column(name="age", type="integer", lower=0, upper=100),
    Column(name="weight", type="number", lower=0, upper=200),
    Column(name="site", type="category", categories=("north", "so,uth", 'ea"st', "007")),
)


@pytest.fixture
def csv(laboratory: Any, tmp_path: Path) -> Any:
    """Return a function that writes text as CSV, registers it and counts present and missing values by column."""
    numbers = iter(range(100))

    def register(text: str | bytes, columns: tuple[Column, ...] = COLUMNS) -> Any:
        path = tmp_path / f"{next(numbers)}.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return laboratory.warehouse.register(f"ver_csv{abs(hash(path)):x}", path, columns)

    return register


def presence(laboratory: Any, table: Any, column: Column) -> list[int]:
    counted: list[int] = next(iter(laboratory.tallies(table, [Tally((Presence(column),))]).values()))[0].tolist()
    return counted


def test_declared_types_are_read_and_what_does_not_fit_is_missing(laboratory: Any, csv: Any) -> None:
    table = csv(
        "age,weight,site\n30,70.5,north\nabc,heavy,moon\n,,\n99999999999999999999,1e400,north\n"
        "2.0,nan,north\n 41 ,inf,north\n"
    )
    age, weight, _ = COLUMNS
    assert laboratory.measured(Count(), table)["rows"][0] == [6]
    assert presence(laboratory, table, age) == [3, 3]
    assert presence(laboratory, table, weight) == [3, 3]
    assert laboratory.measured(ValueCounts(column="site"), table)["categories:site"][0] == [4, 0, 0, 0, 2]


def test_numbers_are_never_guessed_from_other_rows(laboratory: Any, csv: Any) -> None:
    """A sniffer would read 007 as 7, and one odd row would turn a whole column into text."""
    ages = "\n".join(f"{i % 90},1.0,007" for i in range(3000))
    table = csv(f"age,weight,site\n{ages}\nsurprise,2020-01-01,north\n")
    age = COLUMNS[0]
    assert presence(laboratory, table, age) == [3000, 1]
    assert laboratory.measured(ValueCounts(column="site"), table)["categories:site"][0] == [1, 0, 0, 3000, 0]


def test_quotes_hold_commas_quotes_and_line_ends(laboratory: Any, csv: Any) -> None:
    table = csv('age,weight,site\n1,1.0,"so,uth"\n2,2.0,"ea""st"\n3,3.0,"north\nof"\n"4","4.0",north\n')
    assert laboratory.measured(ValueCounts(column="site"), table)["categories:site"][0] == [1, 1, 1, 0, 1]
    assert presence(laboratory, table, COLUMNS[0]) == [4, 0]


def test_a_byte_order_mark_is_no_part_of_the_first_name(laboratory: Any, csv: Any) -> None:
    table = csv(b"\xef\xbb\xbfage,weight,site\n30,70.5,north\n40,70.5,north\n")
    assert presence(laboratory, table, COLUMNS[0]) == [2, 0]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_line_ends_of_either_kind_and_a_missing_last_one_make_the_same_rows(
    laboratory: Any, csv: Any, ends: str
) -> None:
    table = csv(ends.join(["age,weight,site", "30,70.5,north", "40,60.5,north"]))
    assert laboratory.measured(ValueCounts(column="site"), table)["categories:site"][0] == [2, 0, 0, 0, 0]


def test_columns_may_stand_in_another_order_and_number_than_on_the_card(laboratory: Any, csv: Any) -> None:
    table = csv("other,site,age,weight\nx,north,30,1.5\ny,north,31,2.5\n")
    total, _ = laboratory.measured(Mean(column="age"), table)["sum:age"]
    assert total == [(2 * 30 - 100) + (2 * 31 - 100)]


@pytest.mark.parametrize("line", ["30,70.5", "30,70.5,north,more", "30,70.5,north,more,and more"])
def test_a_ragged_line_is_refused_to_the_owner(csv: Any, line: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read with the declared columns") as refused:
        csv(f"age,weight,site\n30,70.5,north\n{line}\n40,70.5,north\n")
    assert refused.value.field == "table"
    assert "70.5" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "does not have"),
        (b"age;weight;site\n1;2;north\n", "does not have"),
        (b"age,weight\n30,70.5\n", "declares column site"),
        (b"Age,weight,site\n30,70.5,north\n", "declares column age"),
        (b"age,weight,s\xff\n", "cannot be read"),
        (b"age,weight,site\n30,70.5,\xff\xfe\n", "cannot be read"),
        (b"age,age,weight,site\n1,2,3,north\n", "cannot be read"),
    ],
    ids=["empty", "other delimiter", "column missing", "other case", "name not UTF-8", "value not UTF-8", "same name"],
)
def test_a_file_that_does_not_fit_its_card_is_refused_to_the_owner(csv: Any, text: bytes, what: str) -> None:
    with pytest.raises(InvalidRequest, match=what):
        csv(text)


def test_a_card_column_that_a_parquet_file_lacks_is_named(laboratory: Any) -> None:
    with pytest.raises(InvalidRequest, match="declares column weight") as refused:
        laboratory.table([{"age": 1}], {"age": "BIGINT"}, COLUMNS[:2])
    assert refused.value.field == "columns.weight"


@pytest.mark.parametrize("name", ["table.txt", "table.csv", "*.parquet", "tab?e.parquet"])
def test_only_one_existing_file_of_a_known_kind_is_taken_in(laboratory: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "table.parquet").write_bytes(laboratory.write([{"age": 1}], {"age": "BIGINT"}).read_bytes())
    (tmp_path / "table.txt").write_text("age\n1\n")
    with pytest.raises(InvalidRequest, match="expected a"):
        laboratory.warehouse.register("ver_none", tmp_path / name, COLUMNS[:1])


def test_a_torn_parquet_file_is_refused_to_the_owner(laboratory: Any, tmp_path: Path) -> None:
    path = tmp_path / "torn.parquet"
    path.write_bytes(laboratory.write([{"age": 1}], {"age": "BIGINT"}).read_bytes()[:-20])
    with pytest.raises(InvalidRequest, match="cannot be read"):
        laboratory.warehouse.register("ver_torn", path, COLUMNS[:1])


def test_a_csv_that_changes_after_registration_changes_no_answer(laboratory: Any, tmp_path: Path) -> None:
    """The node reads its own snapshot: a stray quote added later cannot swallow rows."""
    path = tmp_path / "table.csv"
    path.write_text("age,weight,site\n30,1.0,north\n")
    table = laboratory.warehouse.register("ver_kept", path, COLUMNS)
    path.write_text('age,weight,site\n"30,1.0,north\n31,1.0,north\n')
    table.file.refuse_if_changed()
    assert laboratory.measured(Count(), table)["rows"][0] == [1]


def spends(house: Any) -> list[str]:
    return [entry["kind"] for entry in house.ledger() if entry["kind"].startswith("spend")]


@pytest.mark.parametrize("change", ["one byte", "another table", "gone"])
def test_a_changed_file_is_refused_before_anything_is_spent(house: Any, laboratory: Any, change: str) -> None:
    path, before, entries = house.folder / "visits.parquet", house.population(), spends(house)
    content = bytearray(path.read_bytes())
    if change == "gone":
        path.unlink()
    elif change == "one byte":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    else:
        row = {"age": 1, "weight": 1.0, "site": "north", "note": None}
        types = {"age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR", "note": "DOUBLE"}
        path.write_bytes(laboratory.write([row], types).read_bytes())
    reply = house.ask({"kind": "count"})
    assert (reply.status_code, reply.json()["code"]) == (409, "dataset_changed")
    assert house.population() == before
    assert spends(house) == entries


def test_a_touched_file_with_the_same_content_is_still_the_registered_one(house: Any) -> None:
    os.utime(house.folder / "visits.parquet", ns=(0, 1))
    assert house.ask({"kind": "count"}).status_code == 200


def test_registering_anew_gives_a_new_version_that_spends_from_the_same_account(house: Any) -> None:
    first = house.ask({"kind": "count"}, 0.3).json()
    spent, left = house.population()["spent"], house.population()["left"]
    dataset = register_dataset(house.node, house.folder / "visits.parquet", house.card)
    assert dataset.id == house.dataset
    assert dataset.version != first["version"]
    assert (house.population()["spent"], house.population()["left"]) == (spent, left)
    second = house.ask({"kind": "count"}, 0.3).json()
    assert (second["version"], second["repeated"]) == (dataset.version, False)
    assert house.population()["spent"] > spent
    assert house.population()["left"] < left
    assert len(house.get("/v1/populations", house.owner).json()) == 1


def test_a_changed_file_can_be_registered_and_asked_again(house: Any, laboratory: Any) -> None:
    path = house.folder / "visits.parquet"
    types = {"age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR", "note": "DOUBLE"}
    row = {"age": 1, "weight": 1.0, "site": "north", "note": None}
    path.write_bytes(laboratory.write([row] * 700, types).read_bytes())
    assert house.ask({"kind": "count"}).status_code == 409
    register_dataset(house.node, path, house.card)
    noised = house.ask({"kind": "count"}, 0.9).json()["measurements"]["rows"]
    assert abs(noised["values"][0] - 700) < 12 * noised["noise_stddev"] < 650


def test_a_version_cannot_move_to_another_population(house: Any) -> None:
    open_population(house.node, "others", UnitKind.ROW, 100, 5.0, 1e-6)
    elsewhere = Card.model_validate({**house.card.model_dump(), "population": "others"})
    with pytest.raises(InvalidRequest, match="another population"):
        register_dataset(house.node, house.folder / "visits.parquet", elsewhere)
    assert house.ask({"kind": "count"}).status_code == 200


def test_the_content_hash_stays_on_the_node(house: Any) -> None:
    digest = hashlib.sha256((house.folder / "visits.parquet").read_bytes()).hexdigest()
    pages = [house.get(path).text for path in ("/v1/datasets", f"/v1/datasets/{house.dataset}")]
    assert all(digest not in page for page in [*pages, str(house.ledger()), house.ask({"kind": "count"}).text])


def test_a_histogram_of_a_csv_is_that_of_its_numbers(laboratory: Any, csv: Any) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 101, 500)
    table = csv("age,weight,site\n" + "".join(f"{value},1,north\n" for value in values))
    counts, _ = laboratory.measured(Histogram(column="age", bins=9), table)["bins:age:9"]
    expected, _ = np.histogram(values, [100 * i / 9 for i in range(10)])
    assert counts == [*expected.tolist(), 0]
