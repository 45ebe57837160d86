"""The same summary with smartnoise-sql over a pandas frame.

It has no quantiles: they are read off counts of 320 fine bins, a release of its own. Values are divided by their bound
beforehand, since it refuses sums of squares of large ones. Every release has the same epsilon, as large as its own
odometer allows within the whole budget.
"""

import warnings

import numpy as np
import pandas as pd
from measured import Answer, Task, run
from snsql import Privacy, from_df
from snsql.sql.odometer import OdometerHeterogeneous
from snsql.sql.private_reader import PrivateReader

warnings.simplefilter("ignore")
FINE = 16
RELEASE_DELTA = 1e-8


def answer(task: Task, number: int) -> Answer:
    """Return one summary."""
    numbers, categories, bins = task["numbers"], task["categories"], task["bins"]
    frame, columns = _frame(task)
    metadata = {"": {"s": {"t": {"row_privacy": True, "rows": task["rows"], "censor_dims": False, **columns}}}}
    keys = ", ".join(task["group_by"]["keys"])
    queries = {
        ("moments", name): f"SELECT COUNT(*) AS n, AVG({name}) AS m, STDDEV({name}) AS s FROM s.t"  # noqa: S608 - names of ours
        for name in numbers
    }
    for name in [*(f"{c}_{kind}" for c in numbers for kind in ("bin", "fine")), *categories]:
        queries["counts", name] = f"SELECT {name}, COUNT(*) AS n FROM s.t GROUP BY {name}"  # noqa: S608
    queries["groups", ""] = f"SELECT {keys}, AVG({task['group_by']['of']}) AS m FROM s.t GROUP BY {keys}"  # noqa: S608
    small = from_df(frame.head(1), privacy=Privacy(epsilon=1.0, delta=RELEASE_DELTA), metadata=metadata)
    epsilon = _epsilon(small, list(queries.values()), task)
    reader = from_df(frame, privacy=Privacy(epsilon=epsilon, delta=RELEASE_DELTA), metadata=metadata)
    found = {key: reader.execute(query)[1:] for key, query in queries.items()}
    moments = {name: found["moments", name][0] for name in numbers}
    return {
        "count": moments[next(iter(numbers))][0],
        "mean": {name: _scaled(moments[name][1], numbers[name]) for name in numbers},
        "std": {name: _span(numbers[name]) * _number(moments[name][2]) for name in numbers},
        "quantiles": {
            name: _quantiles(_counts(found["counts", f"{name}_fine"], range(bins * FINE)), bounds, task["levels"])
            for name, bounds in numbers.items()
        },
        "histogram": {name: _counts(found["counts", f"{name}_bin"], range(bins)) for name in numbers},
        "value_counts": {name: _counts(found["counts", name], keys) for name, keys in categories.items()},
        "group_mean": {
            "|".join(map(str, row[:-1])): _scaled(row[-1], numbers[task["group_by"]["of"]])
            for row in found["groups", ""]
        },
    }


def _frame(task: Task) -> tuple[pd.DataFrame, dict[str, dict[str, object]]]:
    """Return the rows, with values between 0 and 1 and the numbers of their bins, and what is public of the columns."""
    frame = pd.read_parquet(task["table"], columns=[*task["numbers"], *task["categories"]])
    columns: dict[str, dict[str, object]] = {name: {"type": "string"} for name in task["categories"]}
    for name, (lower, upper) in task["numbers"].items():
        frame[name] = ((frame[name].clip(lower, upper) - lower) / (upper - lower)).astype(float)
        columns[name] = {"type": "float", "lower": 0.0, "upper": 1.0}
        for kind, number in (("bin", task["bins"]), ("fine", task["bins"] * FINE)):
            frame[f"{name}_{kind}"] = np.minimum((frame[name] * number).astype(int), number - 1)
            columns[f"{name}_{kind}"] = {"type": "int", "lower": 0, "upper": number - 1}
    return frame, columns


def _epsilon(reader: PrivateReader, queries: list[str], task: Task) -> float:
    """Return the largest epsilon of one release at which all queries cost at most the whole budget."""
    costs = [cost for query in queries for cost in reader._get_mechanism_costs(query) if cost]
    low, high = 0.0, task["epsilon"]
    for _ in range(40):
        middle = (low + high) / 2
        odometer = OdometerHeterogeneous(Privacy(epsilon=middle, delta=RELEASE_DELTA))
        for _, delta in costs:
            odometer.spend(Privacy(epsilon=middle, delta=delta))
        epsilon, delta = odometer.spent
        low, high = (middle, high) if epsilon <= task["epsilon"] and delta <= task["delta"] else (low, middle)
    return low


def _counts(rows: list[list[object]], keys: object) -> list[float]:
    counts = {row[0]: row[1] for row in rows}
    return [max(0, counts.get(key, 0)) for key in keys]


def _quantiles(counts: list[float], bounds: list[float], levels: list[float]) -> list[float]:
    prefix = np.concatenate([[0.0], np.cumsum(counts)]) + np.arange(len(counts) + 1) * 1e-9
    edges = np.linspace(*bounds, len(counts) + 1)
    return [float(np.interp(level * prefix[-1], prefix, edges)) for level in levels]


def _number(value: float | None) -> float:
    return 0.0 if value is None or value != value else float(value)


def _span(bounds: list[float]) -> float:
    return bounds[1] - bounds[0]


def _scaled(value: float | None, bounds: list[float]) -> float:
    return bounds[0] + _span(bounds) * _number(value)


if __name__ == "__main__":
    run(answer, ("smartnoise-sql", "opendp", "pandas"))
