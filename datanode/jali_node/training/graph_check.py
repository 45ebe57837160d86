"""What stands between a model that arrived and the rows: it is built, and shown to treat each row by itself.

That a record's influence on a gradient is bounded rests on one fact: what the model computes for a row depends on that
row alone. The kinds of `jali.wire.graph` cannot say otherwise; here the built model is held to it too, against its own
definition on one record, mapped over a batch.
"""

import copy
import math
from collections.abc import Mapping

import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.func import functional_call, vmap

from jali.wire.graph import Graph
from jali_node.errors import GraphNotRunnable, OutputNotFinite, RowsMixed
from jali_node.training import interpreter, weights
from jali_node.training.interpreter import Interpreted

FIELD = "training.graph"
ROWS = 6
DRAWS = 3
TOLERANCE = 1e-9
"""In double precision, relative to the largest output: sums in another order differ by about 1e-14."""


def check(graph: Graph, data: bytes) -> Interpreted:
    """Return the model that a graph and its weights describe, in training mode, ready for its first step.

    Args:
        graph: the model's layers.
        data: its weights, a safetensors file.

    Raises:
        GraphRefused: its subclass says why, in the order: the graph, the weights, the rows.
    """
    refuse_unbuildable(graph)
    tensors = weights.read(graph, data)
    model = interpreter.interpret(graph, tensors)
    refuse_infinities(model, graph.features)
    refuse_mixing(model, graph.features)
    return model


def refuse_unbuildable(graph: Graph) -> None:
    """Build the model without memory, and raise GraphNotRunnable unless it is what the graph says."""
    try:
        Graph.model_validate(graph.model_dump())
        model = interpreter.outline(graph)
        output = model(torch.empty(ROWS, graph.features, device="meta"))
    except (ValidationError, RuntimeError, TypeError, ValueError) as error:
        raise GraphNotRunnable(f"the graph cannot be built: {type(error).__name__}", field=FIELD) from error
    expected = (ROWS, graph.out_features)
    if tuple(output.shape) != expected:
        raise GraphNotRunnable(
            f"for {ROWS} rows, expected an output of shape {expected}, got {tuple(output.shape)}", field=FIELD
        )
    built = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if built != graph.parameters:
        raise GraphNotRunnable(f"expected parameters {graph.parameters}, the layers have {built}", field=FIELD)


def refuse_infinities(model: nn.Module, features: int) -> None:
    """Raise OutputNotFinite if made-up rows overflow 32-bit floats with the weights that were sent."""
    output = _without_chance(model, torch.float32)(_rows(features, 0).float())
    if not bool(torch.isfinite(output).all()):
        raise OutputNotFinite("the output overflows on rows of ordinary size: use smaller weights", field="weights")


def refuse_mixing(model: nn.Module, features: int) -> None:
    """Raise RowsMixed unless each row of a batch is treated as if it were alone.

    The weights are drawn here: those that were sent could hide a dependence, as zeros do, or drown it in rounding.
    """
    double = _without_chance(model, torch.float64)
    for draw in range(DRAWS):
        parameters = _drawn(double.state_dict(), draw)
        try:
            difference = _difference(double, parameters, _rows(features, 2 * draw), _rows(features, 2 * draw + 1))
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise RowsMixed(f"the model does not run on one record: {type(error).__name__}", field=FIELD) from error
        if not difference <= TOLERANCE:
            raise RowsMixed(
                f"a row's output changes with the other rows, by {difference:.2g} of the largest output", field=FIELD
            )


def _difference(model: nn.Module, parameters: dict[str, Tensor], rows: Tensor, others: Tensor) -> float:
    """Return the largest change of a row's output when the rows beside it go, move or become others."""

    def one(row: Tensor) -> Tensor:
        return batch(row.unsqueeze(0)).squeeze(0)

    def batch(rows: Tensor) -> Tensor:
        output: Tensor = functional_call(model, parameters, (rows,))
        return output

    expected: Tensor = vmap(one)(rows)
    if expected.shape[0] != ROWS:
        raise ValueError(f"expected {ROWS} rows, got {expected.shape[0]}")
    backwards = torch.arange(ROWS - 1, -1, -1)
    found = [batch(rows), batch(rows[backwards])[backwards]]
    for at in range(ROWS):
        kept = others.clone()
        kept[at] = rows[at]
        found.append(torch.where((torch.arange(ROWS) == at).unsqueeze(1), batch(kept), expected))
    scale = max(float(expected.abs().max()), 1.0)
    return max(_largest(output, expected) for output in found) / scale


def _largest(output: Tensor, expected: Tensor) -> float:
    """Return the largest difference of two outputs; infinity where they cannot be compared."""
    if output.shape != expected.shape:
        return math.inf
    difference = float((output - expected).abs().max())
    return difference if math.isfinite(difference) else math.inf


def _without_chance(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return a copy in training mode, where layers may see the batch, but without dropout and gradients."""
    double = copy.deepcopy(model).to(dtype).train().requires_grad_(False)
    for part in double.modules():
        if isinstance(part, nn.Dropout):
            part.eval()
    return double


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _rows(features: int, seed: int) -> Tensor:
    return torch.randn(ROWS, features, generator=_generator(seed), dtype=torch.float64)


def _drawn(parameters: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Return other weights of the same shapes, of a size that keeps outputs near 1."""
    generator = _generator(seed)
    return {
        name: torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        / math.sqrt(math.prod(tensor.shape[-1:]))
        for name, tensor in parameters.items()
    }
