"""A model is trained on visits of persons, from a notebook: a person is protected, not a visit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.conftest import write_parquet
from tests.sdk.training.test_job import at_work

from jali import errors
from jali.federation import Federation
from jali.training import shelf
from jali.wire.dataset import Card, UnitKind
from jali_node.actions.budgets.open_population import open_population
from jali_node.actions.datasets.register_dataset import register_dataset
from jali_node.engine.bounded import Bound
from jali_node.engine.warehouse import Warehouse
from jali_node.jobs import train
from jali_node.training import parts

PERSONS, MAX_ROWS, LARGE = 600, 6, 2**60
COLUMNS: list[dict[str, Any]] = [
    {"name": "person", "type": "integer"},
    {"name": "age", "type": "integer", "lower": 0, "upper": 100},
    {"name": "ill", "type": "integer", "lower": 0, "upper": 1},
]
TYPES = {"person": "BIGINT", "age": "BIGINT", "ill": "BIGINT"}
CARD = {
    "name": "stays", "title": "Stays", "population": "persons", "entity": "person", "max_rows": MAX_ROWS,
    "rows": 2000, "columns": COLUMNS,
}  # fmt: skip


def stays() -> list[dict[str, Any]]:
    """Return generated visits, up to 12 of a person; identifiers that doubles cannot tell apart; visits of nobody."""
    random = np.random.default_rng(7)
    found: list[dict[str, Any]] = [{"person": None, "age": 1, "ill": 1}] * 50
    for person in range(PERSONS):
        for _ in range(int(random.integers(1, 13))):
            age = int(random.integers(20, 90))
            found.append({"person": LARGE + person, "age": age, "ill": int(random.random() < (age > 55) * 0.8 + 0.1)})
    return found


@pytest.fixture
def house(build_house: Any) -> Any:
    return furnished(build_house)


def furnished(build_house: Any, **others: Any) -> Any:
    built = build_house(cap=10.0, **others)
    open_population(built.node, "persons", UnitKind.ENTITY, PERSONS, 40.0, 1e-6)
    table = write_parquet(built.folder / "stays.parquet", stays(), TYPES)
    built.dataset = register_dataset(built.node, table, Card.model_validate(CARD)).id
    return built


@pytest.mark.slow
def test_a_model_of_persons_visits_is_trained_and_measured_by_person(house: Any, tmp_path: Path) -> None:
    ds = house.sdk()["stays"]
    wish = {"target": "ill", "features": ["age"], "epsilon": 4.0, "epochs": 30, "held_out": 0.25, "learning_rate": 2.0}
    quote = ds.training_quote(shelf.LogisticRegression(1), **wish)
    assert "for each entity of at most 6 rows" in repr(quote)
    job = ds.train(shelf.LogisticRegression(1), **wish)
    assert job.record.training.batch == "all", "below 2,000 persons, whatever the number of their visits"
    assert job.record.quote.unit == UnitKind.ENTITY
    with at_work(house):
        job.wait(timeout_s=300)
    metrics = job.metrics
    assert metrics.accuracy > 0.7, metrics.describe()
    assert abs(metrics.rows - PERSONS / 4) < 60 + 6 * metrics.rows_stddev, "persons, not visits"
    assert "held-out entities" in metrics.describe()
    old, young = job.model()(torch.tensor([[0.8], [-0.6]]))[:, 0].tolist()
    assert old > 0 > young
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]
    job.save(tmp_path / "model", onnx=False)
    card = (tmp_path / "model" / "README.md").read_text()
    assert "each entity's gradient clipped" in card
    assert "for each entity of at most 6 rows of `stays`" in card


@pytest.mark.slow
def test_nodes_with_tables_of_persons_train_one_model(build_house: Any, house: Any, tmp_path: Path) -> None:
    houses = {"test node": house, "other node": furnished(build_house, name="other node")}
    fed = Federation([house.sdk() for house in houses.values()])["stays"]
    job = fed.train(
        shelf.LogisticRegression(1), target="ill", features=["age"], epsilon=4.0, rounds=2, steps=10, batch=150,
        held_out=0.25, learning_rate=2.0, purpose="who of those who stay is ill",
    )  # fmt: skip
    with at_work(houses["test node"]), at_work(houses["other node"]):
        job.wait(timeout_s=300)
        job.run(tmp_path / "run.json")
    assert job.metrics.unit == UnitKind.ENTITY
    assert abs(job.metrics.rows - 2 * PERSONS / 4) < 90 + 6 * job.metrics.rows_stddev
    old, young = job.model()(torch.tensor([[0.8], [-0.6]]))[:, 0].tolist()
    assert old > young


def test_what_a_worker_reads_is_bounded_split_by_person_and_tells_no_name(house: Any, monkeypatch: Any) -> None:
    """Take the place of the sandbox, and look at what would be sent there."""
    sent: list[Any] = []
    monkeypatch.setattr("jali_node.sandbox.round.run_round", lambda *given: sent.append(given[3]) or b"")
    monkeypatch.setattr("jali_node.sandbox.round.measure", lambda *given: sent.append(given[3]) or [0, 0, 0])
    ds = house.sdk()["stays"]
    job = ds.train(shelf.LogisticRegression(1), target="ill", features=["age"], epsilon=1.0, held_out=0.25)
    from jali_node.actions.datasets.snapshots import snapshot
    from jali_node.actions.jobs.job_plan import stored
    from jali_node.tables import JobRow

    with house.node.database.reading() as session:
        found = stored(session, session.get_one(JobRow, job.id))
        source = snapshot(found.registered)
    work = train.Work(job.record.training, found.plan, b"", bytes(32), "person")
    for measure in (False, True):
        train.run(house.node.warehouse, source, work, measure=measure)
    taught, measured = sent
    for rows in sent:
        numbers, counts = np.unique(rows.unit, return_counts=True)
        assert numbers.tolist() == list(range(len(numbers))), "numbers from 0, never an identifier"
        assert counts.max() <= MAX_ROWS
    assert len(np.unique(taught.unit)) + len(np.unique(measured.unit)) == PERSONS, "no person on both sides, none lost"
    assert 90 < len(np.unique(measured.unit)) < 220
    bounded = sum(min(MAX_ROWS, len(own)) for own in _by_person().values())
    assert len(taught.unit) + len(measured.unit) == bounded, "visits of nobody are left out"


def _by_person() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for row in stays():
        if row["person"] is not None:
            found.setdefault(row["person"], []).append(row["age"])
    return found


def test_a_person_stays_on_their_side_whoever_else_there_is() -> None:
    names = [str(LARGE + person) for person in range(500)]
    aside = parts.held_out_entities(names, 0.2, b"k" * 32)
    assert 60 < aside.sum() < 150
    assert parts.held_out_entities(names[::-1], 0.2, b"k" * 32).tolist() == aside[::-1].tolist()
    assert parts.held_out_entities(names[:9], 0.2, b"k" * 32).tolist() == aside[:9].tolist()
    assert parts.held_out_entities(names, 0.2, b"l" * 32).tolist() != aside.tolist()
    assert not parts.held_out_entities(names, 0.0, b"k" * 32).any()


def test_a_persons_rows_are_read_with_whose_they_are(tmp_path: Path) -> None:
    columns = Card.model_validate(CARD).columns
    warehouse = Warehouse(tmp_path, "500MB", 1)
    table = write_parquet(tmp_path / "t.parquet", stays(), TYPES)
    kept = warehouse.register("ver_1", table, columns, Bound("person", MAX_ROWS, bytes(32)))
    values, whose = warehouse.rows_of_entities(kept, columns[1:], "person")
    known = _by_person()
    assert set(whose) == {str(person) for person in known}, "told apart, though doubles are not"
    for name, age in zip(whose, values["age"], strict=True):
        assert age in known[int(name)]
    again, _ = warehouse.rows_of_entities(kept, columns, "person")
    assert sorted(again) == ["age", "ill", "person"], "the identifier may be read as well"
    warehouse.close()


def test_a_model_with_which_one_person_could_fill_a_worker_is_refused_from_public_facts(house: Any) -> None:
    large = {**CARD, "name": "long_stays", "max_rows": 10_000}
    table = write_parquet(house.folder / "long.parquet", stays(), TYPES)
    register_dataset(house.node, table, Card.model_validate(large))
    with pytest.raises(errors.InvalidRequest, match=r"expected a model that holds at most 3,355 numbers for a row"):
        house.sdk()["long_stays"].training_quote(
            shelf.Mlp(1, hidden=(1500, 1500)), target="ill", features=["age"], epsilon=1.0
        )
