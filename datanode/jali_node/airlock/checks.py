"""An output held against the rows that it was made from. Checks inform; only a person decides.

They are made outside of the process that foreign code ran in, over values alone. Each is pass, warn or fail, with
words that hold counts and never a value. An output that hides what it carries (in digits, orders, sounds) passes all
of them: they find what is careless, not what is clever.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jali.wire.dataset import Column, ColumnType
from jali.wire.jobs.code import Level, OutputCheck
from jali.wire.output import Failure, Frame, Sealed, Value

SMALL = 10
"""Groups of fewer are small."""
DISTINCT_MIN = 20
"""So many different values a column must have before meeting them again says anything."""
DIGITS = 6
COUNTS = re.compile(r"(^|_)(n|count|counts|size|freq|frequency|number|num|nobs)(_|$)|^(n|num)_", re.IGNORECASE)
BYTES_WARN, BYTES_FAIL = 10_000, 100_000


@dataclass(frozen=True)
class Data:
    """What the function was given: the card's columns, their rows, and the public figure for how many there are."""

    columns: Sequence[Column]
    rows: Mapping[str, NDArray[Any]]
    public_rows: int


@dataclass(frozen=True)
class _Series:
    """Values of an output under one name."""

    name: str
    cells: tuple[Any, ...]


def checked(output: Frame | Value | Failure, data: Data) -> tuple[OutputCheck, ...]:
    """Return what was found, in a fixed order."""
    if isinstance(output, Failure):
        text = "It failed. The message may hold what a row does: read it, or destroy it and let the author ask again."
        return (OutputCheck(name="failure", level=Level.WARN if output.message else Level.PASS, text=text),)
    series = list(_series(output))
    return (
        _size(output),
        _row_count(output, data),
        _whole_rows(output, data),
        _verbatim(series, data),
        _small_groups(series),
        _texts(series, data),
        _precision(series),
    )


def _series(output: Frame | Value) -> Iterator[_Series]:
    if isinstance(output, Frame):
        for column in output.columns:
            yield _Series(column.name, column.cells)
        return
    found: dict[str, list[Any]] = {}
    keys: list[str] = []
    _walk("", output.value, found, keys)
    for name, cells in found.items():
        yield _Series(name, tuple(cells))
    if keys:
        yield _Series("its keys", tuple(keys))


def _walk(name: str, value: Any, found: dict[str, list[Any]], keys: list[str]) -> None:
    if isinstance(value, dict):
        keys.extend(value)
        for key, item in value.items():
            _walk(key if isinstance(item, dict | list) or len(value) <= DISTINCT_MIN else name, item, found, keys)
    elif isinstance(value, list):
        for item in value:
            _walk(name, item, found, keys)
    else:
        found.setdefault(name or "the value", []).append(value)


def _size(output: Frame | Value) -> OutputCheck:
    size = len(Sealed(output=output).content.encode())
    level = Level.FAIL if size > BYTES_FAIL else Level.WARN if size > BYTES_WARN else Level.PASS
    return OutputCheck(name="size", level=level, text=f"It takes {size:,} bytes; summaries rarely take {BYTES_WARN:,}.")


def _row_count(output: Frame | Value, data: Data) -> OutputCheck:
    if isinstance(output, Frame):
        rows = output.rows
    else:
        rows = len(output.value) if isinstance(output.value, list | dict) else 1
    share = rows / max(1, data.public_rows)
    many = rows > DISTINCT_MIN
    level = Level.FAIL if many and share >= 0.5 else Level.WARN if many and share > 0.05 else Level.PASS
    text = f"It has {rows:,} rows, the data about {data.public_rows:,} (public): {share:.1%}."
    return OutputCheck(name="rows", level=level, text=text)


