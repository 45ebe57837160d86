"""A model is trained where the rows are, from a notebook: quoted, decided, trained, measured and returned."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import jali
from jali import errors
from jali.training import columns, shelf
from jali.wire.features import id_count
from jali_node.actions.jobs import run_round

SIDE = 8
PIXELS = [f"p{at}" for at in range(SIDE * SIDE)]
PLAIN: list[dict[str, Any]] = [
    {"name": "age", "type": "integer", "lower": 0, "upper": 100},
    {"name": "income", "type": "number", "lower": 0, "upper": 100_000},
    {"name": "site", "type": "category", "categories": ["north", "south", "east"]},
    {"name": "ill", "type": "integer", "lower": 0, "upper": 1},
    {"name": "visits", "type": "integer", "lower": 0, "upper": 20},
    {"name": "note", "type": "number"},
]
PICTURES: list[dict[str, Any]] = [
    *({"name": name, "type": "integer", "lower": 0, "upper": 255} for name in PIXELS),
    {"name": "digit", "type": "category", "categories": ["bar", "beam"]},
]


def people(count: int = 2000) -> list[dict[str, Any]]:
    """Return generated people: income and age make ill, site and age make visits."""
    random = np.random.default_rng(5)
    found = []
    for _ in range(count):
        age, income, site = int(random.integers(20, 90)), float(random.lognormal(10, 0.6)), int(random.integers(0, 3))
        ill = int(random.random() < 1 / (1 + np.exp(-(age - 55) / 6)))
        visits = int(random.poisson(np.exp(0.5 + 0.8 * (site == 1) + age / 80)))
        found.append({"age": age, "income": income, "site": ("north", "south", "east")[site], "ill": ill,
                      "visits": visits, "note": None})  # fmt: skip
    return found


def pictures(count: int = 2000) -> list[dict[str, Any]]:
    """Return generated pictures: a bar stands, a beam lies."""
    random = np.random.default_rng(6)
    found = []
    for at in range(count):
        picture = random.integers(0, 60, (SIDE, SIDE))
        place = int(random.integers(1, SIDE - 1))
        picture[(slice(None), place) if at % 2 else (place, slice(None))] = 255
        row = dict(zip(PIXELS, map(int, picture.ravel()), strict=True))
        found.append({**row, "digit": "bar" if at % 2 else "beam"})
    return found


@pytest.fixture
def house(build_house: Any) -> Any:
    types = {"age": "BIGINT", "income": "DOUBLE", "site": "VARCHAR", "ill": "BIGINT", "visits": "BIGINT",
             "note": "DOUBLE"}  # fmt: skip
    return build_house(rows=people(), types=types, columns=PLAIN, cap=40.0)


@contextmanager
def at_work(house: Any) -> Iterator[None]:
    """Let an owner approve whatever is asked, and a worker train it, until the block ends."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.05):
            for job in house.get("/v1/jobs", house.owner).json():
                if job["status"] == "submitted":
                    body = {"digest": job["digest"], "outcome": "approved"}
                    house.post(f"/v1/jobs/{job['id']}/decision", body, house.owner)
            for job_id, number, attempt in run_round.waiting_rounds(house.node):
                if run_round.claim(house.node, job_id, number, attempt, "test"):
                    run_round.run(house.node, job_id, number, attempt)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        ended.set()
        worker.join()


