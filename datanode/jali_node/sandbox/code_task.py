"""A code job as a message: function, parameters and rows in; an output out. Imported in the cell alone."""

import json
from typing import Any

import numpy as np
import pandas as pd

from jali.running.call import called, failure
from jali.wire.output import Sealed
from jali_node.sandbox import message

_TRIED = """
def tried(df, by):
    import datetime, random
    one = df.groupby(by, observed=True).agg({"x": ["mean", "std", "count"]})
    two = df.merge(df[[by]].drop_duplicates(), on=by).sort_values("x").pivot_table(index=by, values="x", observed=True)
    df.describe(), df.corr(numeric_only=True), pd_cut(df), df.x.quantile([0.1, 0.5]), df.x.rolling(2).mean()
    df["text"].str.upper().value_counts(), df.query("x > 1"), df.to_json(), random.random()
    str(datetime.date(2026, 1, 1))
    two.to_string(), one.reset_index().to_csv()
    return one
def pd_cut(df):
    import pandas as pd
    pd.get_dummies(df.k), pd.to_datetime(pd.Series(["2026-01-01"])), pd.Series(["a"]).astype("category")
    return pd.cut(df.x, 3)
"""


def warm_up() -> None:
    """Run what functions usually call, so that whatever loads at first use is loaded before the walls close."""
    frame = pd.DataFrame({"k": pd.Categorical(["a", "b", "a"]), "x": [1.0, 2.0, 3.0], "text": ["u", "v", "u"]})
    called(_TRIED, "tried", frame, {"by": "k"})
    np.random.default_rng(0).normal(size=3) @ np.ones((3, 3))


def done(task: bytes) -> bytes:
    """Run a task and return its output as text."""
    try:
        header, data = message.unpacked(task)
        facts: dict[str, Any] = json.loads(header)
        frame = _frame(facts["columns"], data)
        output = called(facts["source"], facts["name"], frame, facts["params"])
        return Sealed(output=output).content.encode()
    except Exception as error:  # such as a cell that is too long
        return Sealed(output=failure(error)).content.encode()


def _frame(columns: list[dict[str, Any]], data: bytes) -> pd.DataFrame:
    """Return the rows with the types that mock rows have."""
    made, at = {}, 0
    for column in columns:
        part = data[at : at + column["bytes"]]
        at += column["bytes"]
        made[column["name"]] = _series(column, part)
    return pd.DataFrame(made)


def _series(column: dict[str, Any], part: bytes) -> "pd.Series[Any]":
    if column["type"] == "text":
        return pd.Series(json.loads(part), dtype=str)
    if column["type"] == "category":
        codes = np.frombuffer(part, dtype=np.int64)
        known = len(column["categories"])
        codes = np.where((codes >= 0) & (codes < known), codes, -1)
        return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(column["categories"])))
    values = np.frombuffer(part, dtype=np.float64).copy()
    if column["type"] == "integer" and np.isfinite(values).all():
        return pd.Series(values.astype(np.int64))
    return pd.Series(values)
