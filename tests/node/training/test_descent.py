"""How weights are walked: each optimizer and schedule is torch's own, no row moves a step further, old jobs stay."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from numpy.typing import NDArray
from pydantic import ValidationError
from tests.node.training.test_engine import Silent, deep, drawn, logistic, some_rows
from torch import Tensor, nn
from torch.optim import lr_scheduler

from jali.wire.descent import Constant, Cosine, Linear, Rates, Stairs
from jali.wire.graph import WEIGHT_MAX
from jali.wire.jobs.train import Training
from jali.wire.money import digest, to_fixed
from jali_node.ledger import accountant
from jali_node.ledger.event import Gaussian, SelfComposed
from jali_node.ledger.terms import terms_for
from jali_node.training import engine
from jali_node.training.descent import descent
from jali_node.training.plan import TrainingPlan
from jali_node.training.randomness import Randomness
from jali_node.training.tensors import Rows

RATE = 0.3
WALKS: dict[str, tuple[dict[str, Any], Any]] = {
    "sgd": ({}, lambda flat: torch.optim.SGD([flat], RATE)),
    "momentum": ({"momentum": 0.9}, lambda flat: torch.optim.SGD([flat], RATE, momentum=0.9)),
    "adam": ({"optimizer": "adam"}, lambda flat: torch.optim.Adam([flat], RATE)),
}


def a_plan(*, rounds: int = 1, steps: int = 1, batch: float = 20.0, q: float = 1.0, **others: Any) -> TrainingPlan:
    return TrainingPlan(10**12, rounds, steps, q, batch, 1.0, RATE, 1.0, **others)


def vector(weights: bytes) -> Tensor:
    """Return weights in the order of their names; a file has them in any."""
    return torch.cat([tensor.double().reshape(-1) for _, tensor in sorted(safetensors.torch.load(weights).items())])


@pytest.mark.parametrize("walk", WALKS)
def test_an_optimizer_walks_as_torchs_own_does(walk: str) -> None:
    torch.manual_seed(2)
    settings, build = WALKS[walk]
    start, gradients = torch.randn(50), [torch.randn(50) * 10.0 ** (at % 4 - 2) for at in range(30)]
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    one, other = descent(ours, a_plan(**settings)), build(theirs)
    for gradient in gradients:
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        one.step()
        other.step()
        assert torch.allclose(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("walk", WALKS)
def test_a_round_is_the_optimizer_over_clipped_means_and_its_average_that_of_its_weights(walk: str) -> None:
    """The oracle clips each row's gradient by autograd, one row at a time, and walks with torch's optimizer."""
    rows, (settings, build) = some_rows(20), WALKS[walk]
    model = drawn(deep)
    flat = nn.Parameter(torch.cat([p.detach().reshape(-1) for p in model.parameters()]))
    other, after = build(flat), list[Tensor]()
    for _ in range(4):
        nn.utils.vector_to_parameters(flat, model.parameters())
        total = torch.zeros_like(flat)
        for features, target in zip(torch.from_numpy(rows.features), torch.from_numpy(rows.target), strict=True):
            model.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(model(features[None])[0, 0], target).backward()
            gradient = torch.cat([p.grad.reshape(-1) for p in model.parameters() if p.grad is not None])
            total += gradient * min(1.0, 1.0 / float(gradient.norm()))
        flat.grad = total.detach() / 20
        other.step()
        nn.utils.vector_to_parameters(flat, model.parameters())
        after.append(vector(engine.weights.write(model)))
    for average, last in ((0.0, 1), (0.1, 1), (0.5, 2), (0.74, 3), (1.0, 4)):
        found = vector(engine.train(drawn(deep), rows, a_plan(steps=4, average=average, **settings), Silent()))
        assert torch.allclose(found, torch.stack(after[-last:]).mean(0), atol=2e-4), average
    assert float((after[-1] - torch.stack(after).mean(0)).norm()) > 0.01, "an average that could not be told from none"


class Told(Randomness):
    """The same noise each time, from the first draw on."""

    def __init__(self) -> None:
        super().__init__()
        self._cipher = Cipher(algorithms.ChaCha20(bytes(32), bytes(16)), mode=None).encryptor()


NOTHING = Rows(np.zeros((0, 5), np.float32), np.zeros(0, np.float32), np.zeros(0, np.bool_))
TABLES = {"rows": some_rows(20), "persons": replace(some_rows(20), unit=np.arange(20) // 3), "nothing": NOTHING}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("walk", WALKS)
def test_an_average_is_that_of_what_shorter_rounds_come_to_whatever_the_table(walk: str, table: str) -> None:
    """Rows, persons, or nothing at all: the noise's walk is averaged in the same way, so the reply tells nothing."""

    def reply(steps: int, average: float = 0.0) -> Tensor:
        plan = a_plan(steps=steps, average=average, **WALKS[walk][0])
        return vector(engine.train(drawn(logistic), TABLES[table], plan, Told()))

    assert torch.allclose(reply(6, average=0.5), torch.stack([reply(4), reply(5), reply(6)]).mean(0), atol=1e-6)
    assert not torch.allclose(reply(6, average=0.5), reply(6), atol=1e-3)


