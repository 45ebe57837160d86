"""The whole first look: every column at one price."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from jali.eda import page, rounding
from jali.eda.noisy import NoisyTable
from jali.estimates import Row

_SHOWN = 3
"""So many of a column's categories are named where the profile is printed."""


class Profile(NoisyTable):
    """What a first look found, each figure with its 95 % noise interval. Looking at it is free.

    Every column's counts have the same noise. What it holds answers later questions about single columns for free, as
    long as they ask for no more than it has: `mean`, `std`, `quantile`, `hist`, `value_counts`, `missing`.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that were looked at."""
        return self.statistic.reads

    def of(self, column: str) -> dict[str, Row]:
        """Return one column's figures by name: count and missing, and for numbers mean, std and quantiles."""
        return {row.figure: row for row in self.rows if row.key == (column,)}

    def categories(self, column: str) -> dict[str, Row]:
        """Return the counts of one column's public categories; nothing for a column of another type."""
        return {row.key[1]: row for row in self.rows if row.key[0] == column and len(row.key) > 1}

    def to_pandas(self, *, joint: bool = False) -> pd.DataFrame:
        """Return one line a column, and for each figure columns `<figure>`, `<figure>_low`, `<figure>_high`.

        Figures that a column does not have are missing; the categories' counts are in `categories(column)`. There are
        no joint intervals over figures of such different kinds.
        """
        self._rows(joint)  # refuses
        return pd.DataFrame(
            [_cells(self.of(name)) for name in self.columns], index=pd.Index(self.columns, name="column")
        )

    def save(self, path: str | Path) -> Path:
        """Write the profile as one page of HTML that needs no network and no script, and return where it is; free.

        Example::

            visits.profile(epsilon=1.0).save("profile.html")
        """
        target = Path(path)
        target.write_text(page.page(self), encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        return page.inline(self)

    def __len__(self) -> int:
        return len(self.columns)

    def _drawn(self) -> tuple[list[str], list[list[str]]]:
        figures = list(dict.fromkeys(row.figure for row in self.rows if len(row.key) == 1))
        lines = [
            [name, *(_text(self.of(name), figure) for figure in figures), self._common(name)] for name in self.columns
        ]
        return ["column", *figures, "most frequent"], lines

    def _common(self, column: str) -> str:
        found = sorted(self.categories(column).items(), key=lambda item: -item[1].value)
        return ", ".join(f"{name} {rounding.value(row)}" for name, row in found[:_SHOWN])


def _cells(figures: Mapping[str, Row]) -> dict[str, float]:
    cells: dict[str, float] = {}
    for name, row in figures.items():
        cells |= {name: float(row.value), f"{name}_low": float(row.low), f"{name}_high": float(row.high)}
    return cells


def _text(figures: Mapping[str, Row], figure: str) -> str:
    return rounding.text(figures[figure]) if figure in figures else ""
