"""What a node builds from a graph: the sender's model to the last bit, of layers it knows, one record at a time."""

import builtins
from collections.abc import Callable
from typing import Any

import pytest
import torch
from opacus import GradSampleModule
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from jali.training import graph as sdk
from jali.wire.graph import Graph
from jali_node.errors import GraphNotRunnable, OutputNotFinite, RowsMixed
from jali_node.training import graph_check, interpreter, weights

FEATURES = 6


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(FEATURES, 12), nn.LayerNorm(12), nn.Linear(12, 12)
        self.drop, self.last = nn.Dropout(0.3), nn.Linear(12, 2, bias=False)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = torch.tanh(self.first(rows))
        hidden = hidden + self.drop(nn.functional.gelu(self.second(self.norm(hidden))))
        return self.last(nn.functional.silu(hidden) + nn.functional.leaky_relu(hidden, 0.2))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, 9), nn.ReLU(), nn.Linear(9, 9), nn.Sigmoid(), nn.Linear(9, 1))


def logistic() -> nn.Module:
    module = nn.Linear(FEATURES, 1)
    nn.init.zeros_(module.weight)
    return module


EACH = pytest.mark.parametrize("build", [Residual, mlp, logistic], ids=lambda build: str(build.__name__))


@EACH
def test_the_node_computes_what_the_sender_does_to_the_last_bit(build: Callable[[], nn.Module]) -> None:
    module = build()
    model = graph_check.check(*sdk.trace(module, FEATURES))
    assert model.training
    rows = torch.randn(40, FEATURES)
    assert torch.equal(model.eval()(rows), module.eval()(rows))


@EACH
def test_what_was_trained_returns_to_the_sender(build: Callable[[], nn.Module]) -> None:
    graph, data = sdk.trace(build(), FEATURES)
    model = graph_check.check(graph, data)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.randn(8, FEATURES)).sum().backward()
    optimizer.step()
    returned, rows = sdk.load(graph, weights.write(model)), torch.randn(40, FEATURES)
    assert torch.equal(returned(rows), model.eval()(rows))
    assert weights.write(model) != data


@EACH
def test_opacus_gives_each_record_its_gradient(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(5)
    model = graph_check.check(*sdk.trace(build(), FEATURES))
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    parameters = {name: parameter.detach() for name, parameter in model.named_parameters()}

    def loss(parameters: dict[str, Tensor], row: Tensor) -> Tensor:
        output: Tensor = functional_call(model, parameters, (row.unsqueeze(0),))
        return output.square().sum()

    rows = torch.randn(7, FEATURES)
    expected = vmap(grad(loss), in_dims=(None, 0))(parameters, rows)
    sampled = GradSampleModule(model, loss_reduction="sum")
    sampled(rows.clone().requires_grad_()).square().sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad_sample, expected[name], rtol=1e-4, atol=1e-6)


