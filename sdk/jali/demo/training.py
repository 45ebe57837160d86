"""The demo's model: who sees a doctor at least twice a year, learned at three nodes that show no row."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jali.wire.dataset import Card, ColumnType
from jali.wire.features import feature_names

TARGET = ("visits", 2.0)
FEATURES = ("chronic", "incentive", "coinsurance", "deductible", "individual", "health", "limited")
WIDTH = 12
SEED = 7
EPSILON, ROUNDS, STEPS, BATCH = 1.0, 4, 30, 1500
LEARNING_RATE, CLIP_NORM = 1.0, 1.0
HELD_OUT, METRICS_EPSILON = 0.1, 0.3


def model() -> nn.Module:
    """Return a small network over the features, with one output: the logit of the target."""
    torch.manual_seed(SEED)
    return nn.Sequential(nn.Linear(WIDTH, 16), nn.Tanh(), nn.Linear(16, 1))


def accuracy(trained: Any, rows: pd.DataFrame, card: Card) -> float:
    """Return the share of held-back rows whose target the model gets right."""
    with torch.no_grad():
        logits = trained.eval()(shown(rows, card)).squeeze(1).numpy()
    return float(((logits > 0) == aims(rows)).mean())


def majority(rows: pd.DataFrame) -> float:
    """Return the accuracy of always guessing the more frequent answer."""
    share = float(aims(rows).mean())
    return max(share, 1 - share)


def without_privacy(rows: pd.DataFrame, card: Card) -> nn.Module:
    """Return the same network, trained on all rows in one place without any noise."""
    network, features, target = model(), shown(rows, card), torch.from_numpy(aims(rows).astype(np.float32))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(network(features).squeeze(1), target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network


def aims(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which rows have the target."""
    return np.asarray(rows[TARGET[0]] >= TARGET[1], dtype=bool)


def shown(rows: pd.DataFrame, card: Card) -> Tensor:
    """Return rows as a node shows them to a model; the demo needs it to test one, and only it has rows to test on."""
    columns = {column.name: column for column in card.columns}
    parts: list[NDArray[np.float32]] = []
    for column in (columns[name] for name in FEATURES):
        values = rows[column.name].to_numpy()
        if column.type is ColumnType.CATEGORY:
            parts.extend((values == category).astype(np.float32) for category in column.categories)
        elif column.bounds is not None:
            lower, upper = column.bounds
            parts.append((2 * (np.clip(values, lower, upper) - lower) / (upper - lower) - 1).astype(np.float32))
    assert len(parts) == len(feature_names(columns[name] for name in FEATURES)) == WIDTH  # noqa: S101
    return torch.from_numpy(np.stack(parts, axis=1))
