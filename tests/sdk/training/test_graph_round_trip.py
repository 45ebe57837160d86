"""Ordinary modules travel and come back as what they were, to the last bit."""

import json
import random
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from jali.errors import UnexpectedReply
from jali.training.graph import load, trace
from jali.wire.graph import Graph

FEATURES = 7


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(FEATURES, 16)
        self.norm = nn.LayerNorm(16)
        self.second = nn.Linear(16, 16, bias=False)
        self.drop = nn.Dropout(0.4)
        self.last = nn.Linear(16, 2)

    def forward(self, rows: Tensor, scale: None = None) -> Tensor:
        hidden = torch.relu(self.first(rows))
        hidden = hidden + self.drop(self.second(self.norm(hidden)))
        return self.last(hidden)


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(FEATURES, 8), nn.Linear(8, 8), nn.Linear(8, 8)])
        self.last = nn.Linear(8, 1)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = functional.relu(self.layers[0](rows))
        hidden = functional.dropout(hidden, 0.25, training=self.training)
        hidden = torch.add(hidden, functional.leaky_relu(self.layers[1](hidden), 0.2))
        hidden = functional.gelu(self.layers[2](hidden), approximate="tanh").tanh() + hidden.sigmoid()
        hidden = hidden.add(functional.silu(hidden)) + torch.tanh(hidden) + torch.sigmoid(hidden)
        hidden += functional.tanh(hidden)
        return functional.sigmoid(self.last(hidden.relu()))


class Reused(nn.Module):
    """One activation and one dropout for two layers, and a layer that the output does not need."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.idle = nn.Linear(FEATURES, 5), nn.Linear(5, 5), nn.Linear(5, 5)
        self.act, self.drop = nn.ReLU(inplace=True), nn.Dropout(0.1)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = self.drop(self.act(self.one(rows)))
        self.idle(hidden)
        return self.drop(self.act(self.two(hidden)))


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(FEATURES, 32), nn.ReLU(), nn.Dropout(0.2), nn.Identity(), nn.Linear(32, 8), nn.Tanh(), nn.Linear(8, 3)
    )


def activations() -> nn.Module:
    layers = [nn.LeakyReLU(0.3), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Sigmoid(), nn.LayerNorm(6, eps=1e-3)]
    return nn.Sequential(nn.Linear(FEATURES, 6), *layers, nn.Sequential(nn.Linear(6, 6), nn.ReLU()))


def logistic() -> nn.Module:
    return nn.Linear(FEATURES, 1)


def zeros() -> nn.Module:
    layer = nn.Linear(FEATURES, 1)
    nn.init.zeros_(layer.weight)
    return layer


MODULES: list[Callable[[], nn.Module]] = [Functional, Residual, Reused, activations, logistic, mlp, zeros]
EACH = pytest.mark.parametrize("build", MODULES, ids=lambda build: str(build.__name__))


@EACH
def test_what_returns_computes_the_same_to_the_last_bit(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(3)
    module = build()
    graph, weights = trace(module, FEATURES)
    rows = torch.randn(50, FEATURES)
    returned = load(graph, weights)
    with torch.no_grad():
        assert (returned(rows) - module.eval()(rows)).abs().max() == 0
    assert graph.out_features == module(rows).shape[1]


@EACH
def test_the_graph_survives_json_and_its_names_are_the_weights(build: Callable[[], nn.Module]) -> None:
    graph, weights = trace(build(), FEATURES)
    again = Graph.model_validate_json(graph.model_dump_json())
    assert (again, again.digest) == (graph, graph.digest)
    returned = load(again, weights).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in returned.items()} == graph.parameters
    assert sum(tensor.numel() for tensor in returned.values()) == graph.parameter_count


def test_no_name_of_the_users_code_travels() -> None:
    graph, weights = trace(Residual(), FEATURES)
    sent = json.dumps(graph.model_dump(mode="json")).encode() + weights
    for word in (b"Residual", b"first", b"torch", b"self", b"forward", b".py"):
        assert word not in sent


def test_dropout_stays_a_layer_and_is_silent_after_loading() -> None:
    graph, weights = trace(mlp(), FEATURES)
    assert [node.kind for node in graph.nodes] == ["linear", "relu", "dropout", "linear", "tanh", "linear"]
    returned, rows = load(graph, weights), torch.ones(1, FEATURES)
    assert torch.equal(returned(rows), returned(rows))
    returned.train()
    assert len({float(returned(rows).detach()[0, 0]) for _ in range(20)}) > 1


def test_tracing_leaves_the_module_its_modes_and_the_random_state() -> None:
    module = Residual()
    module.norm.eval()
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    trace(module, FEATURES)
    assert [part.training for part in module.children()] == [True, False, True, True, True]
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert random.getstate() == python_state


def test_what_returns_can_be_trained_on() -> None:
    graph, weights = trace(Residual(), FEATURES)
    returned = load(graph, weights).train()
    before = [parameter.detach().clone() for parameter in returned.parameters()]
    optimizer = torch.optim.SGD(returned.parameters(), lr=0.1)
    returned(torch.randn(8, FEATURES)).square().sum().backward()
    optimizer.step()
    assert not any(torch.equal(*pair) for pair in zip(before, returned.parameters(), strict=True))


def test_idle_layers_stay_behind() -> None:
    graph, _ = trace(Reused(), FEATURES)
    assert graph.parameter_count == sum(
        p.numel() for name in ("one", "two") for p in getattr(Reused(), name).parameters()
    )


def test_a_reviewer_reads_every_layer() -> None:
    graph, _ = trace(Residual(), FEATURES)
    assert graph.describe() == [
        "input: 7 features",
        "n0: linear 7 -> 16 of input, 128 parameters",
        "n1: relu of n0",
        "n2: layer norm 16, eps 1e-05 of n1, 32 parameters",
        "n3: linear 16 -> 16, no bias of n2, 256 parameters",
        "n4: dropout p 0.4 of n3",
        "n5: add of n1 and n4",
        "n6: linear 16 -> 2 of n5, 34 parameters",
        "output: n6, 2 for each row; 450 parameters in all, 994 operations a row",
    ]


@pytest.mark.parametrize(
    "spoil",
    [lambda w: w[:-4], lambda w: b"", lambda w: b"\x80\x04" + w, lambda w: trace(logistic(), FEATURES)[1]],
    ids=["cut short", "nothing", "a pickle's first bytes", "another model's"],
)
def test_weights_that_are_not_the_graphs_are_refused(spoil: Callable[[bytes], bytes]) -> None:
    graph, weights = trace(mlp(), FEATURES)
    with pytest.raises(UnexpectedReply):
        load(graph, spoil(weights))


def test_a_missing_torch_says_how_to_get_it() -> None:
    code = "import sys\nsys.modules['torch'] = None\nimport jali.training\nimport jali.training.graph"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'jali[train]'" in done.stderr.splitlines()[-1]
