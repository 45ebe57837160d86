"""Weights as they arrive: a safetensors file, whose every tensor is compared with the graph before it is used."""

from collections.abc import Callable, Iterable, Mapping

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from jali.wire.graph import WEIGHT_MAX, Graph, Shape
from jali_node.errors import (
    WeightNamesDiffer,
    WeightNotFinite,
    WeightOutOfBounds,
    WeightShapesDiffer,
    WeightsTooLarge,
    WeightsUnreadable,
    WeightTypeWrong,
)

FIELD = "weights"
"""The field that every refusal here is about."""
HEADER_BYTES = 160
"""Room in the file's header for each tensor; a name, a type, a shape and two offsets take about 90."""

_entries: Callable[[bytes], Iterable[tuple[str, Mapping[str, object]]]] = safetensors.deserialize


def bytes_max(graph: Graph) -> int:
    """Return how long the weights of a graph may be, in bytes."""
    return 4 * graph.parameter_count + HEADER_BYTES * (1 + len(graph.parameters))


def read(graph: Graph, data: bytes) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, which fit the graph and hold ordinary numbers.

    Args:
        graph: the model that the weights are for.
        data: the file.

    Raises:
        GraphRefused: the file is too long or broken, or a tensor has another name, shape or type than the graph's
            parameter, or holds a number that is not finite or beyond 10,000.
    """
    if len(data) > bytes_max(graph):
        raise WeightsTooLarge(
            f"the weights are {len(data):,} bytes; this graph's take at most {bytes_max(graph):,}", field=FIELD
        )
    try:
        found = dict(_entries(data))
    except (safetensors.SafetensorError, ValueError, OverflowError) as error:
        raise WeightsUnreadable("the weights are not a whole safetensors file", field=FIELD) from error
    _refuse_names(found.keys() - graph.parameters.keys(), "no parameter of the graph")
    _refuse_names(graph.parameters.keys() - found.keys(), "missing from the weights")
    for name, shape in graph.parameters.items():
        _refuse_form(name, found[name], shape)
    tensors = safetensors.torch.load(data)
    for name, tensor in tensors.items():
        _refuse_numbers(name, tensor)
    return tensors


def write(model: nn.Module) -> bytes:
    """Return a model's weights as a safetensors file, from which `read` gets the same tensors."""
    return safetensors.torch.save({name: tensor.contiguous() for name, tensor in model.state_dict().items()})


def _refuse_names(names: set[str], why: str) -> None:
    if names:
        shown = ", ".join(sorted(ascii(name[:40]) for name in names)[:3])
        raise WeightNamesDiffer(f"{len(names)} tensor(s) {why}: {shown}", field=FIELD)


def _refuse_form(name: str, found: Mapping[str, object], shape: Shape) -> None:
    if found["dtype"] != "F32":
        raise WeightTypeWrong(f"{name}: expected 32-bit floats (F32), got {found['dtype']}", field=FIELD)
    got = found["shape"]
    if not isinstance(got, list | tuple) or tuple(got) != shape:
        raise WeightShapesDiffer(f"{name}: expected shape {list(shape)}, got {got}", field=FIELD)


def _refuse_numbers(name: str, tensor: Tensor) -> None:
    if not bool(torch.isfinite(tensor).all()):
        raise WeightNotFinite(f"{name}: holds infinities or values that are not numbers", field=FIELD)
    largest = float(tensor.abs().max())
    if largest > WEIGHT_MAX:
        raise WeightOutOfBounds(f"{name}: expected magnitudes up to {WEIGHT_MAX:,.0f}, got {largest:,.6g}", field=FIELD)
