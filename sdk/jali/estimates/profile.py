"""Figures of the whole first look."""

from collections.abc import Mapping

from jali.estimates import describe, moments, value_counts
from jali.estimates.row import Row
from jali.wire.dataset import Column, ColumnType
from jali.wire.release import Noised
from jali.wire.statistics import Describe, Profile, ValueCounts


def rows(ask: Profile, columns: Mapping[str, Column], measurements: Mapping[str, Noised]) -> list[Row]:
    """Return for each column how much of it is there, then its moments and quantiles, or its categories' counts."""
    return [row for name in ask.columns for row in _column(columns[name], measurements)]


def _column(column: Column, measurements: Mapping[str, Noised]) -> list[Row]:
    if column.bounds is not None:
        return describe.column_rows(column, measurements)
    counts = moments.count_rows((column.name,), measurements[f"count:{column.name}"])
    if column.type is not ColumnType.CATEGORY:
        return counts
    found = value_counts.rows(ValueCounts(column=column.name), {column.name: column}, measurements)
    each = [Row((column.name, *row.key), "count", row.value, row.low, row.high) for row in found[:-1]]
    return [*counts, *each]


def imagined(ask: Profile, columns: Mapping[str, Column], units: int) -> dict[str, list[int]]:
    """Return flat columns' moments, trees and categories, nothing missing."""
    parts: dict[str, list[int]] = {}
    for name in ask.columns:
        if columns[name].bounds is not None:
            parts |= describe.imagined(Describe(columns=(name,)), columns, units)
        elif columns[name].type is ColumnType.CATEGORY:
            parts |= value_counts.imagined(ValueCounts(column=name), columns, units)
        else:
            parts[f"count:{name}"] = [units, 0]
    return parts
