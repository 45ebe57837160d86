"""What cannot travel is refused before anything is sent, with the line that holds it and the way around."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from jali import errors
from jali.errors import NotTransportable
from jali.training.graph import trace

WIDTH = 4
Step = Callable[[Any, Tensor], Any]


class Model(nn.Module):
    """One layer, then whatever a test adds."""

    def __init__(self, step: Step, part: nn.Module | None = None) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)
        self.scale = nn.Parameter(torch.ones(WIDTH))
        self.register_buffer("seen", torch.zeros(1))
        self.constant = torch.ones(WIDTH)
        self.calls = 0
        self.part = part
        self.step = step

    def forward(self, rows: Tensor) -> Any:
        return self.step(self, self.layer(rows))


def branch(model: Any, rows: Tensor) -> Tensor:
    if rows.sum() > 0:
        return rows
    return -rows


def branch_on_size(model: Any, rows: Tensor) -> Tensor:
    return rows if rows.shape[0] > 3 else torch.relu(rows)


def loop(model: Any, rows: Tensor) -> Tensor:
    return torch.stack(list(rows))


def count(model: Any, rows: Tensor) -> Tensor:
    model.seen += 1
    return rows


def count_in_place(model: Any, rows: Tensor) -> Tensor:
    model.seen.add_(1)
    return rows


def keep_state(model: Any, rows: Tensor) -> Tensor:
    model.calls += 1
    return rows if model.calls < 3 else torch.relu(rows)


def change_in_place(model: Any, rows: Tensor) -> Tensor:
    changed = rows
    changed += torch.relu(rows)
    return changed + rows


def set_values(model: Any, rows: Tensor) -> Tensor:
    rows[:, 0] = 0.0
    return rows


def toss(model: Any, rows: Tensor) -> Tensor:
    return rows + rows if random.random() > 0.5 else rows  # noqa: S311


def leave_torch(model: Any, rows: Tensor) -> Tensor:
    return torch.from_numpy(np.asarray(rows.detach()))


STEPS: dict[str, tuple[Step, str]] = {
    "a branch on values": (branch, "which way forward goes"),
    "a branch on the number of rows": (branch_on_size, "which way forward goes"),
    "a loop over rows": (loop, "which way forward goes"),
    "the length of a batch": (lambda m, x: x + len(x), "which way forward goes"),
    "a number out of the data": (lambda m, x: x + float(x.sum()), "which way forward goes"),
    "random numbers": (lambda m, x: x + torch.rand(WIDTH), "randomness in forward"),
    "random numbers like the rows": (lambda m, x: x + torch.rand_like(x), "randomness in forward"),
    "as many random numbers as rows": (lambda m, x: x + torch.randn(x.shape[0], WIDTH), "randomness in forward"),
    "bernoulli": (lambda m, x: x.bernoulli(0.5), "randomness in forward"),
    "a toss of Python's coin": (toss, "randomness in forward"),
    "dropout that never rests": (lambda m, x: functional.dropout(x, 0.5), "training=self.training"),
    "dropout that always rests": (lambda m, x: functional.dropout(x, 0.5, training=False), "training=self.training"),
    "a mode that changes the model": (lambda m, x: torch.relu(x) if m.training else x, "in train.. and in eval"),
    "a raw parameter": (lambda m, x: x * m.scale, "self.scale is used outside a layer; .*nn.Linear"),
    "a raw parameter added": (lambda m, x: x + m.scale, "self.scale is used outside a layer"),
    "a functional linear": (lambda m, x: functional.linear(x, m.layer.weight), "self.layer.weight is used outside"),
    "a buffer that counts": (count, "self.seen is used outside a layer"),
    "a buffer that counts in place": (count_in_place, "self.seen is used outside a layer"),
    "a constant tensor": (lambda m, x: x + m.constant, "self.constant is used outside a layer"),
    "a tensor made in forward": (lambda m, x: x + torch.ones(WIDTH), "a constant tensor is used outside a layer"),
    "a number added": (lambda m, x: x + 1, "add travels between layers"),
    "a weighted sum": (lambda m, x: torch.add(x, x, alpha=2), "add travels without alpha="),
    "a state kept by forward": (keep_state, "a state that forward keeps"),
    "values changed in place": (change_in_place, "changed in place"),
    "an activation in place": (lambda m, x: functional.relu(x, inplace=True) + x, "leave out inplace=True"),
    "softmax over the batch": (lambda m, x: x.softmax(0), "softmax over the rows does not travel; .*nn.LayerNorm"),
    "softmax over everything": (lambda m, x: x.softmax(-2), "softmax over the rows does not travel"),
    "softmax at the end": (
        lambda m, x: x.softmax(1),
        "softmax ends the model; leave the outputs as they are",
    ),
    "the batch's mean": (lambda m, x: x - x.mean(0), "mean over the rows does not travel; .*nn.LayerNorm"),
    "rolled rows": (lambda m, x: torch.roll(x, 1, 0), "roll does not travel; it may look across rows"),
    "flipped rows": (lambda m, x: x.flip(0), "flip does not travel; it may look across rows"),
    "sorted rows": (lambda m, x: x.sort(0), "sort does not travel; it may look across rows"),
    "rows joined": (lambda m, x: torch.cat([x, x]), "cat over the rows does not travel; it would look across rows"),
    "rows stacked": (lambda m, x: torch.stack([x, x]), "over the rows does not travel"),
    "everything's mean": (lambda m, x: x - x.mean(), "mean over the rows does not travel"),
    "the largest row": (lambda m, x: x - x.amax(0), "amax does not travel; it may look across rows"),
    "running sums": (lambda m, x: x.cumsum(0), "cumsum does not travel; it may look across rows"),
    "einsum": (lambda m, x: torch.einsum("bi,bj->ij", x, x), "einsum does not travel; it may look across rows"),
    "rows picked": (
        lambda m, x: x.index_select(0, torch.tensor([0])),
        "constant tensor|index_select does not travel",
    ),
    "rows times rows": (lambda m, x: x @ x.T @ x, "T does not travel; .*the first dimension, the rows"),
    "rows times rows, transposed": (lambda m, x: x @ x.transpose(0, 1), "transpose over the rows does not travel"),
    "rows times rows, permuted": (lambda m, x: x.permute(1, 0), "moves the rows away from the first dimension"),
    "rows times themselves": (lambda m, x: torch.matmul(x, x), "multiplies rows with rows"),
    "rows folded into the features": (lambda m, x: x.view(1, -1), "the first size must be the rows'"),
    "features folded into the rows": (lambda m, x: x.view(-1, 2), "4 numbers of each row do not fit .*rows, as it is"),
    "everything in one dimension": (lambda m, x: x.reshape(-1), "do not fit|folds each row"),
    "everything flattened": (lambda m, x: x.flatten(), "flatten over the rows does not travel"),
    "half of the rows": (lambda m, x: x.chunk(2)[0], "chunk over the rows does not travel"),
    "the rows split": (lambda m, x: x.split(1)[0], "split over the rows does not travel"),
    "the first row": (lambda m, x: x[0], "picks among the rows; begin with a colon"),
    "the first rows": (lambda m, x: x[:2], "picks among the rows"),
    "every other column": (lambda m, x: x[:, ::2], "picked by a number or a range"),
    "columns of a list": (lambda m, x: x[:, [0, 2]], "picked by a number or a range"),
    "a column too far": (lambda m, x: x[:, 9:12], "stop"),
    "rows repeated": (lambda m, x: x.repeat(2, 1), "repeat does not travel; .*the rows, as it is"),
    "one row for all": (lambda m, x: x[:1].expand_as(x), "picks among the rows"),
    "squeezed rows": (lambda m, x: x.squeeze(), "would drop the rows of a batch of one"),
    "divided by the number of rows": (lambda m, x: x / x.shape[0], "divided by numbers alone"),
    "the number of rows added": (lambda m, x: x + x.shape[0], "the number of rows is not forward's to know"),
    "arithmetic with the number of rows": (lambda m, x: x.view(x.shape[0] // 2, -1), "number of rows is not forward's"),
    "values set": (set_values, "changed in place; .*a name of its own"),
    "in place": (lambda m, x: x.mul_(2.0), "it changes values in place; .*a name of its own"),
    "ids out of what was computed": (lambda m, x: nn.functional.embedding(x.long(), m.scale), "self.scale is used"),
    "integers in arithmetic": (lambda m, x: x.long() + x, "reads integers; .long.. is for what nn.Embedding reads"),
    "double precision": (lambda m, x: x.double(), "double does not travel"),
    "another dtype": (lambda m, x: x.to(torch.float16), "models compute with float32"),
    "another device": (lambda m, x: x.to(m.scale.device), "self.scale is used outside|which is the node's"),
    "masked attention": (
        lambda m, x: functional.scaled_dot_product_attention(*[x.unsqueeze(1)] * 3, is_causal=True),
        "without masks",
    ),
    "attention among rows": (
        lambda m, x: functional.scaled_dot_product_attention(x, x, x),
        "attention reads .rows, length, width",
    ),
    "a three-dimensional output": (lambda m, x: x.unsqueeze(1), r"forward returns .rows, 1, 4.; return .rows, outputs"),
    "a column of it": (lambda m, x: x[:, 0], "returns .rows,.; return .rows, outputs., as x.:, 3:4."),
    "a method outside the list": (lambda m, x: x.exp(), "exp does not travel; .*layers that travel"),
    "a method that does not exist": (lambda m, x: x.__class__.mro(), "cannot be followed|does not travel|returns a"),
    "a detour through numpy": (leave_torch, "forward cannot be followed"),
    "a module called again": (lambda m, x: m.layer(x), "calls a layer with weights again, after .* its own"),
    "two outputs": (lambda m, x: (x, x), "forward returns a tuple"),
    "a dictionary": (lambda m, x: {"rows": x}, "forward returns a"),
    "no tensor": (lambda m, x: "rows", "forward returns a str"),
    "a slope out of the data": (lambda m, x: functional.leaky_relu(x, x), "settings may not be computed"),
    "a slope out of bounds": (lambda m, x: functional.leaky_relu(x, 7.0), "slope: .* 1, got 7"),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_cannot_travel_is_refused(name: str) -> None:
    step, reason = STEPS[name]
    with pytest.raises(NotTransportable, match=f"(?s){reason}"):
        trace(Model(step), WIDTH)


class Doubled(nn.Linear):
    """A layer that is not what it derives from."""

    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


def shared() -> nn.Module:
    one, two = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
    two.weight = one.weight
    return nn.Sequential(one, two)


def hooked() -> nn.Module:
    layer = nn.Linear(WIDTH, WIDTH)
    layer.register_forward_hook(lambda module, rows, output: output * 2)
    return layer


def replaced() -> nn.Module:
    layer = nn.Linear(WIDTH, WIDTH)
    layer.forward = lambda input: input * 2  # type: ignore[method-assign]
    return layer


def filled(value: float) -> nn.Module:
    layer = nn.Linear(WIDTH, WIDTH)
    nn.init.constant_(layer.bias, value)
    return layer


PARTS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "batch norm": (
        lambda: nn.BatchNorm1d(WIDTH),
        "BatchNorm1d does not travel; it looks across rows; use nn.LayerNorm",
    ),
    "batch norm over images": (lambda: nn.BatchNorm2d(WIDTH), "BatchNorm2d does not travel; .*nn.GroupNorm"),
    "an LSTM along the rows": (lambda: nn.LSTM(WIDTH, WIDTH), "LSTM travels with batch_first=True"),
    "an LSTM both ways": (lambda: nn.LSTM(WIDTH, WIDTH, batch_first=True, bidirectional=True), "in one direction"),
    "a GRU": (lambda: nn.GRU(WIDTH, WIDTH), "GRU does not travel; use nn.LSTM"),
    "attention along the rows": (lambda: nn.MultiheadAttention(WIDTH, 1), "travels with batch_first=True|missing"),
    "a whole transformer": (lambda: nn.TransformerEncoderLayer(WIDTH, 1), "nn.MultiheadAttention, nn.LayerNorm"),
    "softmax over the batch": (lambda: nn.Softmax(dim=0), "Softmax over the rows does not travel"),
    "dropout of whole channels": (lambda: nn.Dropout2d(0.1), "Dropout2d does not travel; use nn.Dropout"),
    "a window over the rows": (
        lambda: nn.Conv1d(WIDTH, 1, 1),
        "expected n0 of shape .channels, length",
    ),
    "reflected edges": (lambda: nn.Conv1d(1, 1, 1, padding_mode="reflect"), "travels with padding_mode=zeros"),
    "ids that were computed": (
        lambda: nn.Sequential(nn.Embedding(9, 2), nn.Flatten()),
        r"n1 .embedding.: reads n0, which is computed; not a column",
    ),
    "groups of one number": (lambda: nn.GroupNorm(WIDTH, WIDTH), "at least 2 numbers in a group, got 1"),
    "softmax with a factor": (lambda: nn.Softplus(beta=2.0), "travels with beta=1.0, got 2.0"),
    "everything flattened": (lambda: nn.Flatten(0), "Flatten over the rows does not travel"),
    "a derived layer": (lambda: Doubled(WIDTH, WIDTH), "use nn.Linear itself"),
    "weight norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(WIDTH, WIDTH)), "use nn.Linear itself"),
    "a norm without weights": (lambda: nn.LayerNorm(WIDTH, elementwise_affine=False), "with weight and bias"),
    "shared weights": (shared, "n2.weight: shares its numbers with n1.weight"),
    "hooks": (hooked, "module part: has hooks"),
    "a replaced forward": (replaced, "module part: its forward was replaced"),
    "frozen weights": (lambda: nn.Linear(WIDTH, WIDTH).requires_grad_(False), "n1.weight .*frozen"),
    "double precision": (lambda: nn.Linear(WIDTH, WIDTH).double(), "n1.weight .*torch.float64.*module.float"),
    "another device": (lambda: nn.Linear(WIDTH, WIDTH, device="meta"), "n1.weight .*on meta"),
    "not a number": (lambda: filled(float("nan")), "n1.bias .*not numbers"),
    "infinity": (lambda: filled(float("inf")), "n1.bias .*infinities"),
    "huge weights": (lambda: filled(1e9), "n1.bias .*up to 10,000, got 1e\\+09"),
    "widths that do not fit": (lambda: nn.Linear(5, 2), r"n1 \(linear\): expected in_features = 4, .*n0, got 5"),
    "a huge layer": (lambda: nn.Linear(WIDTH, 9000), "out_features: .* 8192, got 9000"),
    "certain dropout": (lambda: nn.Dropout(1.0), "p: .* 0.95, got 1"),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_cannot_travel_is_refused(name: str) -> None:
    build, reason = PARTS[name]
    with pytest.raises(NotTransportable, match=f"(?s){reason}"):
        trace(Model(lambda model, rows: model.part(rows), build()), WIDTH)


class TwoTables(nn.Module):
    def forward(self, rows: Tensor, more: Tensor) -> Tensor:
        return rows + more


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (TwoTables(), "more than one input"),
        (nn.ReLU(), "at least 1 parameter to learn, got 0"),
        (nn.Sequential(nn.Linear(WIDTH, 3), nn.BatchNorm1d(3)), "module 1: BatchNorm1d"),
        (nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(201))), "at most 200"),
        (nn.Sequential(nn.Linear(WIDTH, 8000), nn.Linear(8000, 1000)), "at most 5,000,000 parameters, got 8,041,000"),
        ("model.pt", "expected a torch.nn.Module, got str"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_whole_module_that_cannot_travel_is_refused(module: Any, reason: str) -> None:
    with pytest.raises(NotTransportable, match=reason):
        trace(module, WIDTH)


@pytest.mark.parametrize("step", [branch, count, loop], ids=lambda step: str(step.__name__))
def test_a_refusal_names_the_file_the_line_and_its_text(step: Step) -> None:
    first = step.__code__.co_firstlineno  # type: ignore[attr-defined]
    with pytest.raises(NotTransportable, match=rf"^test_graph_refusals\.py, line {first + 1} \(.+\): "):
        trace(Model(step), WIDTH)


def test_a_refusal_leaves_the_module_as_it_was() -> None:
    model = Model(branch)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.eval()
    with pytest.raises(NotTransportable):
        trace(model, WIDTH)
    assert not model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_refusals_are_of_jalis_tree() -> None:
    assert issubclass(NotTransportable, errors.JaliError)
