"""Answers: figures that always carry their noise interval, their price, and what is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from jali import errors, estimates
from jali.eda import markup, rounding
from jali.eda.charts import draw, vega
from jali.eda.charts.picture import Picture, pictured
from jali.eda.joint import widened
from jali.eda.receipt import Receipt
from jali.estimates import Row
from jali.wire.dataset import Column
from jali.wire.release import Noised, Release
from jali.wire.selection import Selection
from jali.wire.statistics import (
    Count,
    Covariance,
    Crosstab,
    Describe,
    Distinct,
    GroupBy,
    Histogram,
    Mean,
    Missing,
    Profile,
    Quantiles,
    Spread,
    Statistic,
    Sum,
)  # fmt: skip

if TYPE_CHECKING:
    from altair import TopLevelMixin
    from matplotlib.axes import Axes

SINGLE = Count | Distinct | Mean | Missing | Spread | Sum
"""What has one figure as its answer, and others beside it."""
_TEXT_ROWS = 60


@dataclass(frozen=True, repr=False)
class _Noisy:
    """Figures drawn from one or several releases.

    Attributes:
        statistic: what was asked.
        dataset: the dataset's name.
        rows: the figures, each with its 95 % noise interval.
        receipt: the releases behind it, and what they cost.
    """

    statistic: Statistic
    dataset: str
    rows: tuple[Row, ...]
    receipt: Receipt

    @property
    def selection(self) -> Selection:
        """Of which rows."""
        return self.receipt.releases[0].selection

    @property
    def title(self) -> str:
        """What was asked, in words."""
        return f"{self.statistic.describe()}{self.selection.describe()} · {self.dataset}"

    @property
    def release(self) -> Release:
        """The release behind the answer; a federated answer has several, see `releases`."""
        if len(self.receipt.releases) != 1:
            raise AttributeError("a federated answer has one release a node: use .releases")
        return self.receipt.releases[0]

    @property
    def releases(self) -> tuple[Release, ...]:
        """The releases behind the answer, one a node."""
        return self.receipt.releases

    @property
    def id(self) -> str:
        """The release's id; those of a federated answer joined by `+`."""
        return "+".join(release.id for release in self.releases)

    @property
    def price(self) -> float:
        """What the answer cost, stand-alone (epsilon); for several nodes the composed price."""
        return self.receipt.price

    def to_pandas(self, *, joint: bool = False) -> pd.DataFrame:
        """Return one line a key, and for each figure columns `<figure>`, `<figure>_low`, `<figure>_high`.

        Args:
            joint: for a table of counts, intervals that hold all at once with 95 % confidence, rather than one by one.
        """
        lines = _lines(self._rows(joint))
        return pd.DataFrame([_cells(line) for _, line in lines], index=_index(self.statistic, [k for k, _ in lines]))

    def plot(self, *, figure: str | None = None, ax: "Axes | None" = None) -> "Axes":
        """Draw the answer with matplotlib, each figure with its noise interval; free. Needs `jali[plot]`.

        Args:
            figure: which figure where the answer has several, such as "count" of a group-by mean.
            ax: where to draw; a figure of its own if not given.

        Example::

            visits["age"].hist(bins=20, epsilon=0.1).plot()
        """
        return draw.drawn(self._picture(figure), ax)

    def altair(self, *, figure: str | None = None) -> "TopLevelMixin":
        """Return the same chart for Altair; free. Needs `jali[altair]`."""
        return vega.drawn(self._picture(figure))

    def _rows(self, joint: bool) -> Sequence[Row]:
        return widened(self.statistic, self.rows, self.releases) if joint else self.rows

    def _picture(self, figure: str | None) -> Picture:
        price = f"ε {self.price:.4g}"
        return pictured(self.title, self.statistic, self.releases[0].columns, self.rows, price, figure)


