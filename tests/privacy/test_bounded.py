"""At most so many rows of each entity are read, and which ones depends on no other entity."""

import hashlib
import hmac
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jali.wire.dataset import Card, Column, UnitKind
from jali.wire.lattice import Lattice
from jali_node.actions.budgets.open_population import open_population
from jali_node.actions.datasets.register_dataset import register_dataset
from jali_node.engine.bounded import Bound
from jali_node.errors import InvalidRequest

KEY = bytes(range(32))
COLUMNS = (
    Column(name="person", type="text"),
    Column(name="age", type="integer", lower=0, upper=100),
    Column(name="weight", type="number", lower=0, upper=200),
    Column(name="site", type="category", categories=("north", "south")),
    Column(name="free", type="number"),
)
TYPES = {"person": "VARCHAR", "age": "BIGINT", "weight": "DOUBLE", "site": "VARCHAR", "free": "DOUBLE"}
Row = dict[str, Any]


def made_up(entities: int = 40, seed: int = 1) -> list[Row]:
    """Return rows of entities with 1 to 30 rows each, some of them equal, some with nothing in them, some of nobody."""
    draw = random.Random(seed)  # noqa: S311 - a table for tests
    weights = [None, float("nan"), float("inf"), -0.0, 5e-324, 70.5, 70.5, 199.99999, 1e308]
    return [
        {
            "person": draw.choice([f"p{entity}", f"p{entity}", f"p{entity}", f"p{entity}"]) if entity else None,
            "age": draw.choice([None, 7, 41, 41, 999]),
            "weight": draw.choice(weights),
            "site": draw.choice([None, "north", "south", "nowhere", "nörth", ""]),
            "free": draw.choice([None, 0.1, 0.2]),
        }
        for entity in range(entities)
        for _ in range(draw.randint(1, 30))
    ]


@pytest.fixture(scope="module")
def kept(laboratory: Any) -> Callable[..., list[tuple[Any, ...]]]:
    """Return a function that registers rows with a bound, and gives the rows that are read."""

    def register(rows: list[Row], max_rows: int = 5, key: bytes = KEY) -> list[tuple[Any, ...]]:
        path = laboratory.write(rows, TYPES)
        snapshot = laboratory.warehouse.register(f"ver_{path.stem}", path, COLUMNS, Bound("person", max_rows, key))
        found = laboratory.writer.read_parquet(str(snapshot.file.path)).fetchall()
        return sorted(found, key=repr)

    return register


def test_no_entity_has_more_rows_than_its_bound_and_nobody_loses_one_below_it(kept: Any) -> None:
    rows = made_up()
    had = Counter(row["person"] for row in rows if row["person"] is not None)
    have = Counter(row[0] for row in kept(rows))
    assert have == {person: min(5, number) for person, number in had.items()}


@pytest.mark.parametrize("gone", [f"p{i}" for i in (1, 2, 3, 17, 30, 39)])
def test_taking_an_entity_away_leaves_every_other_entitys_rows_unchanged(kept: Any, gone: str) -> None:
    rows = made_up()
    others = [row for row in rows if row["person"] != gone]
    random.Random(gone).shuffle(others)  # noqa: S311 - a table for tests
    assert [repr(row) for row in kept(rows) if row[0] != gone] == [repr(row) for row in kept(others)]


def test_rows_stand_in_any_order(kept: Any) -> None:
    rows = made_up()
    assert list(map(repr, kept(rows))) == list(map(repr, kept(rows[::-1])))


def test_another_key_chooses_other_rows(kept: Any) -> None:
    rows = made_up()
    assert kept(rows) != kept(rows, key=bytes(32))


def test_the_rank_is_the_hmac_of_the_content(kept: Any) -> None:
    """Recomputed with the standard library: the defined encoding is the one that is used."""
    rows = [row for row in made_up() if row["person"] == "p3"]
    rows = [{**row, "age": i, "weight": 10.25 * i, "free": None} for i, row in enumerate(rows)]

    def encoded(row: Row) -> bytes:
        code = str(2 * int(row["weight"] * Lattice.of(COLUMNS[2]).steps / 200 + 0.5) - Lattice.of(COLUMNS[2]).steps)
        fields = [row["person"], str(row["age"]), code, row["site"], None]
        return "".join("-" if field is None else f"{len(field)}:{field}" for field in fields).encode()

    ranked = sorted(rows, key=lambda row: hmac.new(KEY, encoded(row), hashlib.sha256).hexdigest())
    assert {row[1] for row in kept(rows, 3)} == {row["age"] for row in ranked[:3]}


