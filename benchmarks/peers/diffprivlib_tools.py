"""The same summary with diffprivlib's tools over a pandas frame.

Every release has the same epsilon, as large as its own budget accountant allows for that many; groups are disjoint,
so one epsilon serves them all. How many rows there are counts as public in its means.
"""

import math
import warnings

import numpy as np
import pandas as pd
from diffprivlib import BudgetAccountant, tools
from measured import Answer, Task, run

warnings.simplefilter("ignore")


def answer(task: Task, number: int) -> Answer:
    """Return one summary."""
    numbers, categories, levels, bins = task["numbers"], task["categories"], task["levels"], task["bins"]
    frame = pd.read_parquet(task["table"], columns=[*numbers, *categories])
    releases = 1 + len(numbers) * (2 + len(levels) + 1) + len(categories) + 1
    accountant = BudgetAccountant(task["epsilon"], task["delta"], slack=task["delta"])
    epsilon = accountant.remaining(releases)[0]
    unlimited = BudgetAccountant()  # what has been divided above need not be counted again
    free = {"epsilon": epsilon, "accountant": unlimited}
    values = {name: frame[name].to_numpy(dtype=float).clip(*bounds) for name, bounds in numbers.items()}
    return {
        "count": tools.count_nonzero(np.ones(len(frame)), **free),
        "mean": {name: float(tools.mean(x, bounds=tuple(numbers[name]), **free)) for name, x in values.items()},
        "std": {name: float(tools.std(x, bounds=tuple(numbers[name]), **free)) for name, x in values.items()},
        "quantiles": {
            name: [float(tools.quantile(x, level, bounds=tuple(numbers[name]), **free)) for level in levels]
            for name, x in values.items()
        },
        "histogram": {name: _histogram(x, bins, numbers[name], free) for name, x in values.items()},
        "value_counts": {name: _value_counts(frame[name], keys, free) for name, keys in categories.items()},
        "group_mean": _group_means(frame, values, task, free),
    }


def _histogram(values: np.ndarray, bins: int, bounds: list[float], free: dict[str, object]) -> list[int]:
    return [int(count) for count in tools.histogram(values, bins=bins, range=tuple(bounds), **free)[0]]


def _value_counts(column: pd.Series, keys: list[str], free: dict[str, object]) -> list[int]:
    codes = pd.Categorical(column, categories=keys).codes
    return _histogram(codes[codes >= 0], len(keys), [0, len(keys)], free)


def _group_means(
    frame: pd.DataFrame, values: dict[str, np.ndarray], task: Task, free: dict[str, object]
) -> dict[str, float]:
    of, keys = task["group_by"]["of"], task["group_by"]["keys"]
    bounds, means = tuple(task["numbers"][of]), {}
    for key, places in frame.groupby(keys, observed=True).indices.items():
        mean = float(tools.mean(values[of][places], bounds=bounds, **free))
        means["|".join(map(str, key))] = mean if math.isfinite(mean) else bounds[0]
    return means


if __name__ == "__main__":
    run(answer, ("diffprivlib", "scikit-learn", "numpy"))
