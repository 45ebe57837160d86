"""Layers of the node's own for what torch has no module for, each over rows of records: dimension 0 is the batch."""

import math
from collections.abc import Sequence

import torch
from opacus.layers.dp_rnn import DPLSTMCell
from torch import Tensor, nn


class Add(nn.Module):
    """The sum of two inputs."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the sum."""
        return first + second


class Multiply(nn.Module):
    """The product of two inputs."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the product."""
        return first * second


class Matmul(nn.Module):
    """The matrix product of two inputs, record by record."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the product of the last two dimensions."""
        return first @ second


class Scale(nn.Module):
    """The input times a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, rows: Tensor) -> Tensor:
        """Return the product."""
        return rows * self.factor


class Reshape(nn.Module):
    """Each record's numbers in another shape."""

    def __init__(self, size: Sequence[int]) -> None:
        super().__init__()
        self.size = tuple(size)

    def forward(self, rows: Tensor) -> Tensor:
        """Return (rows, *size)."""
        return rows.reshape(rows.shape[0], *self.size)


class Permute(nn.Module):
    """Each record's dimensions in another order."""

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = (0, *(dim + 1 for dim in dims))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the same numbers; the batch stays where it is."""
        return rows.permute(self.dims)


class Slice(nn.Module):
    """Neighbouring places of each record."""

    def __init__(self, dim: int, start: int, stop: int) -> None:
        super().__init__()
        self.dim, self.start, self.length = dim + 1, start, stop - start

    def forward(self, rows: Tensor) -> Tensor:
        """Return these places."""
        return rows.narrow(self.dim, self.start, self.length)


class Cat(nn.Module):
    """Inputs side by side in each record."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim + 1

    def forward(self, *rows: Tensor) -> Tensor:
        """Return them as one."""
        return torch.cat(rows, self.dim)


class Mean(nn.Module):
    """The mean along a dimension of each record."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim + 1

    def forward(self, rows: Tensor) -> Tensor:
        """Return the means."""
        return rows.mean(self.dim)


class MaxPool2d(nn.MaxPool2d):
    """The largest number in each window, looked for in the order in which torch is quickest on a processor."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the same numbers, with the same gradients, as in any other order."""
        channels_last = input.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        largest: Tensor = super().forward(channels_last)
        return largest


class Embedding(nn.Embedding):
    """A vector for each id. Ids arrive as numbers; what is none, or beyond the list, counts as the nearest."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the vectors."""
        return super().forward(self.ids(input))

    def ids(self, numbers: Tensor) -> Tensor:
        """Return numbers as ids of this list: 0 for what is not a number."""
        last = float(self.num_embeddings - 1)
        return torch.nan_to_num(numbers, nan=0.0, posinf=last, neginf=0.0).clamp(0.0, last).long()


class Lstm(DPLSTMCell):  # type: ignore[misc]
    """Opacus' LSTM cell along each record, from zero; its two linear layers run once a step."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, bias=True)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the output at each step, (rows, length, hidden_size)."""
        hidden = cell = rows.new_zeros(rows.shape[0], self.hidden_size)
        outputs = []
        for step in rows.unbind(1):
            hidden, cell = super().forward(step, (hidden, cell))
            outputs.append(hidden)
        return torch.stack(outputs, 1)

    def reset_parameters(self) -> None:
        """Draw the first weights as torch does; on the `meta` device there is nothing to draw."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)
