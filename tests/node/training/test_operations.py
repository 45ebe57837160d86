"""Every kind of layer, in the models that use it: to the last bit what its sender wrote, and one record at a time."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from tests.node.training.models import MODELS
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from jali.training import graph as sdk
from jali.wire.graph import KINDS, Graph
from jali.wire.targets import Loss
from jali_node.training import engine, graph_check, interpreter, layers, weights
from jali_node.training.gradients import Recorder
from jali_node.training.interpreter import Interpreted
from jali_node.training.losses import losses_of
from jali_node.training.plan import TrainingPlan
from jali_node.training.randomness import Randomness

EACH = pytest.mark.parametrize("name", MODELS)
CLIP = 0.1


@pytest.fixture(scope="module")
def arrived() -> dict[str, tuple[nn.Module, Interpreted]]:
    """Return each module, and what a node built of it."""
    found = {}
    for name, (build, features, shape) in MODELS.items():
        torch.manual_seed(4)
        module = build()
        found[name] = (module.eval(), graph_check.check(*sdk.trace(module, features, shape)))
    return found


def rows_of(model: Interpreted, count: int) -> Tensor:
    rows = torch.randn(count, model.graph.features, generator=torch.Generator().manual_seed(1))
    for place, number in model.graph.ids.items():
        rows[:, place] = (torch.arange(count) % number).float()
    return rows


def without_chance(model: Interpreted) -> Interpreted:
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return model.train()


def test_the_models_use_every_kind(arrived: dict[str, tuple[nn.Module, Interpreted]]) -> None:
    used = {type(node) for _, model in arrived.values() for node in model.graph.nodes}
    plain = {"LeakyRelu", "Gelu", "Relu"}  # tests/node/training/test_graph_check.py has these
    assert {kind.__name__ for kind in set(KINDS) - used} <= plain


@EACH
def test_the_node_and_the_returned_module_compute_what_the_sender_does(name: str, arrived: Any) -> None:
    module, model = arrived[name]
    rows, shape = rows_of(model, 40), MODELS[name][2]
    own = module(rows if shape is None else rows.view(-1, *shape))
    returned = sdk.load(model.graph, weights.write(model))
    with torch.no_grad():
        model.eval()
        torch.testing.assert_close(model(rows), own, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(
            returned(rows if shape is None else rows.view(-1, *shape)), own, rtol=1e-5, atol=1e-6
        )


@EACH
def test_each_records_gradient_is_that_of_the_record_alone(name: str, arrived: Any) -> None:
    """The oracle is the graph on one record, differentiated, and mapped over the batch."""
    model = without_chance(arrived[name][1])
    parameters = {key: parameter.detach() for key, parameter in model.named_parameters()}

    def loss(given: dict[str, Tensor], row: Tensor) -> Tensor:
        output: Tensor = functional_call(model, given, (row.unsqueeze(0),))
        return output.square().sum()

    rows, factors = rows_of(model, 9), torch.rand(9, generator=torch.Generator().manual_seed(2)) + 0.1
    expected = vmap(grad(loss), in_dims=(None, 0))(parameters, rows)
    with Recorder(model) as recorder:
        parts = recorder.parts(rows, lambda output: output.square().sum(1))
    squared = torch.stack([part.squared_norms() for part in parts]).sum(0)
    torch.testing.assert_close(
        squared, sum(each.flatten(1).double().square().sum(1) for each in expected.values()), rtol=1e-4, atol=1e-7
    )
    sums = {parameter: torch.ones_like(parameter, requires_grad=False) for parameter in model.parameters()}
    for part in parts:
        part.add_to(sums, factors)
    for key, parameter in model.named_parameters():
        torch.testing.assert_close(
            sums[parameter] - 1, torch.einsum("i,i...->...", factors, expected[key]), rtol=1e-4, atol=1e-5
        )


HUGE = [0.0, 1.0, -1.0, 1e-45, 1e6, -1e12, 1e30, 3e38, math.inf, -math.inf, math.nan]


def contribution(model: Interpreted, rows: Tensor) -> Tensor:
    """Return the clipped sum of the rows' gradients."""
    with Recorder(model) as recorder:
        flat, places = engine._flattened(model)
        optimizer = engine.ClippingOptimizer(flat, TrainingPlan(1, 1, 1, 1.0, 1.0, CLIP, 1.0, 1.0), Randomness())
        losses = losses_of(Loss.LOGISTIC, torch.ones(len(rows)), 1)
        optimizer.take_in(recorder.parts(rows, losses), places)
    summed: Tensor = flat.summed_grad.double()  # type: ignore[attr-defined]
    return summed