def test_a_model_is_quoted_approved_trained_measured_and_returned(house: Any, tmp_path: Path) -> None:
    ds = house.sdk()["visits"]
    wish = {"target": "ill", "features": ["age", "site"], "epsilon": 2.0, "epochs": 20, "held_out": 0.2}
    before = house.ledger()
    quote = ds.training_quote(shelf.LogisticRegression(4), **wish)
    assert "metrics 0.2 of it alone" in repr(quote)
    assert house.ledger() == before
    job = ds.train(shelf.LogisticRegression(4), learning_rate=2.0, **wish)
    assert job.review_url.endswith(f"/v1/jobs/{job.id}")
    for early in (job.model, lambda: job.metrics):
        with pytest.raises(errors.JaliError):
            early()
    with pytest.raises(errors.DecisionPending, match=r"the job stays: wait\(\) again"):
        job.wait(timeout_s=0.01)
    with at_work(house):
        job.wait(timeout_s=300)
    assert job.status == "done"
    assert job.metrics.accuracy > 0.7, job.metrics.describe()
    assert abs(job.metrics.rows - 400) < 60 + 6 * job.metrics.rows_stddev
    assert job.metrics.epsilon == pytest.approx(0.2)
    old, young = job.model()(torch.tensor([[0.8, 1, 0, 0], [-0.6, 1, 0, 0]]))[:, 0].tolist()
    assert old > 0 > young
    spends = [entry for entry in house.ledger() if entry["kind"] == "spend.committed"]
    assert len(spends) == 2, "the round and the metrics"
    assert house.population()["spent"] == pytest.approx(job.record.quote.price, rel=1e-6)
    assert house.population()["held"] == 0
    assert house.get("/v1/ledger/verification", house.owner).json()["valid"]
    from jali.training import results

    kept = results.opened(job.save(tmp_path / "model", onnx=False))
    assert torch.equal(kept(torch.ones(1, 4)), job.model()(torch.ones(1, 4)))
    assert job.metrics.describe() in (tmp_path / "model" / "README.md").read_text()
    again = house.sdk()["visits"].job(job.id)
    assert again.metrics == job.metrics, "the stored reply, in another session, without another spend"
    assert torch.equal(again.model()(torch.ones(1, 4)), job.model()(torch.ones(1, 4)))


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def forward(self, rows: Tensor) -> Tensor:
        if rows.sum() > 0:
            return self.layer(rows)
        return -self.layer(rows)


WRONG: list[tuple[nn.Module, dict[str, Any], type[Exception], str]] = [
    (Branching(), {}, errors.NotTransportable, r"test_job\.py, line \d+ \(if rows\.sum\(\) > 0:\)"),
    (nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2)), {}, errors.NotTransportable, "GroupNorm"),
    (nn.Linear(3, 1), {}, errors.NotTransportable, "expected in_features = 4, the width of input, got 3"),
    (nn.Linear(4, 2), {}, errors.InvalidRequest, r"answers 2 number\(s\) a row; ill >= 1 takes 1"),
    (nn.Linear(4, 1), {"features": ["agee", "site"]}, errors.UnknownColumn, "did you mean 'age'"),
    (nn.Linear(4, 1), {"features": ["note", "site"]}, errors.BoundsUnknown, "note has no bounds; ask the owner"),
    (nn.Linear(4, 1), {"features": "age"}, errors.InvalidRequest, "expected a list of columns, got 'age'"),
    (nn.Linear(4, 1), {"target": columns.Choice(column="age")}, errors.WrongColumnType, "needs a category"),
    (nn.Linear(4, 1), {"target": columns.Member(column="site", category="west")}, errors.WrongColumnType, "no cat"),
    (nn.Linear(4, 1), {"target": "site"}, errors.InvalidRequest, "which site takes 3"),
    (nn.Linear(4, 1), {"held_out": 0.7}, errors.InvalidRequest, "held_out: .* 0.5, got 0.7"),
    (nn.Linear(4, 1), {"batch": 3000}, errors.InvalidRequest, "expected batch <= 2000"),
    (shelf.TabularEmbedding([4], 3), {}, errors.InvalidRequest, "reads input 0, age, which holds no ids"),
    (shelf.TabularEmbedding([3], 1), {"features": [columns.Ids(column="site"), "age"]}, errors.InvalidRequest,
     "an embedding of 3 ids reads site id, which has 4, that of missing ones included"),
    (nn.Linear(4, 1), {"shape": (2, 3)}, errors.NotTransportable, r"expected 4 numbers.*got \(2, 3\)"),
]  # fmt: skip