def _whole_rows(output: Frame | Value, data: Data) -> OutputCheck:
    """Say how many rows of a table are, in the columns that both have, those of few rows of the data."""
    name = "whole_rows"
    given = {column.name: column for column in data.columns}
    shared = [column for column in output.columns if column.name in given] if isinstance(output, Frame) else []
    if len(shared) < 2:
        return OutputCheck(name=name, level=Level.PASS, text="It has no two columns in common with the data.")
    known = Counter(zip(*(_told(given[column.name], data.rows[column.name]) for column in shared), strict=True))
    rows = list(zip(*(tuple(_key(cell) for cell in column.cells) for column in shared), strict=True))
    rare = sum(1 for row in rows if 0 < known[row] < SMALL)
    share = rare / max(1, len(rows))
    level = Level.PASS if not rare else Level.FAIL if share > 0.1 or rare >= DISTINCT_MIN else Level.WARN
    text = (
        f"{rare:,} of its {len(rows):,} rows are, in {len(shared)} columns of the same names, those of at least one "
        f"and fewer than {SMALL} rows of the data."
    )
    return OutputCheck(name=name, level=level, text=text)


def _verbatim(series: Sequence[_Series], data: Data) -> OutputCheck:
    """Say which of the output's values are those of the data, where a column has so many that this is no accident."""
    found, level = [], Level.PASS
    inputs = {column.name: set(_told(column, data.rows[column.name])) - {None} for column in data.columns
              if column.type is not ColumnType.CATEGORY}  # fmt: skip
    for each in series:
        values = {_key(cell) for cell in each.cells if cell is not None and not isinstance(cell, bool)}
        for name, known in inputs.items():
            if len(known) < DISTINCT_MIN or len(values) < DISTINCT_MIN:
                continue
            share = len(values & known) / len(values)
            if share > 0.5:
                level = Level.FAIL
            elif share > 0.1:
                level = max(level, Level.WARN, key=list(Level).index)
            if share > 0.1:
                found.append(f"{share:.0%} of the values of {each.name[:60]} are values of {name}")
    text = "; ".join(found[:5]) + "." if found else "No column repeats the values of one of the data's."
    return OutputCheck(name="verbatim", level=level, text=text)


def _small_groups(series: Sequence[_Series]) -> OutputCheck:
    small = 0
    for each in series:
        if COUNTS.search(each.name):
            small += sum(1 for cell in each.cells if _is_number(cell) and 0 < cell < SMALL)
    found = f"{small:,} of its counts are between 1 and {SMALL - 1}"
    text = f"{found}: so few can be known by name." if small else f"No count that is named so lies below {SMALL}."
    return OutputCheck(name="small_groups", level=Level.FAIL if small else Level.PASS, text=text)


def _texts(series: Sequence[_Series], data: Data) -> OutputCheck:
    public = {name for column in data.columns for name in (column.name, *column.categories)}
    unknown: set[str] = set()
    for each in series:
        if each.name != "its keys" or len(set(each.cells)) > DISTINCT_MIN:
            unknown |= {cell for cell in each.cells if isinstance(cell, str) and cell not in public}
    level = Level.PASS if not unknown else Level.FAIL if len(unknown) > DISTINCT_MIN else Level.WARN
    text = f"{len(unknown):,} different texts are neither column names nor declared categories."
    return OutputCheck(name="texts", level=level, text=text if unknown else "It has no text that is not public.")


def _precision(series: Sequence[_Series]) -> OutputCheck:
    exact = sum(
        1 for each in series for cell in each.cells
        if isinstance(cell, float) and cell and float(f"{cell:.{DIGITS}g}") != cell
    )  # fmt: skip
    found = f"{exact:,} of its numbers have more than {DIGITS} digits, which may spell what rows hold; rounded, few do."
    text = found if exact else f"No number has more than {DIGITS} digits."
    return OutputCheck(name="precision", level=Level.WARN if exact else Level.PASS, text=text)


def _told(column: Column, values: NDArray[Any]) -> tuple[Any, ...]:
    """Return a column's values as an output would show them."""
    if column.type is ColumnType.CATEGORY:
        named = (*column.categories, None)
        return tuple(named[code] if 0 <= code < len(column.categories) else None for code in values.tolist())
    return tuple(_key(value) for value in values.tolist())


def _key(value: Any) -> Any:
    """Return a value so that 3 and 3.0 are the same, and what is missing is None."""
    if isinstance(value, float):
        return None if np.isnan(value) else int(value) if value.is_integer() else value
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