def test_an_entity_with_ten_thousand_rows_moves_a_count_by_its_bound(laboratory: Any, statistic: Any) -> None:
    ordinary = made_up()
    crowd = [{"person": "crowd", "age": 1, "weight": 1.0, "site": "north", "free": None}] * 10_000
    counts = []
    for rows in (ordinary, ordinary + crowd):
        path = laboratory.write(rows, TYPES)
        table = laboratory.warehouse.register(f"ver_{path.stem}", path, COLUMNS, Bound("person", 7, KEY))
        counts.append(laboratory.measured(statistic({"kind": "count"}), table)["rows"][0][0])
    assert counts[1] - counts[0] == 7


def clinic(build_house: Any, **card: Any) -> tuple[Any, Card]:
    """Return a house with a population of persons, and a card for a table of theirs."""
    house = build_house(cap=20.0)
    open_population(house.node, "persons", UnitKind.ENTITY, 40, 20.0, 1e-6)
    facts = {"name": "stays", "title": "Stays", "population": "persons", "columns": COLUMNS, "rows": 220}
    return house, Card.model_validate({**facts, "entity": "person", "max_rows": 5, **card})


def test_an_answer_about_entities_has_noise_for_all_their_rows(build_house: Any, laboratory: Any) -> None:
    house, card = clinic(build_house)
    dataset = register_dataset(house.node, laboratory.write(made_up(), TYPES), card)
    assert (dataset.entity, dataset.max_rows, dataset.rows) == ("person", 5, 220)
    house.grant(epsilon=5.0)
    house.grant(epsilon=5.0, dataset=dataset.id)
    asked = {"kind": "count"}
    of_rows = house.ask(asked, 1.0).json()["measurements"]["rows"]
    of_entities = house.post("/v1/queries", {**house.query(asked, 1.0), "dataset": dataset.id}).json()
    noised = of_entities["measurements"]["rows"]
    assert noised["noise_stddev"] == pytest.approx(5 * of_rows["noise_stddev"], rel=1e-3)
    assert abs(noised["values"][0] - len(made_up())) > 0, "rows beyond the bound are not counted"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"entity": None, "max_rows": None}, "a unit of population persons is an entity"),
        ({"population": "people"}, "a unit of population people is a row"),
    ],
)
def test_a_card_that_disagrees_with_its_population_is_refused(
    build_house: Any, laboratory: Any, change: Any, words: str
) -> None:
    house, card = clinic(build_house, **change)
    with pytest.raises(InvalidRequest, match=words) as refused:
        register_dataset(house.node, laboratory.write(made_up(), TYPES), card)
    assert refused.value.field == "entity"


@pytest.mark.slow
def test_a_cohort_of_400_000_rows_is_bounded_and_nobody_notices_who_is_missing(laboratory: Any, tmp_path: Path) -> None:
    folder = Path(os.environ.get("JALI_BENCH_DATA", "")) / "nafld"
    tables = sorted(folder.glob("nafld2*"))
    if not os.environ.get("JALI_BENCH_DATA") or not tables:
        pytest.skip("JALI_BENCH_DATA names no folder with nafld/nafld2")
    source = duckdb.read_csv(str(tables[0])) if tables[0].suffix == ".csv" else duckdb.read_parquet(str(tables[0]))
    columns = (
        Column(name="id", type="integer"),
        Column(name="days", type="integer", lower=-5000, upper=10000),
        Column(name="value", type="number", lower=0, upper=1000),
    )
    lines = source.project("id, days, value")
    counts = dict(lines.aggregate("id, count(*)", "id").fetchall())
    gone = [max(counts, key=lambda person: counts[person]), *sorted(counts)[:3]]
    found = []
    for name, condition in (("all", "true"), *((f"without{i}", f"id <> {person}") for i, person in enumerate(gone))):
        path = tmp_path / f"{name}.parquet"
        lines.filter(condition).write_parquet(str(path))
        kept = laboratory.warehouse.register(f"ver_{name}", path, columns, Bound("id", 20, KEY))
        found.append(set(duckdb.read_parquet(str(kept.file.path)).fetchall()))
    assert len(counts) == 15_666
    for person, without in zip(gone, found[1:], strict=True):
        assert {row for row in found[0] if row[0] != person} == without