def test_a_wish_that_cannot_be_is_refused_with_the_line_or_the_field(house: Any) -> None:
    ds = house.sdk()["visits"]
    for model, changes, error, words in WRONG:  # one house for all: each takes half a second to build
        wish = {"target": "ill", "features": ["age", "site"], "epsilon": 1.0, **changes}
        with pytest.raises(error, match=words):
            ds.training_quote(model, **wish)


SITE = columns.Ids(column="site")
SHELF: dict[str, tuple[Any, dict[str, Any], str, float]] = {
    "logistic": (lambda: shelf.LogisticRegression(4), {"target": "ill", "features": ["age", "site"]}, "accuracy", 0.7),
    "linear": (lambda: shelf.LinearRegression(1), {"target": "age", "features": ["ill"]}, "error", 17.0),
    "poisson": (
        lambda: shelf.PoissonRegression(4),
        {"target": columns.Count(column="visits"), "features": ["age", "site"], "learning_rate": 0.1, "clip_norm": 4.0},
        "error", 2.6),
    "mlp": (lambda: shelf.Mlp(2, dropout=0.1),
            {"target": "ill", "features": ["age", columns.Scaled(column="income", log=True)]}, "accuracy", 0.7),
    "embedding": (
        lambda: shelf.TabularEmbedding([4], 1), {"target": "ill", "features": [SITE, "age"]}, "accuracy", 0.7),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", SHELF)
def test_each_model_of_the_shelf_learns_through_the_real_path(house: Any, name: str) -> None:
    """Epsilon 8, 2,000 generated rows; the bound is well beyond chance, and what is missed by chance well within it."""
    build, wish, figure, bound = SHELF[name]
    torch.manual_seed(2)
    settings = {"epsilon": 8.0, "epochs": 60, "learning_rate": 1.0, "held_out": 0.2, **wish}
    with at_work(house):
        job = house.sdk()["visits"].train(build(), **settings).wait(timeout_s=300)
    found = getattr(job.metrics, figure)
    assert found > bound if figure == "accuracy" else found < bound, job.metrics.describe()


@pytest.mark.slow
def test_the_small_network_for_pictures_learns_through_the_real_path(build_house: Any) -> None:
    types = {**dict.fromkeys(PIXELS, "BIGINT"), "digit": "VARCHAR"}
    house = build_house(rows=pictures(), types=types, columns=PICTURES, cap=40.0)
    torch.manual_seed(2)
    with at_work(house):
        job = house.sdk()["visits"].train(
            shelf.SmallCnn((1, SIDE, SIDE)), target="digit", features=PIXELS, shape=(1, SIDE, SIDE), epsilon=8.0,
            epochs=30, learning_rate=0.5, held_out=0.2,
        ).wait(timeout_s=400)  # fmt: skip
    assert job.metrics.accuracy > 0.8, job.metrics.describe()
    assert job.model()(torch.zeros(2, 1, SIDE, SIDE)).shape == (2, 1)


def test_an_embedding_of_the_shelf_has_as_many_ids_as_its_column(house: Any) -> None:
    ds = house.sdk()["visits"]
    assert ds.feature_names([SITE, "age"]) == ("site id", "age")
    assert id_count(SITE, ds.card.column("site")) == 4


def test_several_nodes_take_the_same_ways_and_targets_and_measure(house: Any) -> None:
    fed = jali.Federation([house.sdk()])["visits"]
    wish = {"target": columns.Count(column="visits"), "features": [SITE, "age"], "epsilon": 1.0, "rounds": 2,
            "purpose": "to test the house"}  # fmt: skip
    model = shelf.TabularEmbedding([4], 1)
    assert "predict the count of visits" in repr(fed.training_quote(model, **wish))
    assert "predict ill >= 1" in repr(fed.training_quote(model, **{**wish, "target": "ill"}))
    assert "metrics 0.1 of it alone" in repr(fed.training_quote(model, **wish, held_out=0.2))
