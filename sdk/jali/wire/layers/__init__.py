"""What a model may be made of: one class a kind, each defined on one record, none with a word for the batch.

A layer's shapes are those of one record, and so are its dimensions: dimension 0 is the record's first, and the batch
has no number. Whatever a graph of these computes for a record depends on that record alone; each kind's docstring
says why, and a node holds every kind to it again.
"""

from typing import Annotated

from pydantic import Field

from jali.wire.layers.learned import Conv1d, Conv2d, Embedding, GroupNorm, LayerNorm, Linear, Lstm
from jali.wire.layers.pointwise import (
    Add,
    Dropout,
    Elu,
    Gelu,
    LeakyRelu,
    Multiply,
    Relu,
    Scale,
    Sigmoid,
    Silu,
    Softplus,
    Tanh,
)
from jali.wire.layers.pooling import AdaptiveAvgPool, AvgPool, MaxPool, Mean
from jali.wire.layers.shaping import Cat, Matmul, Permute, Reshape, Slice, Softmax

__all__ = [
    "KINDS",
    "AdaptiveAvgPool",
    "Add",
    "AvgPool",
    "Cat",
    "Conv1d",
    "Conv2d",
    "Dropout",
    "Elu",
    "Embedding",
    "Gelu",
    "GroupNorm",
    "LayerNorm",
    "LeakyRelu",
    "Linear",
    "Lstm",
    "Matmul",
    "MaxPool",
    "Mean",
    "Multiply",
    "Node",
    "Permute",
    "Relu",
    "Reshape",
    "Scale",
    "Sigmoid",
    "Silu",
    "Slice",
    "Softmax",
    "Softplus",
    "Tanh",
]  # fmt: skip

KINDS = (
    AdaptiveAvgPool, Add, AvgPool, Cat, Conv1d, Conv2d, Dropout, Elu, Embedding, Gelu, GroupNorm, LayerNorm, LeakyRelu,
    Linear, Lstm, Matmul, MaxPool, Mean, Multiply, Permute, Relu, Reshape, Scale, Sigmoid, Silu, Slice, Softmax,
    Softplus, Tanh,
)  # fmt: skip
Node = Annotated[
    AdaptiveAvgPool
    | Add
    | AvgPool
    | Cat
    | Conv1d
    | Conv2d
    | Dropout
    | Elu
    | Embedding
    | Gelu
    | GroupNorm
    | LayerNorm
    | LeakyRelu
    | Linear
    | Lstm
    | Matmul
    | MaxPool
    | Mean
    | Multiply
    | Permute
    | Relu
    | Reshape
    | Scale
    | Sigmoid
    | Silu
    | Slice
    | Softmax
    | Softplus
    | Tanh,
    Field(discriminator="kind"),
]
