"""Calls that arrange one record's numbers, and those that combine them: each becomes nodes that leave the rows alone.

A handler takes the reader, the call and its arguments, and returns what the call gives.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn
from torch.nn import functional

from jali.training import forms, lowering
from jali.training.flow import ROW_COUNT, Flow, LastStates, RowCount, Untold

if TYPE_CHECKING:
    from jali.training.reading import Reader

Handler = Callable[..., Any]
WHOLE = (torch.long, torch.int, torch.int64, torch.int32, torch.short, torch.int16)


def within(reader: "Reader", call: fx.Node, dim: Any, rank: int) -> int:
    """Return which dimension of a record is meant by one of the whole, or refuse the rows'."""
    if not isinstance(dim, int) or isinstance(dim, bool) or not -rank <= dim < rank:
        raise reader.refuse(call, f"expected a dimension from 1 to {rank - 1}, got {dim}")
    if dim % rank == 0:
        raise reader.refuse(call, f"{reader.name(call)} over the rows does not travel; {forms.OVER_ROWS}")
    return dim % rank - 1


def sizes(reader: "Reader", call: fx.Node, rows: Flow, dim: Any = None) -> Any:
    """Return all sizes, or one."""
    whole = (ROW_COUNT, *rows.shape)[: rows.rank]
    return whole if dim is None else whole[dim]


def attribute(reader: "Reader", call: fx.Node, value: Any, name: str) -> Any:
    """Return a tensor's sizes or another view of it."""
    if isinstance(value, Flow):
        if name == "shape":
            return sizes(reader, call, value)
        if name == "ndim":
            return value.rank
        if name == "mT" and len(value.shape) >= 2:
            return transpose(reader, call, value, -2, -1)
        if name in ("device", "dtype"):
            return Untold(f"forward asks for the {name}, which is the node's; leave it out")
    raise reader.refuse(call, f"{name} does not travel; {forms.advice(name)}")


def view(reader: "Reader", call: fx.Node, rows: Flow, *given: Any, shape: Any = None) -> Flow:
    """Return another shape, in which the first size is the rows'."""
    wanted = list(_spread(given)) or list(shape or ())
    first, rest = (wanted[0], wanted[1:]) if wanted else (None, [])
    total = math.prod(rows.shape)
    known = math.prod(size for size in rest if isinstance(size, int) and size > 0)
    if first == -1 and -1 not in rest and known != total:
        raise reader.refuse(call, f"{total} numbers of each row do not fit {tuple(rest)}; {forms.SHAPE}")
    if not (isinstance(first, RowCount) or first == -1) or any(isinstance(size, RowCount) for size in rest):
        raise reader.refuse(call, f"the first size must be the rows', x.shape[0] or -1; {forms.SHAPE}")
    if rest.count(-1) == 1 and known and total % known == 0:
        rest[rest.index(-1)] = total // known
    if not rest:
        raise reader.refuse(call, f"folds each row's numbers into the rows; {forms.SHAPE}")
    return _reshaped(reader, call, rows, rest)


def _reshaped(reader: "Reader", call: fx.Node, rows: Flow, size: Sequence[int]) -> Flow:
    if tuple(size) == rows.shape:
        return Flow(rows.name, rows.shape, rows.whole)
    return reader.emit(call, {"kind": "reshape", "size": list(size)}, [rows])


def flatten(reader: "Reader", call: fx.Node, rows: Flow, start_dim: int = 0, end_dim: int = -1) -> Flow:
    """Return some dimensions as one."""
    rank = rows.rank
    first, last = within(reader, call, start_dim, rank), within(reader, call, end_dim, rank)
    return _reshaped(
        reader, call, rows, (*rows.shape[:first], math.prod(rows.shape[first : last + 1]), *rows.shape[last + 1 :])
    )


def unflatten(reader: "Reader", call: fx.Node, rows: Flow, dim: int, sizes: Any) -> Flow:
    """Return one dimension as several."""
    at, into = within(reader, call, dim, rows.rank), list(sizes)
    if into.count(-1) == 1:
        into[into.index(-1)] = rows.shape[at] // max(1, -math.prod(into))
    return reader.emit(call, {"kind": "reshape", "size": [*rows.shape[:at], *into, *rows.shape[at + 1 :]]}, [rows])


