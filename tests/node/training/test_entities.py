"""Persons with several rows: each is sampled, clipped and measured whole, and moves a step by no more than one row."""

import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.node.training.models import MODELS
from tests.node.training.test_engine import (
    HUGE,
    WIDTH,
    Chosen,
    Silent,
    a_plan,
    deep,
    drawn,
    logistic,
    moved,
    some_rows,
)
from torch import Tensor, nn

from jali.training import graph as sdk
from jali.wire.targets import Loss
from jali_node.sandbox import task
from jali_node.training import engine, entities, gradients, graph_check, sums
from jali_node.training.entities import Chunk, Grouping, Units, summed
from jali_node.training.gradients import EmbeddingPart, LinearPart, Recorder
from jali_node.training.lattice import HALF, LATTICE, SENSITIVITY
from jali_node.training.layers import Embedding
from jali_node.training.losses import losses_of
from jali_node.training.tensors import Rows


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


COUNTS = [1, 5, 2, 1, 9, 3, 16]


def wide() -> nn.Module:
    """Return a model whose matrices are larger than a few rows."""
    return nn.Sequential(nn.Linear(WIDTH, 40), nn.Tanh(), nn.Linear(40, 30), nn.Tanh(), nn.Linear(30, 1))


PLAIN: dict[str, Callable[[], nn.Module]] = {"logistic": logistic, "deep": deep, "wide": wide}


def owned(rows: Rows, counts: list[int]) -> Rows:
    """Say whose rows they are: so many each, in no order."""
    unit = np.repeat(np.arange(len(counts)), counts)
    return replace(rows, unit=np.random.default_rng(2).permutation(unit))


def of(rows: Rows, kept: NDArray[np.bool_]) -> Rows:
    assert rows.unit is not None
    return Rows(rows.features[kept], rows.target[kept], rows.present[kept], rows.unit[kept])


def contribution(model: nn.Module, parts: list[Any], clip: float) -> Tensor:
    """Return what an optimizer adds up of some entities' gradients, in double precision."""
    flat = nn.Parameter(torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()]))
    optimizer = engine.ClippingOptimizer(flat, a_plan(clip=clip), Silent())
    places, start = {}, 0
    for parameter in model.parameters():
        places[parameter] = slice(start, start + parameter.numel())
        start += parameter.numel()
    optimizer.take_in(parts, places)
    found: Tensor = flat.summed_grad.double()  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("name", [*MODELS, *PLAIN])
