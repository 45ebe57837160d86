"""DP-SGD: no row moves a step further than the clip norm, the noise is what was charged, and nothing else is told."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from jali.wire.graph import WEIGHT_MAX
from jali.wire.targets import Loss
from jali_node.training import engine
from jali_node.training.gradients import Recorder
from jali_node.training.losses import losses_of
from jali_node.training.plan import NUMERICS, TrainingPlan
from jali_node.training.randomness import Randomness
from jali_node.training.tensors import Rows

WIDTH = 5


class Silent(Randomness):
    """No noise, and everyone takes part: what is left is plain clipped gradient descent."""

    def normals(self, count: int) -> NDArray[np.float64]:
        return np.zeros(count)


class Chosen(Silent):
    """No noise, and the sample is the one that was chosen."""

    def __init__(self, positions: list[int]) -> None:
        super().__init__()
        self.positions = np.array(positions, dtype=np.intp)

    def sample(self, units: int, rate: float) -> NDArray[np.intp]:
        return self.positions


def a_plan(
    *, q: float = 1.0, batch: float = 8.0, clip: float = 1.0, rate: float = 0.5, noise: float = 1.0, steps: int = 1
) -> TrainingPlan:
    return TrainingPlan(10**12, 1, steps, q, batch, clip, rate, noise)


def logistic() -> nn.Module:
    return nn.Sequential(nn.Linear(WIDTH, 1))


def deep() -> nn.Module:
    return nn.Sequential(
        nn.Linear(WIDTH, 7), nn.ReLU(), nn.LayerNorm(7), nn.Linear(7, 4, bias=False), nn.Tanh(), nn.Linear(4, 1)
    )


MODELS: dict[str, Callable[[], nn.Module]] = {"logistic": logistic, "deep": deep}


def drawn(build: Callable[[], nn.Module], scale: float = 1.0) -> nn.Module:
    torch.manual_seed(1)
    model = build()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=scale)
    return model


def some_rows(count: int, seed: int = 0) -> Rows:
    random = np.random.default_rng(seed)
    features = random.uniform(-1, 1, (count, WIDTH)).astype(np.float32)
    return Rows(features, (random.random(count) < 0.5).astype(np.float32), np.ones(count, np.bool_))


def vector(weights: bytes) -> Tensor:
    return torch.cat([tensor.double().reshape(-1) for tensor in safetensors.torch.load(weights).values()])


def weights_of(model: nn.Module) -> Tensor:
    return torch.cat([tensor.detach().double().reshape(-1) for tensor in model.state_dict().values()])


def moved(build: Callable[[], nn.Module], rows: Rows, plan: TrainingPlan, randomness: Randomness) -> Tensor:
    """Return how far one step moved the weights, in units of the clipped sum."""
    model = drawn(build)
    before = safetensors.torch.load(engine.weights.write(model))
    after = safetensors.torch.load(engine.train(model, rows, plan, randomness))
    steps = [(before[name].double() - after[name].double()).reshape(-1) for name in sorted(before)]
    return torch.cat(steps) * plan.expected_batch / plan.learning_rate


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("clip", [0.05, 1.0, 1e6])
def test_a_step_without_noise_is_clipped_gradient_descent_to_1e_6(build: Callable[[], nn.Module], clip: float) -> None:
    rows, plan = some_rows(64), a_plan(batch=64.0, clip=clip)
    model = drawn(build)
    parameters = {name: parameter.detach() for name, parameter in model.named_parameters()}

    def loss(weights: dict[str, Tensor], features: Tensor, target: Tensor) -> Tensor:
        output = functional_call(model, weights, (features.unsqueeze(0),))
        return nn.functional.binary_cross_entropy_with_logits(output[0, 0], target)

    each = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, *map(torch.from_numpy, (rows.features, rows.target)))
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in each.values()]).norm(dim=0)
    factors = (clip / norms).clamp(max=1.0)
    expected = {
        name: parameters[name] - 0.5 * torch.einsum("i,i...->...", factors, each[name]) / 64 for name in parameters
    }
    found = safetensors.torch.load(engine.train(drawn(build), rows, plan, Silent()))
    for name, tensor in expected.items():
        assert torch.allclose(found[name], tensor, rtol=0, atol=1e-6), name


HUGE = [0.0, 1.0, -1.0, 1e-45, 1e-30, 1e6, 1e11, -1e12, -1e15, 1e30, 3e38, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
@pytest.mark.parametrize("clip", [1e-6, 1e-3, 1.0, 100.0])
def test_no_row_moves_a_step_further_than_the_clip_norm(
    build: Callable[[], nn.Module], scale: float, clip: float
) -> None:
    """Features lie within -1 and 1 by construction; this holds even if they did not."""
    random = np.random.default_rng(3)
    hostile = random.choice(HUGE, (40, WIDTH)).astype(np.float32)
    hostile[:20] = np.sign(hostile[:20]) * np.minimum(np.abs(np.nan_to_num(hostile[:20])), 1)
    targets = np.tile(np.array([0, 1], np.float32), 20)
    model = drawn(build, scale)
    with Recorder(model) as recorder:
        for i in range(40):
            flat = nn.Parameter(torch.cat([p.detach().reshape(-1) for p in model.parameters()]))
            optimizer = engine.ClippingOptimizer(flat, a_plan(clip=clip), Silent())
            places, start = {}, 0
            for parameter in model.parameters():
                places[parameter] = slice(start, start + parameter.numel())
                start += parameter.numel()
            features, target = torch.from_numpy(hostile[i : i + 1]), torch.from_numpy(targets[i : i + 1])
            optimizer.take_in(recorder.parts(features, losses_of(Loss.LOGISTIC, target, 1)), places)
            contribution = flat.summed_grad.double()  # type: ignore[attr-defined]
            assert torch.isfinite(contribution).all()
            assert float(contribution.norm()) <= clip


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, 3e38])
def test_a_row_that_is_no_number_changes_nothing_but_its_own_part(build: Callable[[], nn.Module], bad: float) -> None:
    rows = some_rows(9)
    features = rows.features.copy()
    features[4] = bad
    with_it = Rows(features, rows.target, rows.present)
    kept = [i for i in range(9) if i != 4]
    without = Rows(rows.features[kept], rows.target[kept], rows.present[kept])
    difference = moved(build, with_it, a_plan(), Silent()) - moved(build, without, a_plan(), Silent())
    assert float(difference.norm()) < 1e-5, "float32 weights are compared"


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_a_row_without_a_target_teaches_nothing_and_is_counted_nowhere(build: Callable[[], nn.Module]) -> None:
    rows = some_rows(9)
    present = rows.present.copy()
    present[4] = False
    kept = [i for i in range(9) if i != 4]
    without = Rows(rows.features[kept], rows.target[kept], rows.present[kept])
    masked = moved(build, Rows(rows.features, rows.target, present), a_plan(), Silent())
    assert torch.allclose(masked, moved(build, without, a_plan(), Silent()), atol=1e-5)


def test_a_row_more_moves_the_step_by_its_own_part_and_divides_nothing_anew() -> None:
    rows, plan = some_rows(30), a_plan(batch=8.0)
    few = moved(logistic, Rows(rows.features[:29], rows.target[:29], rows.present[:29]), plan, Silent())
    assert float((moved(logistic, rows, plan, Silent()) - few).norm()) <= plan.clip_norm + 1e-5
    alone = moved(logistic, rows, plan, Chosen([29]))
    assert torch.allclose(moved(logistic, rows, plan, Silent()) - few, alone, atol=1e-5)


def test_a_row_taken_into_many_chunks_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = some_rows(50)
    whole = moved(deep, rows, a_plan(), Silent())
    monkeypatch.setattr(engine, "CHUNK_VALUES", 7 * engine.values_per_row(deep()))
    assert torch.allclose(moved(deep, rows, a_plan(), Silent()), whole, atol=1e-5)


@pytest.mark.parametrize("rows", [some_rows(0), some_rows(500)], ids=["empty", "full"])
def test_noise_is_as_large_as_was_charged_with_and_without_rows(rows: Rows) -> None:
    """200,000 weights of one layer; the false-alarm rate is 1e-6 a run for the spread, the same for the mean."""
    width, count = 2000, 100
    model = nn.Sequential(nn.Linear(width, count), nn.Linear(count, 1))
    wide = Rows(np.zeros((len(rows.target), width), np.float32), rows.target, rows.present)
    plan = a_plan(q=0.1, batch=10.0, clip=0.7, rate=0.5, noise=1.3)
    before = model[0].weight.detach().double().clone()
    after = safetensors.torch.load(engine.train(model, wide, plan))["0.weight"].double()
    noise = ((before - after) * 10.0 / 0.5).reshape(-1).numpy()  # features are 0, so nothing else moves this layer
    assert_normal(noise, 1.3 * 0.7)


def assert_normal(noise: NDArray[np.float64], spread: float) -> None:
    low, high = stats.chi2.ppf([5e-7, 1 - 5e-7], len(noise)) * spread**2
    assert low <= float(noise @ noise) <= high
    assert abs(noise.mean()) <= stats.norm.isf(5e-7) * spread / math.sqrt(len(noise))


def test_the_generator_is_normal() -> None:
    """Kolmogorov and Smirnov over 400,000 draws; false-alarm rate 1e-6."""
    draws = Randomness().normals(400_001)
    assert_normal(draws, 1.0)
    assert stats.kstest(draws, "norm").pvalue > 1e-6
    assert abs(np.corrcoef(draws[:200_000], draws[200_000:400_000])[0, 1]) < stats.norm.isf(5e-7) / math.sqrt(200_000)


def test_no_draw_is_handed_out_twice() -> None:
    randomness = Randomness()
    draws = np.concatenate([randomness.normals(count) for count in (3, 40_000, 1, 7, 30_000, 40_000)])
    assert len(np.unique(draws)) == len(draws), "two equal ones in 1e5 of 53 bits: about once in a million runs"


@pytest.mark.parametrize("units", [0, 1, 7, 5_000, 300_000])
def test_samples_that_are_drawn_together_are_samples_each(units: int) -> None:
    randomness = Randomness()
    samples = [randomness.sample(units, 0.3) for _ in range(40)]
    assert all(np.array_equal(each, np.unique(each)) for each in samples)
    assert all(((each >= 0) & (each < units)).all() for each in samples)
    assert units < 5_000 or len({tuple(each[:50]) for each in samples}) == 40
    assert len(randomness.sample(2 * units, 1.0)) == 2 * units, "not one that was drawn for another table"


def test_where_the_first_bits_of_a_units_number_do_not_decide_the_others_do() -> None:
    """A rate of half a step of the first bits: those at the limit take part half of the time. False-alarm rate 1e-6."""
    units = 2_000_000
    for steps in (0.5, 76.5, 255.75):
        sampled = len(Randomness().sample(units, steps / 256))
        low, high = stats.binom.ppf([5e-7, 1 - 5e-7], units, steps / 256)
        assert low <= sampled <= high, steps


@pytest.mark.parametrize("rate", [0.001, 0.3, 1.0])
def test_each_row_is_sampled_on_its_own_at_the_plans_rate(rate: float) -> None:
    """Sizes of 200 samples of 5,000; false-alarm rate 1e-6."""
    randomness = Randomness()
    sizes = sum(len(randomness.sample(5_000, rate)) for _ in range(200))
    low, high = stats.binom.ppf([5e-7, 1 - 5e-7], 1_000_000, rate)
    assert low <= sizes <= high


def test_a_generator_does_not_follow_into_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    randomness = Randomness()
    monkeypatch.setattr("os.getpid", lambda: -1)
    with pytest.raises(RuntimeError, match="another process"):
        randomness.normals(1)


def test_no_two_rounds_draw_the_same_noise() -> None:
    first, second = (vector(engine.train_of_nothing(drawn(logistic), WIDTH, a_plan())) for _ in range(2))
    assert not torch.equal(first, second)


def test_nothing_is_seeded_by_torch_and_torchs_own_state_stays() -> None:
    torch.manual_seed(7)
    first = torch.rand(1)
    torch.manual_seed(7)
    engine.train_of_nothing(drawn(logistic), WIDTH, a_plan())
    torch.manual_seed(7)
    assert torch.equal(first, torch.rand(1))


def test_dropout_is_drawn_anew_in_every_round() -> None:
    """Masks that repeat would tie each row's gradient to its place among the others."""

    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(WIDTH, 50), nn.Dropout(0.5), nn.Linear(50, 1))

    assert not torch.equal(
        moved(build, some_rows(9), a_plan(), Silent()), moved(build, some_rows(9), a_plan(), Silent())
    )


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_weights_that_run_away_stay_such_as_the_next_round_takes(build: Callable[[], nn.Module]) -> None:
    plan = a_plan(rate=100.0, clip=1000.0, noise=1e9, steps=5)
    after = vector(engine.train(drawn(build), some_rows(20), plan))
    assert torch.isfinite(after).all()
    assert float(after.abs().max()) <= WEIGHT_MAX


def test_the_arithmetic_is_called_what_it_is() -> None:
    assert a_plan().numerics == NUMERICS == "idealised numerics"


class Twice(nn.Module):
    """A layer that runs twice: its recorded gradients would be of one run only."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.last = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 1)

    def forward(self, rows: Tensor) -> Tensor:
        output: Tensor = self.last(self.layer(self.layer(rows)))
        return output


def tied() -> nn.Module:
    first, second = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
    second.weight = first.weight
    return nn.Sequential(first, second, nn.Linear(WIDTH, 1))


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (Twice, "run once each"),
        (tied, "shared ones"),
        (lambda: nn.Sequential(nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, 1)), "BatchNorm1d"),
        (lambda: nn.Sequential(nn.Linear(WIDTH, 2)), "expected an output of shape"),
        (lambda: nn.Sequential(nn.ReLU()), "none with parameters"),
    ],
)
@pytest.mark.parametrize("count", [0, 20])
def test_a_model_that_cannot_be_trained_is_refused_whatever_the_rows(
    build: Callable[[], nn.Module], why: str, count: int
) -> None:
    with pytest.raises((ValueError, RuntimeError), match=why):
        engine.train(build(), some_rows(count), a_plan())
