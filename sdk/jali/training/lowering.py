"""Layers of torch that travel as several nodes: attention as linear layers and matrix products, an LSTM layer by layer.

Opacus' own attention gives other outputs with `batch_first=True`, so attention travels as what it is made of.
"""

import math
from typing import TYPE_CHECKING, Any

from torch import Tensor, fx, nn

from jali.training.flow import Flow, LastStates, Untold

if TYPE_CHECKING:
    from jali.training.reading import Reader

MASKS = "attention travels without masks: every place of a row sees every other"


def attention(
    reader: "Reader",
    call: fx.Node,
    module: nn.MultiheadAttention,
    query: Any,
    key: Any,
    value: Any,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Flow, Untold]:
    """Return attention's output; the weights beside it do not travel."""
    if key_padding_mask is not None or attn_mask is not None or is_causal:
        raise reader.refuse(call, MASKS)
    if not module.batch_first:
        raise reader.refuse(call, "nn.MultiheadAttention travels with batch_first=True: the rows come first")
    if module.in_proj_weight is None or module.bias_k is not None or module.add_zero_attn:
        raise reader.refuse(call, "nn.MultiheadAttention travels with one width, without add_bias_kv and add_zero_attn")
    width, heads = module.embed_dim, module.num_heads
    flows = [reader.flow(call, part) for part in (query, key, value)]
    for flow in flows:
        if len(flow.shape) != 2 or flow.shape[1] != width:
            raise reader.refuse(call, f"attention reads (rows, length, {width}), got (rows, {_listed(flow.shape)})")
    projected = [_projected(reader, call, module, at, flow) for at, flow in enumerate(flows)]
    split = [
        reader.emit(
            call,
            {"kind": "permute", "dims": [1, 2, 0] if at == 1 else [1, 0, 2]},
            [reader.emit(call, {"kind": "reshape", "size": [flow.shape[0], heads, width // heads]}, [flow])],
        )
        for at, flow in enumerate(projected)
    ]
    mixed = _mixed(reader, call, split[0], split[1], split[2], 1 / math.sqrt(width // heads), module.dropout)
    order = reader.emit(call, {"kind": "permute", "dims": [1, 0, 2]}, [mixed])
    joined = reader.emit(call, {"kind": "reshape", "size": [flows[0].shape[0], width]}, [order])
    out = _linear(reader, call, joined, module.out_proj.weight, module.out_proj.bias, module.out_proj)
    return out, Untold("the weights of attention do not travel; give need_weights=False and take the first result")


def product_attention(
    reader: "Reader",
    call: fx.Node,
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Flow:
    """Return `scaled_dot_product_attention` as matrix products."""
    if attn_mask is not None or is_causal:
        raise reader.refuse(call, MASKS)
    if dropout_p:
        raise reader.refuse(call, "dropout_p does not rest at prediction; put nn.Dropout behind it")
    queries, keys, values = (reader.flow(call, part) for part in (query, key, value))
    rank = len(keys.shape)
    if rank < 2:
        raise reader.refuse(call, f"attention reads (rows, length, width), got (rows, {_listed(keys.shape)})")
    turned = reader.emit(call, {"kind": "permute", "dims": [*range(rank - 2), rank - 1, rank - 2]}, [keys])
    return _mixed(reader, call, queries, turned, values, scale or 1 / math.sqrt(queries.shape[-1]), 0.0)


def lstm(
    reader: "Reader", call: fx.Node, module: nn.LSTM, rows: Any, state: Any = None
) -> tuple[Flow, tuple[LastStates, Untold]]:
    """Return an LSTM's outputs, and the last layer's last one."""
    if state is not None:
        raise reader.refuse(call, "an LSTM begins at zero: call it with its input alone")
    if not module.batch_first:
        raise reader.refuse(call, "nn.LSTM travels with batch_first=True: the rows come first")
    if module.bidirectional or module.proj_size or not module.bias:
        raise reader.refuse(call, "nn.LSTM travels in one direction, with bias and without proj_size")
    flow = reader.flow(call, rows)
    for at in range(module.num_layers):
        names = {"ih.weight": "weight_ih", "ih.bias": "bias_ih", "hh.weight": "weight_hh", "hh.bias": "bias_hh"}
        tensors = {name: getattr(module, f"{own}_l{at}") for name, own in names.items()}
        width = module.input_size if at == 0 else module.hidden_size
        settings = {"kind": "lstm", "input_size": width, "hidden_size": module.hidden_size}
        flow = reader.emit(call, settings, [flow], tensors)
        if module.dropout and at + 1 < module.num_layers:
            flow = reader.emit(call, {"kind": "dropout", "p": module.dropout}, [flow])
    length, width = flow.shape
    last = reader.emit(call, {"kind": "slice", "dim": 0, "start": length - 1, "stop": length}, [flow])
    last = reader.emit(call, {"kind": "reshape", "size": [width]}, [last])
    cells = Untold("an LSTM's cell state does not travel; use its outputs, or h[-1]")
    return flow, (LastStates(last, module.num_layers), cells)


def _mixed(
    reader: "Reader", call: fx.Node, queries: Flow, turned: Flow, values: Flow, factor: float, dropout: float
) -> Flow:
    """Return the values mixed by the shares that queries and keys give them."""
    products = reader.emit(call, {"kind": "matmul"}, [queries, turned])
    scaled = reader.emit(call, {"kind": "scale", "factor": factor}, [products])
    shares = reader.emit(call, {"kind": "softmax", "dim": len(scaled.shape) - 1}, [scaled])
    if dropout:
        shares = reader.emit(call, {"kind": "dropout", "p": dropout}, [shares])
    return reader.emit(call, {"kind": "matmul"}, [shares, values])


def _projected(reader: "Reader", call: fx.Node, module: nn.MultiheadAttention, at: int, flow: Flow) -> Flow:
    """Return queries, keys or values: their third of the one weight that torch keeps for all."""
    part = slice(at * module.embed_dim, (at + 1) * module.embed_dim)
    bias = None if module.in_proj_bias is None else module.in_proj_bias[part]
    return _linear(reader, call, flow, module.in_proj_weight[part], bias, module)


def _linear(reader: "Reader", call: fx.Node, flow: Flow, weight: Tensor, bias: Tensor | None, owner: nn.Module) -> Flow:
    settings = {
        "kind": "linear", "in_features": weight.shape[1], "out_features": weight.shape[0], "bias": bias is not None
    }  # fmt: skip
    tensors = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    return reader.emit(call, settings, [flow], tensors)


def _listed(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
