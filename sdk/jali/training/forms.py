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
    functional.gelu: GELU,
    functional.leaky_relu: LEAKY,
    functional.relu: Form("relu", ("inplace",)),
    torch.relu: Form("relu"),
    functional.sigmoid: Form("sigmoid"),
    torch.sigmoid: Form("sigmoid"),
    functional.silu: Form("silu", ("inplace",)),
    functional.tanh: Form("tanh"),
    torch.tanh: Form("tanh"),
}
METHODS: Mapping[str, Form] = {"add": SUM, "relu": Form("relu"), "sigmoid": Form("sigmoid"), "tanh": Form("tanh")}

MODULES: Mapping[type[nn.Module], Callable[[Any], Settings]] = {
    nn.Dropout: lambda module: {"kind": "dropout", "p": module.p},
    nn.GELU: lambda module: {"kind": "gelu", "approximate": module.approximate},
    nn.LayerNorm: lambda module: {"kind": "layer_norm", "features": module.normalized_shape[-1], "eps": module.eps},
    nn.LeakyReLU: lambda module: {"kind": "leaky_relu", "slope": module.negative_slope},
    nn.Linear: lambda module: {
        "kind": "linear",
        "in_features": module.in_features,
        "out_features": module.out_features,
        "bias": module.bias is not None,
    },
    nn.ReLU: lambda module: {"kind": "relu"},
    nn.SiLU: lambda module: {"kind": "silu"},
    nn.Sigmoid: lambda module: {"kind": "sigmoid"},
    nn.Tanh: lambda module: {"kind": "tanh"},
}
PASSING = (nn.Identity,)
"""Modules that hand on what they get."""

ALLOWED = "Linear, LayerNorm, Dropout, ReLU, LeakyReLU, GELU, SiLU, Sigmoid, Tanh, Identity, Sequential and x + y"
CHANCE = "randomness in forward does not travel, except nn.Dropout"
SHAPE = "a model reads rows of features and answers rows of outputs: leave shapes and sizes as they are"
ACROSS = "it may look across rows; nn.LayerNorm brings each record to mean 0 and variance 1 by itself"
CODE = "write it with layers that travel: " + ALLOWED
BRANCH = (
    "which way forward goes may not depend on the data or their sizes: apply the same layers to every row, or decide "
    "in __init__"
)
RAW = "put what is learned into an nn.Linear or nn.LayerNorm, and constants into the table's columns"

_ADVICE: Mapping[str, tuple[str, ...]] = {
    CHANCE: (
        "alpha_dropout", "bernoulli", "bernoulli_", "multinomial", "normal", "normal_", "poisson", "rand", "rand_like",
        "randint", "randint_like", "randn", "randn_like", "randperm", "rrelu", "uniform_", "AlphaDropout", "RReLU",
    ),
    SHAPE: (
        "Flatten", "Unflatten", "chunk", "flatten", "getattr", "getitem", "permute", "reshape", "shape", "size",
        "split", "squeeze", "t", "transpose", "unsqueeze", "view",
    ),
    "leave the outputs as they are: the loss on the node applies it": (
        "LogSigmoid", "LogSoftmax", "Softmax", "log_softmax", "logsigmoid", "softmax",
    ),
    ACROSS: (
        "amax", "amin", "argsort", "batch_norm", "bmm", "cat", "cumsum", "einsum", "flip", "index_select", "matmul",
        "max", "mean", "median", "min", "mm", "norm", "roll", "sort", "stack", "std", "sum", "topk", "var",
    ),
    "it looks across rows; use nn.LayerNorm, which brings each record to mean 0 and variance 1 by itself": (
        "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "LazyBatchNorm1d", "SyncBatchNorm",
    ),
    RAW: ("Parameter", "add", "div", "linear", "layer_norm", "mul", "neg", "pow", "sub", "truediv"),
}  # fmt: skip
ADVICE: Mapping[str, str] = {name: advice for advice, names in _ADVICE.items() for name in names}


def advice(name: str) -> str:
    """Say what to write instead of a function, method or module of this name."""
    return ADVICE.get(name, CODE)
