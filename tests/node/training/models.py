"""Ordinary modules that use every kind of layer, as a data scientist writes them, with the shape that they read."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from jali.wire.graph import Shape


class Pictures(nn.Module):
    """A small convolutional network over pictures of 8 by 8."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 8, 3, padding="same"), nn.GroupNorm(4, 8)
        self.second, self.last = nn.Conv2d(8, 8, 3, stride=2, groups=2, bias=False), nn.Linear(8, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        hidden = functional.max_pool2d(functional.elu(self.norm(self.first(pictures))), 2)
        hidden = functional.adaptive_avg_pool2d(functional.softplus(self.second(hidden)), 1)
        return self.last(hidden.view(hidden.size(0), -1))


class Turned(nn.Module):
    """A convolution over pictures whose channels come last, and are turned to the front."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(4, 3, 2), nn.Linear(3, 1)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = torch.relu(self.conv(rows.view(-1, 5, 6, 4).permute(0, 3, 1, 2)))
        return self.last(hidden.flatten(2).mean(2))


class Signals(nn.Module):
    """A one-dimensional network over three series, with a gate, and what two of them have in common."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate, self.pool = nn.Conv1d(3, 4, 5), nn.Conv1d(3, 4, 3, dilation=2), nn.AvgPool1d(2)
        self.last = nn.Linear(9, 1)

    def forward(self, rows: Tensor) -> Tensor:
        series = rows.unflatten(1, (3, 8))
        hidden = self.conv(series)
        hidden = hidden * torch.sigmoid(self.gate(series)) - 0.5 * functional.silu(hidden)
        common = torch.bmm(series[:, :1], series[:, 1:2].transpose(1, 2)) / 8
        return self.last(torch.cat([self.pool(hidden).flatten(1), common.squeeze(2)], dim=1))


class Table(nn.Module):
    """Two columns of ids and four numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.site, self.kind = nn.Embedding(5, 3), nn.Embedding(7, 2)
        self.hidden, self.last = nn.Linear(9, 4), nn.Linear(4, 1)

    def forward(self, rows: Tensor) -> Tensor:
        known = [self.site(rows[:, 0].long()), self.kind(rows[:, 1].long()), rows[:, 2:]]
        return self.last(torch.tanh(self.hidden(torch.cat(known, dim=1))))


class Bag(nn.Module):
    """The mean over the vectors of four ids, which may be the same."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.last = nn.Embedding(3, 5), nn.Linear(5, 1)

    def forward(self, rows: Tensor) -> Tensor:
        return self.last(self.words(rows.long()).mean(dim=1))


class Attending(nn.Module):
    """Attention in each of the three ways to write it, residuals around it."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.norm, self.last = nn.Linear(3, 8), nn.LayerNorm(8), nn.Linear(8, 1)
        self.attend = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)
        self.queries, self.keys = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = self.enter(rows.view(-1, 5, 3))
        hidden = self.norm(hidden + self.attend(hidden, hidden, hidden, need_weights=False)[0])
        count, length, width = hidden.shape
        queries = self.queries(hidden).view(count, length, 2, width // 2).transpose(1, 2)
        keys = self.keys(hidden).view(count, length, 2, width // 2).transpose(1, 2)
        mixed = functional.scaled_dot_product_attention(queries, keys, queries)
        mixed = mixed + torch.softmax(queries @ keys.mT / math.sqrt(4), dim=-1) @ keys
        return self.last((hidden + mixed.transpose(1, 2).reshape(count, length, width)).mean(1))


class Remembering(nn.Module):
    """Two layers of an LSTM, read at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = nn.LSTM(3, 6, num_layers=2, batch_first=True, dropout=0.2)
        self.last = nn.Linear(12, 1)

    def forward(self, rows: Tensor) -> Tensor:
        outputs, (state, _) = self.memory(rows.reshape(rows.shape[0], 5, 3))
        return self.last(torch.cat([state[-1], outputs[:, -1]], -1))


MODELS: dict[str, tuple[Callable[[], nn.Module], int, Shape | None]] = {
    "pictures": (Pictures, 64, (1, 8, 8)),
    "turned": (Turned, 120, None),
    "signals": (Signals, 24, None),
    "table": (Table, 6, None),
    "bag": (Bag, 4, None),
    "attending": (Attending, 15, None),
    "remembering": (Remembering, 15, None),
}
