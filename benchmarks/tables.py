"""The tables that are summarised, and what is public about them."""

import os
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

REAL_TABLES = "JALI_BENCH_DATA"
CACHE = "JALI_BENCH_CACHE"
EPSILON, DELTA = 1.0, 1e-6
SUMMARY = {"levels": [0.05, 0.25, 0.5, 0.75, 0.95], "bins": 20}
_REGIONS = tuple(f"r{i}" for i in range(8))
_PRODUCTS = tuple(f"p{i:02d}" for i in range(50))
_SKEWED = {
    "numbers": {"income": [0.0, 500_000.0], "age": [0.0, 110.0], "score": [0.0, 100.0], "amount": [0.0, 2000.0]},
    "categories": {"region": list(_REGIONS), "product": list(_PRODUCTS)},
    "group_by": {"of": "income", "keys": ["region", "product"]},
    "types": dict.fromkeys(("income", "age", "score", "amount"), "number"),
}
_ADULT = {
    "numbers": {
        "age": [17.0, 90.0],
        "fnlwgt": [0.0, 1_500_000.0],
        "education_num": [1.0, 16.0],
        "hours_per_week": [1.0, 99.0],
    },
    "categories": {
        "relationship": ["Wife", "Own-child", "Husband", "Not-in-family", "Other-relative", "Unmarried"],
        "sex": ["Female", "Male"],
    },
    "group_by": {"of": "hours_per_week", "keys": ["relationship", "sex"]},
    "types": dict.fromkeys(("age", "fnlwgt", "education_num", "hours_per_week"), "integer"),
}  # fmt: skip


def cache() -> Path:
    """Return the folder for what need not be made twice: generated tables and the peers' environments."""
    folder = Path(os.environ.get(CACHE) or Path(__file__).parent / ".cache").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def skewed(rows: int) -> dict[str, Any]:
    """Return the task about generated rows: four skewed columns, two categories."""
    path = cache() / f"skewed-{rows}.parquet"
    if not path.exists():
        _generate(rows, path)
    return _task(_SKEWED, path, rows)


def adult() -> dict[str, Any] | None:
    """Return the task about the census table, None where the folder of real tables lacks it."""
    folder = os.environ.get(REAL_TABLES)
    path = Path(folder) / "adult" / "adult.parquet" if folder else None
    if path is None or not path.exists():
        return None
    return _task(_ADULT, path, 49_000)


def _task(facts: dict[str, Any], path: Path, rows: int) -> dict[str, Any]:
    delta = min(DELTA, 1 / rows)  # a node refuses a larger one: it would allow to publish somebody's whole row
    return {**facts, **SUMMARY, "epsilon": EPSILON, "delta": delta, "table": str(path), "rows": rows}


def _generate(rows: int, path: Path) -> None:
    rng = np.random.default_rng(1)
    weights = 1 / np.arange(1, len(_PRODUCTS) + 1) ** 1.2
    # DuckDB finds the frame by its name.
    frame = pd.DataFrame(
        {
            "income": np.clip(rng.lognormal(10.4, 0.8, rows), 0, 500_000),
            "age": np.clip(rng.normal(43, 17, rows), 0, 110),
            "score": rng.beta(2, 5, rows) * 100,
            "amount": np.clip(rng.exponential(80, rows), 0, 2000),
            "region": np.array(_REGIONS)[rng.choice(8, rows, p=np.array([30, 22, 15, 12, 9, 6, 4, 2]) / 100)],
            "product": np.array(_PRODUCTS)[rng.choice(len(_PRODUCTS), rows, p=weights / weights.sum())],
        }
    )
    half_done = path.with_suffix(".part")
    with duckdb.connect() as connection:
        connection.from_df(frame).write_parquet(str(half_done))
    half_done.rename(path)
