"""An answer about pairs: a table of two columns' categories, covariances, correlations."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from jali.eda import rounding
from jali.eda.noisy import NoisyTable
from jali.estimates import Row
from jali.wire.statistics import Crosstab

SIDES = 2


class NoisyMatrix(NoisyTable):
    """Released numbers by two keys, each with its own 95 % noise interval. Looking at it is free.

    `to_pandas()` is wide: `frame["count"]` is the table itself, `frame["count_low"]`, `frame["count_high"]` its ends.
    """

    @property
    def names(self) -> tuple[str, str]:
        """What runs downwards, and what runs across; nothing where both are columns."""
        return (self.statistic.keys[0], self.statistic.keys[1]) if isinstance(self.statistic, Crosstab) else ("", "")

    def to_pandas(self, *, joint: bool = False) -> pd.DataFrame:
        """Return the table, its lower ends and its upper ends side by side; see `NoisyTable.to_pandas` for `joint`."""
        if joint:
            return replace(self, rows=tuple(self._rows(joint))).to_pandas()
        figure = self._cells()[0].figure
        sides: dict[str, Callable[[Row], float]] = {
            figure: lambda row: row.value,
            f"{figure}_low": lambda row: row.low,
            f"{figure}_high": lambda row: row.high,
        }
        return pd.concat({name: self._frame(side) for name, side in sides.items()}, axis=1)

    def __len__(self) -> int:
        return len(self._sides()[0])

    def _frame(self, side: Callable[[Row], float]) -> pd.DataFrame:
        down, across = self._sides()
        found = {row.key: float(side(row)) for row in self._cells()}
        index, columns = (pd.Index(s, name=n or None) for s, n in zip((down, across), self.names, strict=True))
        return pd.DataFrame([[found[one, other] for other in across] for one in down], index=index, columns=columns)

    def _drawn(self) -> tuple[list[str], list[list[str]]]:
        down, across = self._sides()
        found = {row.key: rounding.text(row) for row in self._cells()}
        head = " \\ ".join(name for name in self.names if name)
        return [head, *across], [[one, *(found[one, other] for other in across)] for one in down]

    def _cells(self) -> list[Row]:
        return [row for row in self.rows if len(row.key) == SIDES]

    def _sides(self) -> tuple[list[str], list[str]]:
        down, across = (list(dict.fromkeys(row.key[side] for row in self._cells())) for side in range(SIDES))
        return down, across