def test_an_entitys_gradient_is_that_of_its_rows_mean_loss(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle is autograd, an entity at a time."""
    torch.manual_seed(4)
    if name in PLAIN:
        model, width = PLAIN[name](), WIDTH
        features = torch.randn(sum(COUNTS), width)
    else:
        build, width, shape = MODELS[name]
        model = graph_check.check(*sdk.trace(build(), width, shape))
        features = torch.randn(sum(COUNTS), width)
        for place, number in model.graph.ids.items():
            features[:, place] = (torch.arange(len(features)) % number).float()
        for part in model.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
    target = (torch.arange(len(features)) % 2).float()
    expected: dict[float, Tensor] = {clip: torch.zeros(1, dtype=torch.float64) for clip in (0.1, 1e6)}
    for own, wanted in zip(features.split(COUNTS), target.split(COUNTS), strict=True):
        loss = losses_of(Loss.LOGISTIC, wanted, 1)(model(own)).mean()
        found = torch.autograd.grad(loss, list(model.parameters()))
        whole = torch.cat([gradient.double().reshape(-1) for gradient in found])
        for clip in expected:
            expected[clip] = expected[clip] + whole * min(1.0, clip / float(whole.norm()))
    for clip, total in expected.items():
        with Recorder(model) as recorder:
            chunk = Chunk(features, target, torch.tensor(COUNTS))
            parts = chunk.parts(recorder, losses_of(Loss.LOGISTIC, target, 1))
        got = contribution(model, parts, clip)
        assert float((got - total).norm()) <= 0.01 * float(total.norm()), "the share that STRAY takes, and rounding"
        with monkeypatch.context() as patch:
            patch.setattr(entities, "STRAY", 0.0)
            got = contribution(model, parts, clip)
        assert float((got - total).norm()) <= 2e-5 * float(total.norm())


@pytest.mark.parametrize("name", PLAIN)
def test_entities_of_one_row_are_rows(name: str) -> None:
    rows = some_rows(40)
    assert torch.allclose(
        moved(PLAIN[name], replace(rows, unit=np.arange(40)), a_plan(clip=0.3), Silent()),
        moved(PLAIN[name], rows, a_plan(clip=0.3), Silent()),
        atol=1e-5,
    )


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize(("scale", "clip"), [(1e-6, 1e-6), (1.0, 1.0), (1e4, 1e-6), (1e4, 100.0)])
def test_no_person_moves_a_step_further_than_the_clip_norm(name: str, scale: float, clip: float) -> None:
    """Rows within bounds, rows that are huge, rows that are no numbers, up to 200 of one person."""
    random = np.random.default_rng(3)
    model = drawn(PLAIN[name], scale)
    with Recorder(model) as recorder:
        for at, count in enumerate([1, 2, 3, 33, 200] * 3):
            hostile = random.choice(HUGE, (count, WIDTH)).astype(np.float32)
            if at % 3 == 0:
                hostile = np.sign(hostile) * np.minimum(np.abs(np.nan_to_num(hostile)), 1)
            elif at % 3 == 1:
                hostile = np.nan_to_num(np.clip(hostile, -1e9, 1e9))
            features, target = torch.from_numpy(hostile), torch.from_numpy(random.integers(0, 2, count)).float()
            parts = Chunk(features, target, torch.tensor([count])).parts(recorder, losses_of(Loss.LOGISTIC, target, 1))
            found = contribution(model, parts, clip)
            assert torch.isfinite(found).all()
            assert float(found.norm()) <= clip


@pytest.mark.parametrize("huge", [1e3, 1e6, 1e9])
@pytest.mark.parametrize("width", [2, 60])
@pytest.mark.parametrize("guarded", [True, False])
def test_huge_gradients_that_cancel_leave_no_more_than_the_clip_norm(
    huge: float, width: int, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of the rows is short, so it is hardly scaled down; the rounding of each is not short.

    Without STRAY, more is left where sums are never made.
    """
    if not guarded:
        monkeypatch.setattr(entities, "STRAY", 0.0)
        monkeypatch.setattr(gradients, "STRAY", 0.0)
    torch.manual_seed(5)
    linear, table = nn.Linear(width, width), Embedding(3, width)
    norms, in_rows = [], []
    for _ in range(5):
        shown, blame = torch.randn(1, width) * huge, torch.randn(1, width) * huge
        shown, blame = shown.repeat(4, 1), torch.cat([blame, -blame, blame * (1 + 1e-6), -blame])
        grouping = Grouping(torch.tensor([4]))
        for layer, part in (
            (linear, LinearPart(linear, shown, blame)),
            (table, EmbeddingPart(table, torch.ones(4, 1, dtype=torch.long), blame.unsqueeze(1))),
        ):
            norms.append(float(contribution(layer, [summed(part, grouping)], 1.0).norm()))
        row = EmbeddingPart(table, torch.ones(1, 4, dtype=torch.long), blame.unsqueeze(0))
        in_rows.append(float(contribution(table, [row], 1.0).norm()))
    assert guarded is False or max(in_rows) <= 1.0, "one row with an id several times"
    assert (max(norms) <= 1.0) == (guarded or width == 2)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_row_that_is_no_number_takes_its_whole_person_out_and_nobody_else(name: str, bad: float) -> None:
    rows = owned(some_rows(sum(COUNTS)), COUNTS)
    assert rows.unit is not None
    features = rows.features.copy()
    features[np.flatnonzero(rows.unit == 4)[3]] = bad
    broken = moved(PLAIN[name], replace(rows, features=features), a_plan(), Silent())
    assert torch.allclose(broken, moved(PLAIN[name], of(rows, rows.unit != 4), a_plan(), Silent()), atol=2e-5)


@pytest.mark.parametrize("name", PLAIN)
def test_a_person_less_moves_a_step_by_their_own_part(name: str) -> None:
    rows, plan = owned(some_rows(sum(COUNTS)), COUNTS), a_plan(clip=0.05)
    assert rows.unit is not None
    whole = moved(PLAIN[name], rows, plan, Silent())
    for person in range(len(COUNTS)):
        without = moved(PLAIN[name], of(rows, rows.unit != person), plan, Silent())
        assert float((whole - without).norm()) <= plan.clip_norm + 1e-5, "float32 weights are compared"
        alone = moved(PLAIN[name], rows, plan, Chosen([person]))
        assert torch.allclose(alone, whole - without, atol=2e-5), "sampled with all their rows"


def test_chunks_are_cut_between_persons_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = owned(some_rows(sum(COUNTS)), COUNTS)
    sizes = [chunk.counts.tolist() for chunk in Units(rows).chunks(np.array([0, 1, 2, 3, 4, 5, 6]), 8)]
    assert sizes == [[1, 5, 2], [1], [9], [3], [16]]
    assert not list(Units(rows).chunks(np.array([], np.intp), 8))
    whole = moved(deep, rows, a_plan(), Silent())
    monkeypatch.setattr(engine, "CHUNK_VALUES", 8 * engine.values_per_row(deep()))
    assert torch.allclose(moved(deep, rows, a_plan(), Silent()), whole, atol=1e-5)


def test_rows_without_a_target_teach_nothing_and_divide_nothing() -> None:
    rows = owned(some_rows(sum(COUNTS)), COUNTS)
    assert rows.unit is not None
    present = rows.unit != 2
    present[np.flatnonzero(rows.unit == 6)[:9]] = False
    masked = moved(deep, replace(rows, present=present), a_plan(), Silent())
    assert torch.allclose(masked, moved(deep, of(rows, present), a_plan(), Silent()), atol=1e-5)
    nobody = replace(rows, present=np.zeros(len(present), np.bool_))
    assert float(moved(deep, nobody, a_plan(), Silent()).norm()) == 0


def assert_the_rows_price_would_have_been_wrong(rows: Rows, times: float) -> None:
    """Take the person with most rows away, and hold what changes against the norm that was priced."""
    assert rows.unit is not None
    units, counts = np.unique(rows.unit, return_counts=True)
    kept, plan = rows.unit != units[np.argmax(counts)], a_plan(clip=0.1, batch=1.0)
    assert len(units) > 1

    def distance(whole: Rows, less: Rows) -> float:
        return float((moved(lambda: nn.Linear(rows.features.shape[1], 1), whole, plan, Silent())
                      - moved(lambda: nn.Linear(rows.features.shape[1], 1), less, plan, Silent())).norm())  # fmt: skip

    by_row = distance(replace(rows, unit=None), replace(of(rows, kept), unit=None)) / plan.clip_norm
    by_entity = distance(rows, of(rows, kept)) / plan.clip_norm
    figures = f"{by_row:.1f} clip norms by row, {by_entity:.3f} by entity"
    print(f"without the person with {counts.max()} rows: {figures}")  # noqa: T201 - the figure is the point
    assert by_row > times
    assert by_entity <= 1.01, "float32 weights are compared"


def test_by_row_a_person_with_forty_rows_moves_a_step_by_many_clip_norms() -> None:
    counts = [40, *([1] * 30)]
    rows = owned(some_rows(70), counts)
    assert rows.unit is not None
    target = np.where(rows.unit == 0, 1, rows.target).astype(np.float32)
    assert_the_rows_price_would_have_been_wrong(replace(rows, target=target), 20)


@pytest.mark.slow
def test_by_row_a_patient_of_the_liver_study_moves_a_step_by_hundreds_of_clip_norms() -> None:
    folder = Path(os.environ.get("JALI_BENCH_DATA", "")) / "nafld"
    tables = sorted(folder.glob("nafld2*"))
    if not os.environ.get("JALI_BENCH_DATA") or not tables:
        pytest.skip("JALI_BENCH_DATA names no folder with nafld/nafld2")
    read = duckdb.read_csv if tables[0].suffix == ".csv" else duckdb.read_parquet
    source = read(str(tables[0]))  # blood pressure above 140 from when it was taken
    found = duckdb.sql("SELECT id, days, value FROM source WHERE test = 'sbp'").fetchnumpy()
    days = np.clip(np.asarray(found["days"], np.float32) / 9000, -1, 1)
    target = (np.asarray(found["value"]) > 140).astype(np.float32)
    unit = np.unique(np.asarray(found["id"]), return_inverse=True)[1].astype(np.int64)
    assert len(source.columns) == 4
    rows = Rows(np.stack([days, np.ones_like(days)], 1), target, np.ones(len(target), np.bool_), unit)
    assert_the_rows_price_would_have_been_wrong(rows, 50)


def test_a_message_to_the_sandbox_says_whose_rows_they_are() -> None:
    graph, weights = sdk.trace(drawn(logistic), WIDTH)
    plan, rows = a_plan(noise=0.0), owned(some_rows(sum(COUNTS)), COUNTS)
    count, _, _ = json.loads(task.done(task.task(graph, weights, plan, rows, measure=True)))
    assert count == len(COUNTS) * LATTICE
    by_entity, by_row = (task.done(task.task(graph, weights, plan, each)) for each in (rows, replace(rows, unit=None)))
    assert by_entity == engine.train(graph_check.check(graph, weights), rows, plan)
    assert by_entity != by_row


class Handed(nn.Module):
    """Answers what it reads."""

    def forward(self, rows: Tensor) -> Tensor:
        return rows


def measured(logits: Any, target: Any, unit: Any, present: Any = None) -> list[int]:
    there = np.ones(len(target), np.bool_) if present is None else np.asarray(present)
    rows = Rows(np.asarray(logits, np.float32)[:, None], np.asarray(target, np.float32), there, np.asarray(unit))
    return sums.sums(Handed(), rows, a_plan(), 10)


def test_a_person_is_measured_once_by_the_mean_over_their_rows() -> None:
    count, right, _ = measured([3, 3, 3, -3, 3], [1, 1, 1, 1, 0], [0, 0, 0, 0, 1])
    assert (count, right) == (2 * LATTICE, round(0.75 * LATTICE) - HALF + 0 - HALF)
    assert measured([3, 3], [1, 1], [1, 1]) == measured([3], [1], [0]), "however many rows"
    assert measured([3, 9], [1, 1], [0, 1], [True, False]) == measured([3], [1], [0]), "without a target: nobody"
    assert measured([], [], np.zeros(0, np.int64)) == [0, 0, 0]


def test_no_person_moves_the_sums_further_than_was_priced(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    monkeypatch.setattr(sums, "CHUNK_VALUES", 70)
    base, target, unit = random.normal(size=30), random.integers(0, 2, 30), random.integers(0, 9, 30)
    before = measured(base, target, unit)
    for count in (1, 2, 7, 40):
        logits = np.concatenate([base, random.choice(HUGE, count)])
        wanted, whose = np.concatenate([target, random.integers(0, 2, count)]), np.concatenate([unit, [9] * count])
        change = np.subtract(measured(logits, wanted, whose), before)
        assert change[0] == LATTICE
        assert math.sqrt(float(change @ change)) <= SENSITIVITY
