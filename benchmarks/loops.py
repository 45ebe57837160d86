"""Training loops side by side: plain PyTorch over indexed tensors, a node's DP-SGD, and the loop of Opacus' tutorials.

All three train the same model on the same rows with batches of the same size, in this process on one thread, and take
turns. Processor seconds are compared, so that what else a machine does matters less.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.report import Row
from jali.training.graph import trace
from jali.wire.graph import Graph
from jali.wire.targets import Loss
from jali_node.training import engine, interpreter, weights
from jali_node.training.plan import TrainingPlan
from jali_node.training.tensors import Rows

RATE, CLIP, NOISE = 0.1, 1.0, 1.0
OURS, OPACUS = "a node's DP-SGD", "the loop of Opacus' tutorials"


@dataclass(frozen=True)
class Case:
    """A model, how many rows it learns from, and how many steps are timed at once."""

    name: str
    build: Callable[[], nn.Module]
    units: int
    width: int
    classes: int
    batch: int
    steps: int
    prototype: str
    reach: float


def mlp() -> nn.Module:
    """Return a network of 6,274 parameters over 30 features."""
    return nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))


def cnn() -> nn.Module:
    """Return the network of Opacus' MNIST example: two convolutions of 16 and 32 channels, 26,010 parameters."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        *(nn.Conv2d(1, 16, 8, 2, padding=3), nn.ReLU(), nn.MaxPool2d(2, 1)),
        *(nn.Conv2d(16, 32, 4, 2), nn.ReLU(), nn.MaxPool2d(2, 1)),
        *(nn.Flatten(), nn.Linear(32 * 4 * 4, 32), nn.ReLU(), nn.Linear(32, 10)),
    )


CASES = (
    Case("MLP, batch 256", mlp, 32_561, 30, 2, 256, 150, "1.88, Opacus' loop 9.1", 1.5),
    Case("MLP, batch 1024", mlp, 32_561, 30, 2, 1024, 100, "1.63, Opacus' loop 8.8", 1.3),
    Case("CNN, batch 256", cnn, 60_000, 784, 10, 256, 20, "1.46, Opacus' loop 2.1", 1.3),
)


def loop_rows(quick: bool) -> Iterator[Row]:
    """Measure how much longer a private step takes than a plain one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for case in CASES:
            yield _row(case, 2 if quick else 5)
    finally:
        torch.set_num_threads(threads)


def _row(case: Case, turns: int) -> Row:
    rows = _generated(case)
    sides = {"plain": plain, OURS: ours, OPACUS: opacus}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        side(case, rows, max(2, case.steps // 10))  # the first of each is not counted
    for _ in range(turns):
        for name, side in sides.items():
            steps = max(3, case.steps // 4) if name == OPACUS else case.steps
            seconds[name].append(side(case, rows, steps))
    step = {name: median(each) for name, each in seconds.items()}
    ratio = step[OURS] / step["plain"]
    peer = {OPACUS: step[OPACUS] / step["plain"]}
    note = f"{step[OURS] * 1e3:.2f} ms a step against {step['plain'] * 1e3:.2f}; prototype {case.prototype}"
    figure = f"time of a private step over plain PyTorch with indexed tensors, {case.name}"
    print(f"{figure}: {ratio:.2f}, Opacus' loop {peer[OPACUS]:.2f} ({note})", flush=True)
    return Row(figure, ratio, peer, f"{case.reach} or less", ratio <= case.reach, note)


def _generated(case: Case) -> Rows:
    random = np.random.default_rng(1)
    features = random.uniform(-1, 1, (case.units, case.width)).astype(np.float32)
    target = random.integers(0, case.classes, case.units).astype(np.float32)
    return Rows(features, target, np.ones(case.units, np.bool_))


def plain(case: Case, rows: Rows, steps: int) -> float:
    """Return the processor seconds of a plain step: rows by index, the mean loss, plain descent."""
    model, features, target = case.build(), torch.from_numpy(rows.features), torch.from_numpy(rows.target).long()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    start = time.process_time()
    for _ in range(steps):
        chosen = torch.randint(0, case.units, (case.batch,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(features[chosen]), target[chosen]).backward()
        optimizer.step()
    return (time.process_time() - start) / steps


def ours(case: Case, rows: Rows, steps: int) -> float:
    """Return the processor seconds of a node's step, all that a round does around its steps included."""
    plan = TrainingPlan(10**12, 1, steps, case.batch / case.units, case.batch, CLIP, RATE, NOISE, Loss.CHOICE,
                        case.classes)  # fmt: skip
    model = interpreter.interpret(*_traced(case))
    start = time.process_time()
    engine.train(model, rows, plan)
    return (time.process_time() - start) / steps


def _traced(case: Case) -> tuple[Graph, dict[str, torch.Tensor]]:
    """Return the model as it reaches a node."""
    graph, data = trace(case.build(), case.width)
    return graph, weights.read(graph, data)


def opacus(case: Case, rows: Rows, steps: int) -> float:
    """Return the processor seconds of a step as Opacus' tutorials take it: a loader, hooks, torch's own noise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from opacus import PrivacyEngine

        model, data = case.build(), TensorDataset(torch.from_numpy(rows.features), torch.from_numpy(rows.target).long())
        model, optimizer, loader = PrivacyEngine(accountant="rdp").make_private(
            module=model, optimizer=torch.optim.SGD(model.parameters(), lr=RATE), noise_multiplier=NOISE,
            max_grad_norm=CLIP, data_loader=DataLoader(data, batch_size=case.batch),
        )  # fmt: skip
        batches = iter(loader)
        start = time.process_time()
        for _ in range(steps):
            features, target = next(batches)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(features), target).backward()
            optimizer.step()
        return (time.process_time() - start) / steps
