"""What only the demo knows: the true figures, to hold answers against."""

import pandas as pd

from jali.eda.noisy import NoisyFigure, NoisyTable
from jali.estimates import Row
from jali.wire.statistics import Describe, GroupBy, Histogram, Mean, Statistic

Figures = dict[tuple[tuple[str, ...], str], float]


def truths(statistic: Statistic, rows: pd.DataFrame, answer: NoisyFigure | NoisyTable) -> Figures:
    """Return the true value of every figure of an answer."""
    match statistic:
        case Describe():
            return {((name,), figure): value for name in statistic.columns for figure, value in _of(rows[name]).items()}
        case Histogram():
            column = answer.releases[0].columns[0]
            counts = pd.cut(rows[statistic.column], _edges(column.bounds, statistic.bins), right=False).value_counts(
                sort=False
            )
            values = [*map(float, counts), float(rows[statistic.column].isna().sum())]
            return {(row.key, row.figure): value for row, value in zip(answer.rows, values, strict=True)}
        case GroupBy(keys=(_,), of=Mean(column=name)):
            groups = rows.groupby(statistic.keys[0])[name]
            figures = {"mean": groups.mean().to_dict(), "count": groups.count().to_dict()}
            return {((str(key),), figure): float(value) for figure, of in figures.items() for key, value in of.items()}
        case _:
            raise ValueError(f"the demo has no truth for {statistic.kind}")


def beside(answer: NoisyTable, rows: pd.DataFrame) -> pd.DataFrame:
    """Return an answer's figures beside the truth, and whether the truth lies within the noise interval."""
    known = truths(answer.statistic, rows, answer)
    return pd.DataFrame([_line(row, known[row.key, row.figure]) for row in answer.rows])


def _line(row: Row, truth: float) -> dict[str, object]:
    inside = row.low - 1e-9 <= truth <= row.high + 1e-9
    return {
        "": " ".join((*row.key, row.figure)),
        "answer": f"{row.value:,.2f}",
        "95 % noise interval": f"{row.low:,.2f} to {row.high:,.2f}",
        "truth": f"{truth:,.2f}",
        "inside": "yes" if inside else "no",
    }


def _of(values: "pd.Series[float]") -> dict[str, float]:
    quantiles = {f"{q:.0%}": float(values.quantile(q, interpolation="lower")) for q in (0.05, 0.25, 0.5, 0.75, 0.95)}
    counted = {"count": float(values.count()), "missing": float(values.isna().sum())}
    return counted | {"mean": float(values.mean()), "std": float(values.std(ddof=0))} | quantiles


def _edges(bounds: tuple[float, float] | None, bins: int) -> list[float]:
    lower, upper = bounds or (0.0, 1.0)
    edges = [lower + (upper - lower) * i / bins for i in range(bins + 1)]
    return [*edges[:-1], edges[-1] + 1.0]  # the last bin is closed on both sides
