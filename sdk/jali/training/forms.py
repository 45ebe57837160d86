"""The forms in which a module may write each kind of layer, and what to write instead of all others."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

Settings = dict[str, Any]


@dataclass(frozen=True)
class Form:
    """A function or method that computes a kind.

    `inputs` and `arguments` name what it takes, in order; `settings` reads the arguments into the kind's settings.
    """

    kind: str
    arguments: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("input",)
    settings: Callable[[Settings], Settings] = lambda given: {}


DROPOUT = Form("dropout", ("p", "training", "inplace"), settings=lambda given: {"p": given.get("p", 0.5)})
ELU = Form("elu", ("alpha", "inplace"), settings=lambda given: {"alpha": given.get("alpha", 1.0)})
LEAKY = Form(
    "leaky_relu",
    ("negative_slope", "inplace"),
    settings=lambda given: {"slope": given.get("negative_slope", 0.01)},
)
GELU = Form("gelu", ("approximate",), settings=lambda given: {"approximate": given.get("approximate", "none")})
SUM = Form("add", inputs=("input", "other"))

FUNCTIONS: Mapping[Any, Form] = {
    operator.add: SUM,
    torch.add: SUM,
    functional.dropout: DROPOUT,
    functional.elu: ELU,
    functional.gelu: GELU,
    functional.leaky_relu: LEAKY,
    functional.relu: Form("relu", ("inplace",)),
    torch.relu: Form("relu"),
    functional.sigmoid: Form("sigmoid"),
    torch.sigmoid: Form("sigmoid"),
    functional.silu: Form("silu", ("inplace",)),
    functional.softplus: Form("softplus"),
    functional.tanh: Form("tanh"),
    torch.tanh: Form("tanh"),
}
METHODS: Mapping[str, Form] = {"add": SUM, "relu": Form("relu"), "sigmoid": Form("sigmoid"), "tanh": Form("tanh")}


def tupled(value: Any, rank: int) -> list[int]:
    """Return one number for each dimension, as torch reads a setting."""
    return [int(size) for size in value] if isinstance(value, tuple | list) else [int(value)] * rank


def _conv(rank: int) -> Callable[[Any], Settings]:
    return lambda module: {
        "kind": f"conv{rank}d",
        "in_channels": module.in_channels,
        "out_channels": module.out_channels,
        "kernel": tupled(module.kernel_size, rank),
        "stride": tupled(module.stride, rank),
        "padding": tupled(_padding(module), rank),
        "dilation": tupled(module.dilation, rank),
        "groups": module.groups,
        "bias": module.bias is not None,
    }


def _padding(module: Any) -> Any:
    """Return the padding in numbers: "same" pads by half a window on both sides where that is whole."""
    if module.padding == "valid":
        return 0
    if module.padding != "same":
        return module.padding
    return tuple(gap * (size - 1) // 2 for gap, size in zip(module.dilation, module.kernel_size, strict=True))


def _pool(kind: str, rank: int) -> Callable[[Any], Settings]:
    return lambda module: pool(kind, rank, module.kernel_size, module.stride, module.padding)


def pool(kind: str, rank: int, kernel: Any, stride: Any = None, padding: Any = 0) -> Settings:
    """Return a pooling's settings; it moves by its own size where no stride is given."""
    return {
        "kind": kind,
        "kernel": tupled(kernel, rank),
        "stride": tupled(kernel if stride is None else stride, rank),
        "padding": tupled(padding, rank),
    }


MODULES: Mapping[type[nn.Module], Callable[[Any], Settings]] = {
    nn.AdaptiveAvgPool1d: lambda module: {"kind": "adaptive_avg_pool", "size": tupled(module.output_size, 1)},
    nn.AdaptiveAvgPool2d: lambda module: {"kind": "adaptive_avg_pool", "size": tupled(module.output_size, 2)},
    nn.AvgPool1d: _pool("avg_pool", 1),
    nn.AvgPool2d: _pool("avg_pool", 2),
    nn.Conv1d: _conv(1),
    nn.Conv2d: _conv(2),
    nn.Dropout: lambda module: {"kind": "dropout", "p": module.p},
    nn.ELU: lambda module: {"kind": "elu", "alpha": float(module.alpha)},
    nn.Embedding: lambda module: {
        "kind": "embedding",
        "num_embeddings": module.num_embeddings,
        "embedding_dim": module.embedding_dim,
    },
    nn.GELU: lambda module: {"kind": "gelu", "approximate": module.approximate},
    nn.GroupNorm: lambda module: {
        "kind": "group_norm",
        "groups": module.num_groups,
        "channels": module.num_channels,
        "eps": module.eps,
    },
    nn.LayerNorm: lambda module: {"kind": "layer_norm", "features": module.normalized_shape[-1], "eps": module.eps},
    nn.LeakyReLU: lambda module: {"kind": "leaky_relu", "slope": module.negative_slope},
    nn.Linear: lambda module: {
        "kind": "linear",
        "in_features": module.in_features,
        "out_features": module.out_features,
        "bias": module.bias is not None,
    },
    nn.MaxPool1d: _pool("max_pool", 1),
    nn.MaxPool2d: _pool("max_pool", 2),
    nn.ReLU: lambda module: {"kind": "relu"},
    nn.SiLU: lambda module: {"kind": "silu"},
    nn.Sigmoid: lambda module: {"kind": "sigmoid"},
    nn.Softplus: lambda module: {"kind": "softplus"},
    nn.Tanh: lambda module: {"kind": "tanh"},
}
PASSING = (nn.Identity,)
"""Modules that hand on what they get."""