class NoisyFigure(_Noisy):
    """One released number.

    `float(figure)` is the value; `low` and `high` hold the value without noise with 95 % confidence (the
    noise alone: not sampling error, not what clamping to the bounds moved). Looking at it is free.
    """

    @property
    def value(self) -> float:
        """The number."""
        return float(self.rows[0].value)

    @property
    def low(self) -> float:
        """The lower end of the 95 % noise interval."""
        return float(self.rows[0].low)

    @property
    def high(self) -> float:
        """The upper end of the 95 % noise interval."""
        return float(self.rows[0].high)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % noise interval."""
        return self.low, self.high

    def __float__(self) -> float:
        return self.value

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __repr__(self) -> str:
        return "\n".join([f"{self.title} = {rounding.text(self.rows[0])}, 95 % noise interval", *self._notes()])

    def _repr_html_(self) -> str:
        value = f"<p>{markup.escaped(rounding.text(self.rows[0]))} <small>95 % noise interval</small></p>"
        return markup.card(self.title, value, notes=self._notes())

    def _notes(self) -> list[str]:
        beside = " · ".join(f"{row.figure} {rounding.text(row)}" for row in self.rows[1:])
        return [*([beside] if beside else []), *self.receipt.lines]


class NoisyTable(_Noisy):
    """Several released numbers, each with its own 95 % noise interval. Looking at it is free."""

    def __len__(self) -> int:
        return len(_lines(self.rows))

    def __repr__(self) -> str:
        head, lines = self._drawn()
        shown = pd.DataFrame(lines[:_TEXT_ROWS], columns=pd.Index(head)).to_string(index=False)
        rest = len(lines) - _TEXT_ROWS
        more = [f"and {rest} more: .to_pandas()"] if rest > 0 else []
        return "\n".join([f"{self.title}, with 95 % noise intervals", shown, *more, *self.receipt.lines])

    def _repr_html_(self) -> str:
        return markup.card(
            self.title, markup.table(*self._drawn()), notes=["95 % noise intervals", *self.receipt.lines]
        )

    def _drawn(self) -> tuple[list[str], list[list[str]]]:
        """Return head and lines as text; a description is turned so that its many figures run downwards."""
        lines = _lines(self.rows)
        if not lines:
            return ["", ""], [["nothing shows", ""]]
        keys = [" · ".join(key) for key, _ in lines]
        figures = [row.figure for row in lines[0][1]]
        cells = [[rounding.text(row) for row in line] for _, line in lines]
        if isinstance(self.statistic, Describe):
            return ["", *keys], [[figure, *turned] for figure, *turned in zip(figures, *cells, strict=True)]
        head = " · ".join(map(str, _index(self.statistic, [lines[0][0]]).names))
        return [head, *figures], [[key, *line] for key, line in zip(keys, cells, strict=True)]


def drawn(statistic: Statistic, columns: Sequence[Column], measurements: Mapping[str, Noised]) -> tuple[Row, ...]:
    """Return the figures of a release.

    Raises:
        UnexpectedReply: the measurements are not those of the statistic.
    """
    try:
        return tuple(estimates.rows(statistic, columns, measurements))
    except (KeyError, ValueError, IndexError) as failure:
        raise errors.UnexpectedReply(
            f"the release does not hold the measurements of the {statistic.describe()}"
        ) from failure


def _lines(rows: Sequence[Row]) -> list[tuple[tuple[str, ...], list[Row]]]:
    """Return the figures in lines; a new one begins where the key changes or a figure comes again."""
    lines: list[tuple[tuple[str, ...], list[Row]]] = []
    for row in rows:
        last = lines[-1] if lines else None
        # a mean's own counts come without a key of their own
        if last is None or last[0] != row.key or any(row.figure == other.figure for other in last[1]):
            lines.append((row.key, [row]))
        else:
            last[1].append(row)
    return lines


def _cells(line: Sequence[Row]) -> dict[str, float]:
    return {
        name: float(number)
        for row in line
        for name, number in (
            (row.figure, row.value), (f"{row.figure}_low", row.low), (f"{row.figure}_high", row.high)
        )
    }  # fmt: skip


def _index(statistic: Statistic, keys: list[tuple[str, ...]]) -> pd.Index:
    match statistic:
        case GroupBy() if len(statistic.keys) > 1:
            return pd.MultiIndex.from_tuples(keys, names=list(statistic.keys))
        case GroupBy():
            return pd.Index([key[0] for key in keys], name=statistic.keys[0])
        case Quantiles():
            return pd.Index([float(key[0]) for key in keys], name="quantile")
        case Count():
            return pd.Index(["all rows"], name="rows")
        case Distinct() | Mean() | Missing() | Spread() | Sum():
            return pd.Index([statistic.column], name="column")
        case Histogram():
            return pd.Index([key[0] for key in keys], name="bin")
        case Describe():
            return pd.Index([key[0] for key in keys], name="column")
        case Covariance() | Crosstab() | Profile():  # they have forms of their own: jali.eda.answer
            return pd.Index([" · ".join(key) for key in keys])
        case _:
            return pd.Index([key[0] for key in keys], name=statistic.column)