def test_only_layers_of_the_node_are_built_and_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, data = sdk.trace(Residual(), FEATURES)
    graph_check.check(graph, data)  # torch compiles parts of itself when they are first used

    def forbidden(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("code was run from text")

    for name in ("eval", "exec", "compile"):
        monkeypatch.setattr(builtins, name, forbidden)
    monkeypatch.setattr("pickle.load", forbidden)
    monkeypatch.setattr("pickle.loads", forbidden)
    model = graph_check.check(graph, data)
    monkeypatch.undo()
    homes = {type(part).__module__.split(".")[0] for part in model.modules()}
    assert homes == {"torch", "jali_node"}
    assert not any(isinstance(part, torch.fx.GraphModule) for part in model.modules())


class Mixing(nn.Module):
    """A layer, then something that no graph can say."""

    def __init__(self, step: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer = nn.Linear(FEATURES, 3)
        nn.init.zeros_(self.layer.weight)  # with these weights most mixing cannot be seen
        self.step = step

    def forward(self, rows: Tensor) -> Tensor:
        return self.step(self.layer(rows))


def add_noise(rows: Tensor) -> Tensor:
    return rows + torch.rand_like(rows)


def faint_mean(rows: Tensor) -> Tensor:
    return rows + 1e-6 * rows.mean(0)


def last_decides(rows: Tensor) -> Tensor:
    return torch.where(rows[-1:] > 0, rows, -rows)


MIXING: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax over the batch": lambda rows: rows.softmax(0),
    "log softmax over the batch": lambda rows: rows.log_softmax(0),
    "rolled rows": lambda rows: rows.roll(1, 0),
    "flipped rows": lambda rows: rows.flip(0),
    "the batch's mean": lambda rows: rows - rows.mean(0),
    "everything's mean": lambda rows: rows - rows.mean(),
    "a faint mean": faint_mean,
    "running sums": lambda rows: rows.cumsum(0),
    "sorted rows": lambda rows: rows.sort(0).values,
    "the largest row": lambda rows: rows - rows.amax(0),
    "similarity of rows": lambda rows: rows @ rows.T @ rows,
    "divided by the number of rows": lambda rows: rows / rows.shape[0],
    "the last row decides": last_decides,
    "one row for all": lambda rows: rows[:1].expand_as(rows),
    "a row too few": lambda rows: rows[1:],
    "one sum for all": lambda rows: rows.sum(0),
    "chance": add_noise,
    "a branch on values": lambda rows: rows if rows.sum() > 0 else -rows,
    "softmax over everything": lambda rows: rows.flatten().softmax(0).view_as(rows),
    "an einsum over rows": lambda rows: torch.einsum("bi,ci,cj->bj", rows, rows, rows),
    "rows picked by number": lambda rows: rows.index_select(0, torch.zeros(rows.shape[0], dtype=torch.long)),
    "rows times rows, as matrices": lambda rows: torch.bmm(rows[None] @ rows.T[None], rows[None])[0],
    "features and rows exchanged": lambda rows: rows.T.reshape(rows.shape[0], -1),
    "rows folded into features and back": lambda rows: rows.reshape(1, -1).cumsum(1).view_as(rows),
    "the median row": lambda rows: rows - rows.median(0).values,
    "the best row": lambda rows: rows.topk(1, 0).values.expand_as(rows),
    "the spread of rows": lambda rows: rows / (1 + rows.var(0, correction=0)),
    "rows ordered by their size": lambda rows: rows[rows.sum(1).argsort()],
    "rows beside each other": lambda rows: torch.cat([rows[-1:], rows[:-1]]),
    "a product over rows": lambda rows: rows * rows.prod(0),
    "the rows' norm": lambda rows: rows / rows.norm(dim=0),
    "a window over the rows": lambda rows: nn.functional.avg_pool1d(rows.T, 3, 1, 1).T,
    "group norm over the batch": lambda rows: nn.functional.group_norm(rows.T[None], 3)[0].T,
    "attention among rows": lambda rows: nn.functional.scaled_dot_product_attention(rows, rows, rows),
    "a memory along the rows": lambda rows: rows + nn.functional.pad(rows[:-1], (0, 0, 1, 0)),
    "batch norm": nn.BatchNorm1d(3),
    "batch norm without weights": nn.BatchNorm1d(3, affine=False),
    "batch norm without memory": nn.BatchNorm1d(3, track_running_stats=False),
}


@pytest.mark.parametrize("name", MIXING)
def test_a_model_that_mixes_rows_is_refused(name: str) -> None:
    with pytest.raises(RowsMixed):
        graph_check.refuse_mixing(Mixing(MIXING[name]), FEATURES)


@pytest.mark.parametrize(
    "step", [torch.relu, lambda rows: rows.softmax(1), lambda rows: rows.flip(1), nn.GroupNorm(1, 3), nn.Dropout(0.5)]
)
def test_a_model_that_stays_within_each_row_passes(step: Callable[[Tensor], Tensor]) -> None:
    graph_check.refuse_mixing(Mixing(step), FEATURES)


def test_the_check_leaves_the_model_and_the_random_state_alone() -> None:
    graph, data = sdk.trace(Residual(), FEATURES)
    state = torch.get_rng_state()
    model = graph_check.check(graph, data)
    assert torch.equal(torch.get_rng_state(), state)
    assert weights.write(model) == data
    assert all(part.training for part in model.modules())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_graph_that_skipped_its_own_checks_is_refused() -> None:
    graph, data = sdk.trace(mlp(), FEATURES)
    for forged in (
        graph.model_copy(update={"features": FEATURES + 1}),
        graph.model_copy(update={"output": "n1"}),
        Graph.model_construct(features=FEATURES, nodes=(), output="n0"),
        Graph.model_construct(features=10**15, nodes=graph.nodes, output=graph.output),
    ):
        with pytest.raises(GraphNotRunnable, match="cannot be built"):
            graph_check.check(forged, data)


def test_layers_that_differ_from_what_the_graph_says_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, data = sdk.trace(mlp(), FEATURES)
    monkeypatch.setattr(interpreter, "layer", lambda node: nn.Linear(*node.parameters["weight"][::-1], bias=False)
                        if node.parameters else nn.ReLU())  # fmt: skip
    with pytest.raises(GraphNotRunnable, match="expected parameters"):
        graph_check.check(graph, data)


def test_weights_that_overflow_are_refused() -> None:
    module = nn.Sequential(*(nn.Linear(FEATURES, FEATURES) for _ in range(12)))
    for layer in module:
        nn.init.constant_(layer.weight, 9_999.0)
    graph, _ = sdk.trace(nn.Sequential(*(nn.Linear(FEATURES, FEATURES) for _ in range(12))), FEATURES)
    model = interpreter.Interpreted(graph)
    model.load_state_dict(dict(zip(model.state_dict(), module.state_dict().values(), strict=True)))
    with pytest.raises(OutputNotFinite, match="overflows"):
        graph_check.check(graph, weights.write(model))