def permute(reader: "Reader", call: fx.Node, rows: Flow, *given: Any, dims: Any = None) -> Flow:
    """Return the dimensions in another order, the rows first."""
    order, rank = list(_spread(given)) or list(dims or ()), rows.rank
    if len(order) != rank or order[0] % rank != 0:
        raise reader.refuse(call, f"moves the rows away from the first dimension; {forms.SHAPE}")
    inner = [within(reader, call, dim, rank) for dim in order[1:]]
    return rows if inner == sorted(inner) else reader.emit(call, {"kind": "permute", "dims": inner}, [rows])


def transpose(reader: "Reader", call: fx.Node, rows: Flow, dim0: int, dim1: int) -> Flow:
    """Return two dimensions exchanged."""
    rank = rows.rank
    first, second = (within(reader, call, dim, rank) for dim in (dim0, dim1))
    dims = list(range(rank - 1))
    dims[first], dims[second] = dims[second], dims[first]
    return rows if first == second else reader.emit(call, {"kind": "permute", "dims": dims}, [rows])


def unsqueeze(reader: "Reader", call: fx.Node, rows: Flow, dim: int) -> Flow:
    """Return a dimension of one place more."""
    at = within(reader, call, dim, rows.rank + 1)
    kept = () if rows.lone else rows.shape
    return _reshaped(reader, call, rows, (*kept[:at], 1, *kept[at:]))


def squeeze(reader: "Reader", call: fx.Node, rows: Any, dim: Any = None) -> Flow:
    """Return a dimension of one place less."""
    if isinstance(rows, LastStates):
        last: Flow = item(reader, call, rows, dim)
        return last
    if dim is None:
        raise reader.refuse(call, "squeeze() would drop the rows of a batch of one; name the dimension")
    at = within(reader, call, dim, rows.rank)
    return rows if rows.shape[at] != 1 else _reshaped(reader, call, rows, (*rows.shape[:at], *rows.shape[at + 1 :]))


def item(reader: "Reader", call: fx.Node, value: Any, index: Any) -> Any:
    """Return a part of each record, or one of several values."""
    if isinstance(value, LastStates):
        if index in (-1, value.layers - 1):
            return value.last
        raise reader.refuse(call, "of an LSTM's states the last layer's travels: h[-1]")
    if not isinstance(value, Flow):
        return value[index]
    if value.lone:
        return _of_lone(reader, call, value, index)
    steps = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in steps:
        at = steps.index(Ellipsis)
        left = value.rank + 1 - len([step for step in steps if step is not None])
        steps[at : at + 1] = [slice(None)] * left
    if not steps or steps[0] != slice(None):
        raise reader.refuse(call, f"picks among the rows; begin with a colon, as in x[:, 0]; {forms.SHAPE}")
    return _picked(reader, call, value, steps[1:])


def _of_lone(reader: "Reader", call: fx.Node, value: Flow, index: Any) -> Flow:
    if index == (slice(None), None):
        return unsqueeze(reader, call, value, 1)
    raise reader.refuse(call, f"picks among the rows; x[:, 3:4] keeps a dimension behind them; {forms.SHAPE}")


def _picked(reader: "Reader", call: fx.Node, rows: Flow, steps: list[Any]) -> Flow:
    size: list[int] = []
    at = 0
    for step in steps:
        if step is None:
            size.append(1)
            continue
        if at >= len(rows.shape):
            raise reader.refuse(call, f"expected at most {len(rows.shape)} places behind the rows, got more")
        length = rows.shape[at]
        if isinstance(step, slice) and step.step in (None, 1) and _plain(step.start) and _plain(step.stop):
            start, stop, _ = step.indices(length)
            size.append(stop - start)
        elif isinstance(step, int) and not isinstance(step, bool) and -length <= step < length:
            start, stop = step % length, step % length + 1
        else:
            raise reader.refuse(call, "parts of a row are picked by a number or a range, as in x[:, 3] or x[:, 2:5]")
        if (start, stop) != (0, length):
            rows = reader.emit(call, {"kind": "slice", "dim": at, "start": start, "stop": stop}, [rows])
        at += 1
    wanted = (*size, *rows.shape[at:])
    return _reshaped(reader, call, rows, wanted) if wanted else _lone(reader, call, rows)


def _lone(reader: "Reader", call: fx.Node, rows: Flow) -> Flow:
    """Return one number a record, which has no dimension behind the rows."""
    flow = _reshaped(reader, call, rows, (1,))
    return Flow(flow.name, flow.shape, flow.whole, lone=True)


def _plain(bound: Any) -> bool:
    return bound is None or (isinstance(bound, int) and not isinstance(bound, bool))