@EACH
def test_no_record_counts_more_than_the_clip_norm_nor_touches_another(name: str, arrived: Any) -> None:
    """Columns lie within their bounds by construction; this holds even if they did not."""
    model = without_chance(arrived[name][1])
    plain = rows_of(model, 5)
    alone = contribution(model, plain)
    random = np.random.default_rng(3)
    for _ in range(6):
        hostile = torch.from_numpy(random.choice(HUGE, (1, model.graph.features)).astype(np.float32))
        own = contribution(model, hostile)
        assert torch.isfinite(own).all()
        assert float(own.norm()) <= CLIP
        together = contribution(model, torch.cat([plain[:2], hostile, plain[2:]]))
        assert float((together - alone - own).norm()) < 1e-5


@pytest.mark.parametrize("size", [1, 2, 7])
@EACH
def test_a_model_takes_any_number_of_records_also_one(name: str, size: int, arrived: Any) -> None:
    model = arrived[name][1].train()
    assert model(rows_of(model, size)).shape == (size, 1)


def test_dropout_in_a_graph_has_no_seed_and_is_drawn_by_the_node() -> None:
    graph, data = sdk.trace(nn.Sequential(nn.Linear(5, 50), nn.Dropout(0.5), nn.Linear(50, 1)), 5)
    assert set(graph.nodes[1].model_dump()) == {"id", "kind", "inputs", "p"}
    model = interpreter.interpret(graph, weights.read(graph, data))
    rows = torch.ones(1, 5)
    torch.manual_seed(0)
    assert not torch.equal(model(rows), model(rows))


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 1, 0), (2, 2, 0), (3, 2, 1)])
def test_the_largest_of_a_window_and_its_gradient_are_torchs_also_where_several_are_largest(
    kernel: int, stride: int, padding: int
) -> None:
    pictures = torch.randn(6, 5, 9, 8, generator=torch.Generator().manual_seed(2)).relu().requires_grad_()
    ours, torchs = (kind(kernel, stride, padding)(pictures) for kind in (layers.MaxPool2d, nn.MaxPool2d))
    assert torch.equal(ours, torchs)
    blame = torch.randn(torchs.shape, generator=torch.Generator().manual_seed(3))
    [(found,), (expected,)] = (torch.autograd.grad(each, pictures, blame) for each in (ours, torchs))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_an_id_beyond_the_list_counts_as_the_nearest() -> None:
    nodes: list[dict[str, Any]] = [
        {"id": "n0", "kind": "embedding", "inputs": ["input"], "num_embeddings": 3, "embedding_dim": 1},
        {"id": "n1", "kind": "reshape", "inputs": ["n0"], "size": [1]},
    ]
    graph = Graph.model_validate({"features": 1, "nodes": nodes, "output": "n1"})
    model = interpreter.interpret(graph, {"n0.weight": torch.tensor([[10.0], [11.0], [12.0]])})
    rows = torch.tensor([[0.0], [2.0], [7.0], [-4.0], [math.nan], [math.inf], [-math.inf], [1.9]])
    assert model(rows)[:, 0].tolist() == [10, 12, 12, 10, 10, 12, 10, 11]
