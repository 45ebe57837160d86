"""Models that are ready to train: ordinary modules, to take as they are or as a beginning. Needs `jali[train]`.

Linear models begin at zero, so they begin the same everywhere.
"""

import math
from collections.abc import Sequence

try:
    import torch
    from torch import Tensor, nn
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("training needs torch: pip install 'jali[train]'", name=error.name) from error

__all__ = ["LinearRegression", "LogisticRegression", "Mlp", "PoissonRegression", "SmallCnn", "TabularEmbedding"]


class _Weighted(nn.Module):
    """Weighted sums of the features, and an intercept."""

    def __init__(self, features: int, outputs: int = 1) -> None:
        super().__init__()
        self.weights = nn.Linear(features, outputs)
        nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(self.weights.bias)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the sums, (rows, outputs)."""
        sums: Tensor = self.weights(rows)
        return sums


class LogisticRegression(_Weighted):
    """The logit of a target of two classes, or of each of several. The model to begin with.

    Args:
        features: how many numbers the columns become: `len(ds.feature_names([...]))`.
        outputs: 1 for two classes, else as many as there are.

    >>> LogisticRegression(3)(torch.zeros(2, 3)).shape
    torch.Size([2, 1])
    """


class LinearRegression(_Weighted):
    """An `Amount`, on the scale of -1 to 1 between its bounds.

    Args:
        features: how many numbers the columns become.
    """

    def __init__(self, features: int) -> None:
        super().__init__(features)


class PoissonRegression(_Weighted):
    """A `Count`: the logarithm of its rate.

    Args:
        features: how many numbers the columns become.
    """

    def __init__(self, features: int) -> None:
        super().__init__(features)


class Mlp(nn.Sequential):
    """A network of plain layers with tanh between them, which suits clipped gradients.

    Args:
        features: how many numbers the columns become.
        hidden: the width of each hidden layer.
        outputs: how many numbers it answers for a row.
        dropout: with which probability a hidden number is 0 in training.
    """

    def __init__(self, features: int, hidden: Sequence[int] = (32, 16), outputs: int = 1, dropout: float = 0.0) -> None:
        layers: list[nn.Module] = []
        for before, width in zip((features, *hidden), hidden, strict=False):
            layers += [nn.Linear(before, width), nn.Tanh(), *([nn.Dropout(dropout)] if dropout else [])]
        super().__init__(*layers, nn.Linear((features, *hidden)[-1], outputs))


class SmallCnn(nn.Module):
    """Two convolutions with group norm, then one layer: for pictures of one size, `train(shape=(channels, h, w))`.

    Args:
        shape: (channels, height, width), at least 8 by 8.
        outputs: how many numbers it answers for a row.
    """

    def __init__(self, shape: tuple[int, int, int], outputs: int = 1) -> None:
        super().__init__()
        channels, height, width = shape
        if min(height, width) < 8:
            raise ValueError(f"expected pictures of at least 8 by 8, got {height} by {width}")
        self.features = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.Tanh(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.GroupNorm(4, 32), nn.Tanh(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.last = nn.Linear(32 * (height // 4) * (width // 4), outputs)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (rows, outputs)."""
        answers: Tensor = self.last(self.features(pictures).flatten(1))
        return answers


class TabularEmbedding(nn.Module):
    """A learned vector for each category, beside the numbers, then a small network.

    Args:
        counts: how many ids each of the first columns has, that of missing values included: what `Ids` says of them.
        numbers: how many plain features follow them.
        hidden: the width of the hidden layer.
        outputs: how many numbers it answers for a row.

    >>> TabularEmbedding([4, 9], numbers=2)(torch.tensor([[3.0, 0.0, 0.5, -1.0]])).shape
    torch.Size([1, 1])
    """

    def __init__(self, counts: Sequence[int], numbers: int, hidden: int = 32, outputs: int = 1) -> None:
        super().__init__()
        widths = [min(16, 1 + math.ceil(math.sqrt(count))) for count in counts]
        self.vectors = nn.ModuleList(nn.Embedding(*sizes) for sizes in zip(counts, widths, strict=True))
        self.hidden = nn.Linear(sum(widths) + numbers, hidden)
        self.last, self.numbers = nn.Linear(hidden, outputs), numbers

    def forward(self, rows: Tensor) -> Tensor:
        """Return (rows, outputs)."""
        ids = len(self.vectors)
        known = [vectors(rows[:, at].long()) for at, vectors in enumerate(self.vectors)]
        both = torch.cat([*known, rows[:, ids:]] if self.numbers else known, dim=1)
        answers: Tensor = self.last(torch.tanh(self.hidden(both)))
        return answers