def chunk(reader: "Reader", call: fx.Node, rows: Flow, chunks: int, dim: int = 0) -> tuple[Flow, ...]:
    """Return a dimension in so many parts."""
    at = within(reader, call, dim, rows.rank)
    return split(reader, call, rows, -(-rows.shape[at] // chunks), dim)


def split(reader: "Reader", call: fx.Node, rows: Flow, split_size_or_sections: Any, dim: int = 0) -> tuple[Flow, ...]:
    """Return a dimension in parts of a size, or of several."""
    at, given = within(reader, call, dim, rows.rank), split_size_or_sections
    length = rows.shape[at]
    ends = range(given, length + given, given) if isinstance(given, int) else _running(given)
    parts, start = [], 0
    for end in ends:
        stop = min(end, length)
        parts.append(reader.emit(call, {"kind": "slice", "dim": at, "start": start, "stop": stop}, [rows]))
        start = stop
    return tuple(parts)


def _running(sections: Sequence[int]) -> list[int]:
    return [sum(sections[: i + 1]) for i in range(len(sections))]


def cat(reader: "Reader", call: fx.Node, tensors: Sequence[Any], dim: int = 0) -> Flow:
    """Return several tensors side by side."""
    flows = [reader.flow(call, value) for value in tensors]
    at = within(reader, call, dim, flows[0].rank)
    return flows[0] if len(flows) == 1 else reader.emit(call, {"kind": "cat", "dim": at}, flows)


def stack(reader: "Reader", call: fx.Node, tensors: Sequence[Any], dim: int = 0) -> Flow:
    """Return several tensors side by side along a dimension of their own."""
    return cat(reader, call, [unsqueeze(reader, call, reader.flow(call, value), dim) for value in tensors], dim)


def matmul(reader: "Reader", call: fx.Node, first: Any, second: Any) -> Flow:
    """Return the product of each record's two matrices."""
    flows = [reader.flow(call, value) for value in (first, second)]
    if min(len(flow.shape) for flow in flows) < 2:
        raise reader.refuse(call, "multiplies rows with rows, so it may look across them; use nn.Linear for weights")
    return reader.emit(call, {"kind": "matmul"}, flows)


def multiply(reader: "Reader", call: fx.Node, first: Any, second: Any) -> Flow:
    """Return the product of two tensors, or of one and a number."""
    if isinstance(second, int | float):
        return reader.emit(call, {"kind": "scale", "factor": float(second)}, [reader.flow(call, first)])
    if isinstance(first, int | float):
        return multiply(reader, call, second, first)
    return reader.emit(call, {"kind": "multiply"}, [reader.flow(call, value) for value in (first, second)])


def divide(reader: "Reader", call: fx.Node, rows: Any, number: Any) -> Flow:
    """Return a tensor over a number."""
    if not isinstance(number, int | float) or number == 0:
        raise reader.refuse(call, "tensors are divided by numbers alone; scale them with nn.LayerNorm")
    return multiply(reader, call, rows, 1 / number)


def subtract(reader: "Reader", call: fx.Node, first: Any, second: Any) -> Flow:
    """Return the difference of two tensors."""
    flows = [reader.flow(call, value) for value in (first, second)]
    return reader.emit(call, {"kind": "add"}, [flows[0], multiply(reader, call, flows[1], -1.0)])


def mean(reader: "Reader", call: fx.Node, rows: Flow, dim: Any = None, keepdim: bool = False) -> Flow:
    """Return means along dimensions of each record."""
    rank = rows.rank
    if dim is None:
        raise reader.refuse(call, f"mean over the rows does not travel; {forms.OVER_ROWS}")
    dims = sorted((within(reader, call, one, rank) for one in _spread((dim,))), reverse=True)
    if len(dims) == len(rows.shape) and not keepdim:
        raise reader.refuse(call, "leaves no dimension behind the rows; give keepdim=True, or use nn.Linear")
    kept = tuple(1 if at in dims else size for at, size in enumerate(rows.shape))
    if len(dims) == len(rows.shape):
        rows, dims = _reshaped(reader, call, rows, (1, math.prod(rows.shape))), [1]
    for at in dims:
        rows = reader.emit(call, {"kind": "mean", "dim": at}, [rows])
    return _reshaped(reader, call, rows, kept) if keepdim else rows


def softmax(reader: "Reader", call: fx.Node, rows: Flow, dim: Any = None, **_: Any) -> Flow:
    """Return shares along a dimension of each record."""
    return reader.emit(call, {"kind": "softmax", "dim": within(reader, call, dim, rows.rank)}, [rows])


def cast(reader: "Reader", call: fx.Node, rows: Flow, dtype: Any = torch.long, *_: Any, **__: Any) -> Flow:
    """Return ids for an embedding; everything else stays a 32-bit float."""
    if dtype in WHOLE and isinstance(rows, Flow):
        return Flow(rows.name, rows.shape, True, rows.lone)
    if dtype in (torch.float, torch.float32) and isinstance(rows, Flow) and not rows.whole:
        return rows
    raise reader.refuse(call, f"{reader.name(call)}: models compute with float32; .long() makes ids for nn.Embedding")


def same(reader: "Reader", call: fx.Node, rows: Flow, *_: Any, **__: Any) -> Flow:
    """Return what came."""
    return rows


def rank(reader: "Reader", call: fx.Node, rows: Flow) -> int:
    """Return the number of dimensions, the rows' included."""
    return rows.rank


def pooling(kind: str, dims: int) -> Handler:
    """Return the handler of a functional pooling."""

    def pooled(
        reader: "Reader",
        call: fx.Node,
        rows: Flow,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        **other: Any,
    ) -> Flow:
        if any(value not in (False, None, 1) for name, value in other.items() if name != "count_include_pad"):
            raise reader.refuse(call, f"{reader.name(call)} travels with kernel_size, stride and padding alone")
        return reader.emit(call, forms.pool(kind, dims, kernel_size, stride, padding), [rows])

    return pooled


def adaptive(dims: int) -> Handler:
    """Return the handler of a functional adaptive pooling."""
    return lambda reader, call, rows, output_size: reader.emit(
        call, {"kind": "adaptive_avg_pool", "size": forms.tupled(output_size, dims)}, [rows]
    )


def whole_to(dtype: torch.dtype) -> Handler:
    """Return the handler of a cast by name."""
    return lambda reader, call, rows: cast(reader, call, rows, dtype)


def _spread(given: Sequence[Any]) -> Sequence[Any]:
    return given[0] if len(given) == 1 and isinstance(given[0], tuple | list) else given


BOTH: Mapping[str, Handler] = {
    "bmm": matmul, "chunk": chunk, "clone": same, "div": divide, "flatten": flatten, "matmul": matmul, "mean": mean,
    "mul": multiply, "permute": permute, "reshape": view, "softmax": softmax, "split": split, "squeeze": squeeze,
    "sub": subtract, "swapaxes": transpose, "transpose": transpose, "unflatten": unflatten, "unsqueeze": unsqueeze,
}  # fmt: skip
METHODS: Mapping[str, Handler] = {
    **BOTH, "contiguous": same, "dim": rank, "float": whole_to(torch.float), "int": whole_to(torch.int),
    "long": whole_to(torch.long), "size": sizes, "to": cast, "type": cast, "view": view,
}  # fmt: skip
FUNCTIONS: Mapping[Any, Handler] = {
    **{getattr(torch, name): handler for name, handler in BOTH.items()},
    getattr: attribute,
    operator.getitem: item,
    operator.matmul: matmul,
    operator.mul: multiply,
    operator.truediv: divide,
    operator.sub: subtract,
    operator.neg: lambda reader, call, rows: multiply(reader, call, rows, -1.0),
    torch.neg: lambda reader, call, rows: multiply(reader, call, rows, -1.0),
    torch.cat: cat,
    torch.concat: cat,
    torch.stack: stack,
    functional.softmax: softmax,
    functional.scaled_dot_product_attention: lowering.product_attention,
    functional.adaptive_avg_pool1d: adaptive(1),
    functional.adaptive_avg_pool2d: adaptive(2),
    functional.avg_pool1d: pooling("avg_pool", 1),
    functional.avg_pool2d: pooling("avg_pool", 2),
    functional.max_pool1d: pooling("max_pool", 1),
    functional.max_pool2d: pooling("max_pool", 2),
}
MODULES: Mapping[type[nn.Module], Handler] = {
    nn.Flatten: lambda reader, call, module, rows: flatten(reader, call, rows, module.start_dim, module.end_dim),
    nn.LSTM: lowering.lstm,
    nn.MultiheadAttention: lowering.attention,
    nn.Softmax: lambda reader, call, module, rows: softmax(reader, call, rows, module.dim),
    nn.Unflatten: lambda reader, call, module, rows: unflatten(reader, call, rows, module.dim, module.unflattened_size),
}
NUMBERS = (operator.add, operator.sub, operator.mul, operator.floordiv, operator.truediv, operator.pow, operator.neg)
"""What may be done with sizes."""
