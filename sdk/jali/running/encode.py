"""What a function returns becomes an output, and an output becomes pandas again. Nothing is pickled."""

import datetime as dt
import math
from typing import Any

import numpy as np
import pandas as pd

from jali.wire.output import Failure, Frame, OutputColumn, Value

TEXT_MAX = 10_000


class NotAnOutput(TypeError):
    """A function returned what has no form of its own in an output."""


def encoded(found: Any) -> Frame | Value:
    """Return an output for a DataFrame, a Series, or whatever JSON can say; arrays count as lists.

    Raises:
        NotAnOutput: it is of another type.

    >>> encoded({"mean": np.float64(1.5), "n": np.int64(3)})
    Value(kind='value', value={'mean': 1.5, 'n': 3})
    """
    if isinstance(found, pd.DataFrame):
        return _frame(found, series=False)
    if isinstance(found, pd.Series):
        return _frame(found.to_frame(name=found.name if found.name is not None else "value"), series=True)
    return Value(value=_plain(found))


def decoded(output: Frame | Value | Failure) -> Any:
    """Return an output as pandas or plain Python has it."""
    if isinstance(output, Failure):
        raise TypeError("a failure is no output")
    if isinstance(output, Value):
        return output.value
    names = [column.name for column in output.columns]
    frame = pd.DataFrame({i: _series(column) for i, column in enumerate(output.columns)})
    if output.index:
        index = list(range(output.index))
        frame = frame.set_index(index)
        frame.index.names = [_unnamed(name) for name in names[: output.index]]
    frame.columns = pd.Index(names[output.index :], dtype=object)
    return frame.iloc[:, 0].rename(names[-1]) if output.series else frame


def _unnamed(name: str) -> str | None:
    return None if name.startswith("level_") or name == "index" else name


def _frame(frame: pd.DataFrame, *, series: bool) -> Frame:
    columns = []
    plain = isinstance(frame.index, pd.RangeIndex) and frame.index.start == 0 and frame.index.step == 1
    levels = 0 if plain and frame.index.name is None else frame.index.nlevels
    for level in range(levels):
        unnamed = "index" if levels == 1 else f"level_{level}"
        name = frame.index.names[level]
        columns.append(_column(unnamed if name is None else name, frame.index.get_level_values(level)))
    for place, name in enumerate(frame.columns):
        columns.append(_column(name, frame.iloc[:, place]))
    return Frame(columns=tuple(columns), index=levels, series=series)


def _column(name: Any, values: Any) -> OutputColumn:
    cells = [_cell(value) for value in values]
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {bool}:
        kind = "boolean"
    elif kinds <= {int}:
        kind = "integer"
    elif kinds <= {int, float}:
        kind = "number"
    else:
        kind, cells = "text", [None if cell is None else str(cell) for cell in cells]
    said = " / ".join(map(str, name)) if isinstance(name, tuple) else str(name)
    return OutputColumn(name=said, type=kind if kinds else "number", cells=tuple(cells))


def _cell(value: Any) -> Any:
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float | np.floating):
        return None if math.isnan(value) else float(value)
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, str):
        if len(value) > TEXT_MAX:
            raise NotAnOutput(f"a text has {len(value):,} characters; expected at most {TEXT_MAX:,}")
        return str(value)
    if isinstance(value, dt.datetime | dt.date | dt.time | pd.Timestamp):
        return value.isoformat()
    if isinstance(value, dt.timedelta | pd.Interval | pd.Period):
        return str(value)
    raise NotAnOutput(f"a cell holds a {type(value).__name__}; expected numbers, texts, dates, booleans or nothing")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(_cell(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray) and value.ndim:
        return [_plain(item) for item in value.tolist()]
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _cell(value.item())
    try:
        return _cell(value)
    except NotAnOutput:
        raise NotAnOutput(
            f"it returned a {type(value).__name__}; expected a DataFrame, a Series, or numbers, texts, lists and dicts "
            "of them"
        ) from None


def _series(column: OutputColumn) -> "pd.Series[Any]":
    whole = None not in column.cells
    kinds: dict[str, Any] = {
        "integer": np.int64 if whole else np.float64,
        "number": np.float64,
        "boolean": np.bool_ if whole else object,
        "text": str,
    }
    return pd.Series(column.cells, dtype=kinds[column.type])