def test_an_average_ends_with_its_round_and_the_next_begins_with_it() -> None:
    rows, plan = some_rows(20), a_plan(rounds=2, steps=4, average=0.5)
    model = drawn(logistic)
    first = engine.train(model, rows, plan.of_round(1), Told())
    assert torch.equal(vector(first), vector(engine.weights.write(model)))
    other = drawn(logistic)
    other.load_state_dict(safetensors.torch.load(first))
    anew = vector(engine.train(other, rows, plan.of_round(2), Told()))
    assert torch.equal(vector(engine.train(model, rows, plan.of_round(2), Told())), anew)


def test_averaged_weights_are_such_that_the_next_round_takes_them() -> None:
    plan = TrainingPlan(10**12, 1, 20, 1.0, 1e-12, 1.0, 1e6, 1.0, average=1.0)
    found = vector(engine.train(drawn(logistic), some_rows(20), plan))
    assert 0 < float(found.abs().max()) <= WEIGHT_MAX


@pytest.mark.parametrize("walk", WALKS)
def test_whatever_the_optimizer_no_row_moves_what_it_is_given_further_than_the_clip_norm(
    walk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An optimizer sees the noised sum and nothing else. A huge row is there, or is not."""
    rows = some_rows(21)
    rows.features[-1] = 1e30
    seen: list[torch.Tensor] = []
    real = engine.ClippingOptimizer.add_noise

    def add_noise(self: Any) -> None:
        real(self)
        seen.append(self.params[0].grad.clone())

    monkeypatch.setattr(engine.ClippingOptimizer, "add_noise", add_noise)
    for count in (20, 21):
        part = type(rows)(rows.features[:count], rows.target[:count], rows.present[:count])
        engine.train(drawn(deep), part, a_plan(steps=1, **WALKS[walk][0]), Silent())
    assert float((seen[0] - seen[1]).norm()) <= 1.0 + 1e-5


def test_an_optimizer_remembers_nothing_of_the_round_before() -> None:
    rows, plan = some_rows(20), a_plan(rounds=2, steps=1, optimizer="adam")
    model = drawn(logistic)
    first = vector(engine.train(model, rows, plan.of_round(1), Silent()))
    second = vector(engine.train(model, rows, plan.of_round(2), Silent()))
    assert torch.allclose((second - first).abs(), torch.tensor(RATE).double(), atol=1e-3), "a first step is of the rate"


SCHEDULES: list[tuple[Rates, Any]] = [
    (Constant(), lambda o, n: lr_scheduler.ConstantLR(o, factor=1.0)),
    (Linear(end=0.2), lambda o, n: lr_scheduler.LinearLR(o, 1.0, 0.2, total_iters=n)),
    (Cosine(end=0.1), lambda o, n: lr_scheduler.CosineAnnealingLR(o, n, eta_min=0.1 * RATE)),
    (Stairs(every=7, factor=0.5), lambda o, n: lr_scheduler.StepLR(o, 7, 0.5)),
]


@pytest.mark.parametrize(("schedule", "build"), SCHEDULES, ids=[each[0].describe() for each in SCHEDULES])
@pytest.mark.parametrize("warm_up", [0, 5])
def test_a_schedule_goes_as_torchs_own_does_and_over_the_rounds(schedule: Rates, build: Any, warm_up: int) -> None:
    rounds, steps = 4, 10
    plan = a_plan(rounds=rounds, steps=steps, schedule=schedule.model_copy(update={"warm_up": warm_up}))
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], RATE)
    main = build(optimizer, rounds * steps - warm_up)
    if warm_up:
        rising = lr_scheduler.LinearLR(optimizer, 1 / (warm_up + 1), 1.0, total_iters=warm_up)
        main = lr_scheduler.SequentialLR(optimizer, [rising, main], milestones=[warm_up])
    expected = []
    for _ in range(rounds * steps):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        main.step()
    found = [plan.of_round(number).rate_at(taken) for number in range(1, rounds + 1) for taken in range(steps)]
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_round_walks_at_the_rates_of_its_own_number() -> None:
    rows = some_rows(20)
    plan = a_plan(rounds=2, steps=1, schedule=Stairs(every=1, factor=0.5))
    before = vector(engine.weights.write(drawn(logistic)))
    moves = [vector(engine.train(drawn(logistic), rows, plan.of_round(n), Silent())) - before for n in (1, 2)]
    assert torch.allclose(moves[1], moves[0] / 2, atol=1e-6)


def test_a_plan_with_a_schedule_goes_through_json_unchanged() -> None:
    plan = a_plan(rounds=3, schedule=Cosine(warm_up=1), optimizer="adam").of_round(2)
    assert TrainingPlan(**plan.record()) == plan


def test_a_plan_stored_before_there_were_optimizers_is_plain_descent_at_a_constant_rate() -> None:
    old = {name: value for name, value in a_plan().record().items()
           if name not in ("optimizer", "momentum", "schedule", "steps_taken", "average")}  # fmt: skip
    assert TrainingPlan(**old) == a_plan()


TRAINING: dict[str, Any] = {
    "kind": "train", "dataset": "ds_1", "project": "pr_1", "purpose": "to test the wire",
    "graph": {"features": 1, "output": "n0", "nodes": [
        {"id": "n0", "kind": "linear", "inputs": ["input"], "in_features": 1, "out_features": 1}]},
    "features": ["age"], "target": {"kind": "threshold", "column": "visits", "at_least": 2.0}, "epsilon": 1.0,
    "rounds": 2, "steps": 3, "batch": 200, "learning_rate": 0.5, "clip_norm": 1.0,
}  # fmt: skip

BEFORE = "52b217d75e8677c8513787b691e0703a7080afa8dcd5caf4ffee4bf31ee464ca"
"""The digest that the release before optimizers made of it."""


def test_a_training_stored_before_there_were_optimizers_keeps_its_digest() -> None:
    stored = Training.model_validate(TRAINING)
    sent = stored.model_dump(mode="json")
    assert not {"optimizer", "momentum", "schedule", "average"} & set(sent), (
        "an older node would refuse what it does not know"
    )
    assert digest(sent) == BEFORE
    assert "Adam" not in stored.describe()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"optimizer": "adam"}, "Adam"),
        ({"momentum": 0.9}, "momentum 0.9"),
        ({"schedule": {"kind": "cosine", "warm_up": 2}}, "learning rate falling as a cosine to 0% after 2 steps"),
        ({"schedule": {"kind": "step", "every": 2}}, "times 0.1 every 2 steps"),
        ({"batch": "all"}, "full batch"),
        ({"average": 0.6}, "averaged over each round's last 2 steps"),
    ],
)
def test_how_it_walks_is_said_and_part_of_the_digest(change: dict[str, Any], said: str) -> None:
    plain, other = Training.model_validate(TRAINING), Training.model_validate({**TRAINING, **change})
    assert said in other.describe()
    assert digest(plain.model_dump(mode="json")) != digest(other.model_dump(mode="json"))
    assert Training.model_validate_json(other.model_dump_json()) == other


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"optimizer": "lbfgs"}, "optimizer"),
        ({"optimizer": "adam", "momentum": 0.5}, "momentum"),
        ({"momentum": 1.0}, "momentum"),
        ({"schedule": {"kind": "cyclic"}}, "schedule"),
        ({"schedule": {"kind": "cosine", "warm_up": 6}}, "warm_up < 6"),
        ({"schedule": {"kind": "step", "every": 0}}, "every"),
        ({"schedule": {"kind": "linear", "end": 2.0}}, "end"),
        ({"batch": "most"}, "batch"),
        ({"batch": 0}, "batch"),
        ({"average": 1.5}, "average"),
        ({"average": -0.5}, "average"),
    ],
)
def test_a_walk_that_nobody_knows_is_refused_by_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Training.model_validate({**TRAINING, **change})


TERMS = terms_for(to_fixed(2.0), 10**12)


@pytest.mark.parametrize("held_out", [0.0, 0.2])
def test_full_batch_costs_exactly_what_as_many_gaussians_do(held_out: float) -> None:
    """With held-out rows the units that teach are no whole number; a rate just below 1 would have drawn a sample."""
    plan = TrainingPlan.of(
        epsilon=to_fixed(0.9), terms=TERMS, units=1001, batch="all", rounds=2, steps=25, clip_norm=1.0,
        learning_rate=0.5, held_out=held_out, metrics_epsilon=to_fixed(0.1) if held_out else 0,
    )  # fmt: skip
    assert plan.full_batch
    assert plan.q == 1.0
    sampled = accountant.charge(plan.round_event, TERMS)
    assert sampled == accountant.charge(SelfComposed(Gaussian(plan.noise_multiplier), 25), TERMS)
    same = TrainingPlan.of(
        epsilon=to_fixed(0.9), terms=TERMS, units=1001, batch=int(1001 * (1 - held_out)), rounds=2, steps=25,
        clip_norm=1.0, learning_rate=0.5, held_out=held_out, metrics_epsilon=to_fixed(0.1) if held_out else 0,
    )  # fmt: skip
    assert same == plan


class Unasked(Silent):
    """Refuses to draw bytes: whatever is decided without it needs no chance."""

    def _bytes(self, count: int) -> NDArray[np.uint8]:
        raise AssertionError(f"{count} bytes were drawn")


def test_with_a_full_batch_no_draw_decides_who_takes_part() -> None:
    assert Unasked().sample(1000, 1.0).tolist() == list(range(1000))
    with pytest.raises(AssertionError, match="were drawn"):
        Unasked().sample(1000, 1 - 2.0**-20)
