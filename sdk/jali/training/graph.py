"""An ordinary `torch.nn.Module` as data, and back.

    graph, weights = trace(module, features=30)     # what travels: layers by name, and numbers
    module = load(graph, weights)                   # an ordinary module again

Nothing that could run leaves the machine: no source, no pickle. What does not fit into `jali.wire.graph` is refused
here, with the line that holds it.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

try:
    import safetensors.torch
    import torch
    from torch import Tensor, nn
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("training needs torch: pip install 'jali[train]'", name=error.name) from error

from jali.errors import NotTransportable, UnexpectedReply
from jali.training import forms, reading, tracer
from jali.training.replica import Replica
from jali.wire.graph import WEIGHT_MAX, Graph, Shape

PROBES = 16


def trace(module: nn.Module, features: int, shape: Shape | None = None) -> tuple[Graph, bytes]:
    """Return a module as a graph and its weights as a safetensors file.

    The module is followed once in training and once in evaluation mode, then compared with what came of it on made-up
    rows: both give the same numbers to the last bit, and to five digits where attention or an LSTM travels as the parts
    that it is made of. Layers that the output does not need stay behind.

    Args:
        module: reads rows, (n, `features`), and answers rows, (n, outputs). Its parameters are 32-bit floats on the
            CPU.
        features: how many numbers it reads of a row.
        shape: in which form it reads them, such as (1, 28, 28) for images; (features,) if not given.

    Raises:
        NotTransportable: it does something that cannot travel; the message names the line and the way around.

    >>> graph, weights = trace(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), features=3)
    >>> graph.describe()[1]
    'n0: linear 3 -> 2 of input, 8 parameters'
    """
    if shape is not None and math.prod(shape) != features:
        raise NotTransportable(f"shape: expected {features} numbers, as the columns give, got {tuple(shape)}")
    if not isinstance(module, nn.Module):
        raise NotTransportable(f"expected a torch.nn.Module, got {type(module).__name__}")
    _refuse_hooks(module)
    with _modes_kept(module):
        read = [reading.read(tracer.record(module.train(mode)), features, mode, shape) for mode in (True, False)]
        (graph, held), (evaluated, _) = read
        if graph != evaluated:
            raise NotTransportable("forward does other things in train() and in eval() mode; only nn.Dropout may")
        weights = safetensors.torch.save(_weights(graph, held))
        _refuse_difference(module.eval(), load(graph, weights), graph, shape)
    return graph, weights


def load(graph: Graph, weights: bytes) -> nn.Module:
    """Return the model that a graph and a safetensors file describe, in evaluation mode.

    Args:
        graph: the layers, as `trace` returned them.
        weights: a tensor for each of `graph.parameters`.

    Raises:
        UnexpectedReply: the weights are not this graph's.
    """
    try:
        tensors = safetensors.torch.load(weights)
    except (safetensors.SafetensorError, ValueError) as error:
        raise UnexpectedReply("the weights are not a whole safetensors file") from error
    found = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}
    if found != {name: (shape, torch.float32) for name, shape in graph.parameters.items()}:
        raise UnexpectedReply("the weights are not this graph's: other names, shapes or types")
    with torch.device("meta"):  # so that no weights are drawn only to be replaced
        replica = Replica(graph)
    replica.load_state_dict(tensors, strict=True, assign=True)
    return replica.eval()


@contextmanager
def _modes_kept(module: nn.Module) -> Iterator[None]:
    """Put each part back into the mode that it was in."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _refuse_hooks(module: nn.Module) -> None:
    for name, part in module.named_modules():
        where = f"module {name}" if name else "the module"
        if any(
            getattr(part, f"_{kind}_hooks", None) for kind in ("forward", "forward_pre", "backward", "backward_pre")
        ):
            raise NotTransportable(f"{where}: has hooks, which are code and do not travel; {forms.CODE}")
        if "forward" in vars(part):
            raise NotTransportable(f"{where}: its forward was replaced on the instance; {forms.CODE}")


def _weights(graph: Graph, held: Mapping[str, reading.Held]) -> dict[str, Tensor]:
    """Return each parameter under the name that it travels by, or say what is wrong with it."""
    weights = {}
    owners: dict[int, tuple[object, str]] = {}
    for node in (node for node in graph.nodes if node.id in held):
        own = held[node.id]
        for key, parameter in own.tensors.items():
            name = f"{node.id}.{key}"
            _refuse_tensor(f"{own.line}: {name} ({node.kind})", parameter)
            owner, first = owners.setdefault(parameter.untyped_storage().data_ptr(), (own.call, name))
            if name != first and (owner is not own.call or parameter._base is None):
                raise NotTransportable(f"{own.line}: {name}: shares its numbers with {first}; give each layer its own")
            weights[name] = parameter.detach().clone(memory_format=torch.contiguous_format)
    return weights


def _refuse_tensor(title: str, parameter: Tensor) -> None:
    if parameter.dtype != torch.float32:
        raise NotTransportable(f"{title}: is of {parameter.dtype}, and models travel as float32: module.float()")
    if parameter.device.type != "cpu":
        raise NotTransportable(f"{title}: is on {parameter.device}; trace module.cpu()")
    if not parameter.requires_grad:
        raise NotTransportable(f"{title}: is frozen, and a node trains all parameters; set requires_grad")
    if not bool(torch.isfinite(parameter).all()):
        raise NotTransportable(f"{title}: holds infinities or values that are not numbers")
    largest = float(parameter.detach().abs().max())
    if largest > WEIGHT_MAX:
        raise NotTransportable(f"{title}: expected magnitudes up to {WEIGHT_MAX:,.0f}, got {largest:,.6g}")


def _refuse_difference(module: nn.Module, replica: nn.Module, graph: Graph, shape: Shape | None) -> None:
    """Raise NotTransportable unless both give the same on made-up rows: what tracing cannot see shows here."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(PROBES, graph.features, generator=generator)
    for place, count in graph.ids.items():
        rows[:, place] = torch.randint(0, count, (PROBES,), generator=generator).float()
    with torch.no_grad():
        try:
            own = module(rows.clone() if shape is None else rows.clone().view(PROBES, *shape))
            same = _same(own, replica(rows), graph)
        except Exception as error:
            raise NotTransportable(f"forward fails on {PROBES} made-up rows: {error}") from error
    if not same:
        raise NotTransportable(
            "the module computes something else than its layers in order: values changed in place, or a state that "
            f"forward keeps; {forms.CODE}"
        )


def _same(own: Tensor, replica: Tensor, graph: Graph) -> bool:
    """Return whether two outputs are the same, up to rounding where layers travel as their parts."""
    parts = any(node.kind in ("lstm", "matmul", "mean", "scale") for node in graph.nodes)
    if own.shape != replica.shape or not parts:
        return torch.equal(own, replica)
    return torch.allclose(own, replica, rtol=1e-4, atol=1e-5)
