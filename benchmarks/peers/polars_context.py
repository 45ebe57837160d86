"""The same summary with OpenDP's Polars context, written as its documentation does.

One compositor of zero-concentrated privacy at the whole budget, divided evenly over the released statistics: a count;
for each column sum, sum of squares, five quantiles and a histogram; two value counts; counts and sums by group. Keys
are public on every side.
"""

import itertools
import math
import os
import warnings

os.environ.setdefault("RUST_BACKTRACE", "0")  # its default makes its search for scales several times slower

import opendp.prelude as dp
import polars as pl
from measured import Answer, Task, run

dp.enable_features("contrib")
warnings.simplefilter("ignore", FutureWarning)
CANDIDATES = 1280


def answer(task: Task, number: int) -> Answer:
    """Return one summary."""
    numbers, categories, levels, bins = task["numbers"], task["categories"], task["levels"], task["bins"]
    values = {name: _value(name, *bounds) for name, bounds in numbers.items()}
    each = 2 + len(levels)
    context = dp.Context.compositor(
        data=pl.scan_parquet(task["table"]),
        privacy_unit=dp.unit_of(contributions=1),
        privacy_loss=dp.loss_of(rho=_rho(task["epsilon"], task["delta"])),
        split_by_weights=[1, *[each] * len(numbers), *[1] * (len(numbers) + len(categories)), 2],
        margins=[dp.polars.Margin(max_length=task["rows"])],
    )
    n = max(1, context.query().select(dp.len()).release().collect().item())
    found = {name: _moments_and_quantiles(context, values[name], *bounds, levels) for name, bounds in numbers.items()}
    mean = {name: found[name][0] / n for name in numbers}
    return {
        "count": n,
        "mean": mean,
        "std": {name: math.sqrt(max(0.0, found[name][1] / n - mean[name] ** 2)) for name in numbers},
        "quantiles": {name: found[name][2:] for name in numbers},
        "histogram": {name: _histogram(context, name, bounds, bins) for name, bounds in numbers.items()},
        "value_counts": {name: _counts(context, name, keys) for name, keys in categories.items()},
        "group_mean": _group_means(context, task, values),
    }


def _rho(epsilon: float, delta: float) -> float:
    """Return the largest rho whose zCDP gives (epsilon, delta): Canonne, Kamath, Steinke 2020, Proposition 12."""
    orders = [1 + 10 ** (i / 100) for i in range(-100, 400)]
    return max((epsilon - math.log1p(-1 / a) + (math.log(delta) + math.log(a)) / (a - 1)) / a for a in orders)


def _value(name: str, lower: float, upper: float) -> pl.Expr:
    return pl.col(name).cast(pl.Float64).fill_nan(lower).fill_null(lower).clip(lower, upper)


def _moments_and_quantiles(
    context: dp.Context, value: pl.Expr, lower: float, upper: float, levels: list[float]
) -> list[float]:
    grid = [lower + (upper - lower) * i / CANDIDATES for i in range(CANDIDATES + 1)]
    asked = [
        value.dp.sum((lower, upper)).alias("sum"),
        (value * value).dp.sum((0.0, max(lower**2, upper**2))).alias("squares"),
        *(value.dp.quantile(level, grid).alias(f"{level}") for level in levels),
    ]
    return list(context.query().select(asked).release().collect().row(0))


def _histogram(context: dp.Context, name: str, bounds: list[float], bins: int) -> list[int]:
    lower, upper = bounds
    cuts = [lower + (upper - lower) * i / bins for i in range(1, bins)]
    number = pl.col(name).cast(pl.Float64).cut(cuts, left_closed=True).alias("bin")
    labels = pl.Series([lower + (upper - lower) * (i + 0.5) / bins for i in range(bins)]).cut(cuts, left_closed=True)
    keys = pl.LazyFrame({"bin": labels})
    query = context.query().with_columns(number).group_by("bin").agg(dp.len()).with_keys(keys)
    counts = dict(query.release().collect().rows())
    return [counts[label] for label in labels]


def _counts(context: dp.Context, name: str, keys: list[str]) -> list[int]:
    query = context.query().group_by(name).agg(dp.len()).with_keys(pl.LazyFrame({name: keys}))
    counts = dict(query.release().collect().rows())
    return [counts.get(key, 0) for key in keys]


def _group_means(context: dp.Context, task: Task, values: dict[str, pl.Expr]) -> dict[str, float]:
    names, of = task["group_by"]["keys"], task["group_by"]["of"]
    combined = list(itertools.product(*(task["categories"][name] for name in names)))
    keys = pl.LazyFrame(dict(zip(names, zip(*combined, strict=True), strict=True)))
    total = values[of].dp.sum(tuple(task["numbers"][of]))
    rows = context.query().group_by(*names).agg(dp.len(), total).with_keys(keys).release().collect().rows()
    return {"|".join(row[: len(names)]): row[-1] / max(1, row[-2]) for row in rows}


if __name__ == "__main__":
    run(answer, ("opendp", "polars"))