_USUAL: Mapping[type[nn.Module], tuple[tuple[str, Any], ...]] = {
    nn.AvgPool1d: (("ceil_mode", False), ("count_include_pad", True)),
    nn.AvgPool2d: (("ceil_mode", False), ("count_include_pad", True), ("divisor_override", None)),
    nn.Conv1d: (("padding_mode", "zeros"),),
    nn.Conv2d: (("padding_mode", "zeros"),),
    nn.Embedding: (("padding_idx", None), ("max_norm", None), ("scale_grad_by_freq", False), ("sparse", False)),
    nn.GroupNorm: (("affine", True),),
    nn.MaxPool1d: (("ceil_mode", False), ("dilation", 1), ("return_indices", False)),
    nn.MaxPool2d: (("ceil_mode", False), ("dilation", 1), ("return_indices", False)),
    nn.Softplus: (("beta", 1.0), ("threshold", 20.0)),
}


def unusual(module: nn.Module) -> str:
    """Return what a module is set to beyond what travels, empty where there is nothing."""
    if isinstance(module, nn.LayerNorm) and (len(module.normalized_shape) != 1 or module.bias is None):
        return "nn.LayerNorm travels for one dimension, with weight and bias"
    if (
        isinstance(module, nn.Conv1d | nn.Conv2d)
        and module.padding == "same"
        and any(s % 2 == 0 for s in module.kernel_size)
    ):
        return 'padding="same" travels for windows of odd size'
    for name, usual in _USUAL.get(type(module), ()):
        if getattr(module, name) != usual:
            return f"nn.{type(module).__name__} travels with {name}={usual}, got {getattr(module, name)}"
    return ""


ALLOWED = (
    "Linear, Conv1d, Conv2d, Embedding, LayerNorm, GroupNorm, MaxPool, AvgPool, AdaptiveAvgPool, LSTM, "
    "MultiheadAttention, Dropout, ReLU, LeakyReLU, ELU, GELU, SiLU, Softplus, Sigmoid, Tanh, Flatten, Unflatten, "
    "Identity, Sequential, x + y, x * y, x @ y, cat, view, permute and softmax within each row"
)
CHANCE = "randomness in forward does not travel, except nn.Dropout"
ACROSS = "it may look across rows; nn.LayerNorm or nn.GroupNorm bring each record to mean 0 and variance 1 by itself"
OVER_ROWS = (
    "it would look across rows, and dimension 0 is the rows; name a later dimension. nn.LayerNorm and nn.GroupNorm "
    "bring each record to mean 0 and variance 1 by themselves"
)
CODE = "write it with layers that travel: " + ALLOWED
BRANCH = (
    "which way forward goes may not depend on the data or their sizes: apply the same layers to every row, or decide "
    "in __init__"
)
RAW = "put what is learned into an nn.Linear or nn.LayerNorm, and constants into the table's columns"
IN_PLACE = "it changes values in place; give the result a name of its own, as in x = torch.relu(x)"
ROWS = "the number of rows is not forward's to know: hand it to view or reshape as their first size, and nowhere else"
SHAPE = "a model reads rows of features and answers rows of outputs: leave the first dimension, the rows, as it is"

_ADVICE: Mapping[str, tuple[str, ...]] = {
    CHANCE: (
        "alpha_dropout", "bernoulli", "bernoulli_", "multinomial", "normal", "normal_", "poisson", "rand", "rand_like",
        "randint", "randint_like", "randn", "randn_like", "randperm", "rrelu", "uniform_", "AlphaDropout", "RReLU",
        "feature_dropout", "FeatureAlphaDropout",
    ),
    "use nn.Dropout, which drops each number by itself": (
        "Dropout1d", "Dropout2d", "Dropout3d", "dropout1d", "dropout2d",
    ),
    SHAPE: ("t", "T", "expand", "expand_as", "repeat", "tile", "repeat_interleave", "unfold", "as_strided", "unbind"),
    "leave the outputs as they are: the loss on the node applies it": (
        "LogSigmoid", "LogSoftmax", "log_softmax", "logsigmoid",
    ),
    ACROSS: (
        "amax", "amin", "argsort", "batch_norm", "cummax", "cumprod", "cumsum", "cdist", "einsum", "flip", "fliplr",
        "flipud", "gather", "index_add", "index_select", "kthvalue", "logsumexp", "max", "median", "min", "mm", "norm",
        "prod", "roll", "rot90", "scatter", "scatter_add", "sort", "std", "sum", "take", "take_along_dim", "tensordot",
        "topk", "var", "instance_norm",
    ),
    "it looks across rows; use nn.LayerNorm, or nn.GroupNorm after a convolution, which bring each record to mean 0 "
    "and variance 1 by themselves": (
        "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LazyBatchNorm1d", "LazyBatchNorm2d", "SyncBatchNorm",
    ),
    "use nn.GroupNorm(channels, channels), which is the same": ("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
    "use nn.LSTM with batch_first=True": ("GRU", "RNN", "GRUCell", "LSTMCell", "RNNCell"),
    "write the block with nn.MultiheadAttention, nn.LayerNorm, nn.Linear and x + y": (
        "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer",
    ),
    "use nn.Embedding and the mean over its vectors": ("EmbeddingBag", "embedding_bag"),
    RAW: ("Parameter", "add", "div", "embedding", "linear", "layer_norm", "mul", "neg", "pow", "sub", "truediv"),
}  # fmt: skip
ADVICE: Mapping[str, str] = {name: advice for advice, names in _ADVICE.items() for name in names}


def advice(name: str) -> str:
    """Say what to write instead of a function, method or module of this name."""
    if name.endswith("_") and not name.startswith("_"):
        return ADVICE.get(name, IN_PLACE)
    return ADVICE.get(name, CODE)
