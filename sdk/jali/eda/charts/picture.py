"""What a chart of an answer shows: marks in plain numbers, each with its noise interval, and what they mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jali.eda import rounding
from jali.estimates import Row, histogram
from jali.wire.dataset import Column
from jali.wire.statistics import Describe, GroupBy, Histogram, Quantiles, Statistic

INTERVAL = "95 % noise interval"
MISSING = "missing"
MARKS_MAX = 60
"""More categories than this are a table rather than a chart."""
SIDES = 2
"""Keys of a grid's cell: its row and its column."""
SQUARE = frozenset({"covariance", "crosstab"})
"""Kinds whose figures form a grid."""


@dataclass(frozen=True)
class Mark:
    """One figure, where it stands, and its noise interval. `series` tells the marks of one label apart."""

    label: str
    value: float
    low: float
    high: float
    text: str
    reach: str = ""
    series: str = ""


@dataclass(frozen=True)
class Bins:
    """Counts between edges."""

    title: str
    note: str
    x: str
    y: str
    edges: tuple[float, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Ranks:
    """Figures by name: bars where they are counts and start at 0, dots otherwise."""

    title: str
    note: str
    x: str
    y: str
    marks: tuple[Mark, ...]
    bars: bool

    @property
    def labels(self) -> list[str]:
        """The names, each once."""
        return list(dict.fromkeys(mark.label for mark in self.marks))

    @property
    def series(self) -> list[str]:
        """What tells the marks of one name apart; one empty word where nothing does."""
        return list(dict.fromkeys(mark.series for mark in self.marks))


@dataclass(frozen=True)
class Curve:
    """Values by the share of rows below them."""

    title: str
    note: str
    x: str
    y: str
    shares: tuple[float, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Grid:
    """Figures by two names. `signed` ones are coloured away from 0 in both directions."""

    title: str
    note: str
    x: str
    y: str
    marks: tuple[tuple[str, str, Mark], ...]
    signed: bool

    @property
    def rows(self) -> list[str]:
        """The names of the rows."""
        return list(dict.fromkeys(row for row, _, _ in self.marks))

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(dict.fromkeys(column for _, column, _ in self.marks))


@dataclass(frozen=True)
class Box:
    """One column's quantiles and mean, on its own axis between its public bounds."""

    name: str
    axis: str
    bounds: tuple[float, float]
    marks: Mapping[str, Mark]


@dataclass(frozen=True)
class Boxes:
    """Several columns, one beneath another."""

    title: str
    note: str
    boxes: tuple[Box, ...]


Picture = Bins | Ranks | Curve | Grid | Boxes


def pictured(
    title: str,
    statistic: Statistic,
    columns: Sequence[Column],
    rows: Sequence[Row],
    price: str,
    figure: str | None = None,
) -> Picture:
    """Return what a chart of an answer shows.

    Args:
        title: what was asked, in words.
        statistic: what was asked.
        columns: the public facts of the columns that it reads.
        rows: the figures.
        price: what the answer cost, in words.
        figure: which figure where an answer has several, such as "count"; the first if not given.

    Raises:
        ValueError: the answer has no such figure.
    """
    title, note = title[:1].upper() + title[1:], f"{INTERVAL} · {price}"
    known = {column.name: column for column in columns}
    if isinstance(statistic, Describe):
        return Boxes(title, f"shaded: {note}", tuple(_box(known[name], rows) for name in statistic.columns))
    if isinstance(statistic, Histogram):
        return _bins(title, note, statistic, known[statistic.column], rows)
    if isinstance(statistic, Quantiles):
        chosen = _chosen(rows, "quantile")
        shares = tuple(float(row.key[0]) for row in chosen)
        return Curve(title, note, labelled(known[statistic.column]), "share of rows below", shares, _marks(chosen))
    if not rows:
        return Ranks(title, f"{note} · nothing shows", "rows", "", (), bars=True)
    chosen = _chosen(rows, figure or rows[0].figure)
    if statistic.kind in SQUARE and all(len(row.key) == SIDES for row in chosen):
        return _grid(title, note, statistic, chosen)
    return _ranks(title, note, statistic, known, chosen)


def labelled(column: Column) -> str:
    """Return a column's name with its unit.

    >>> from jali.wire.dataset import ColumnType
    >>> labelled(Column(name="age", type=ColumnType.INTEGER, unit="years"))
    'age (years)'
    """
    name = column.name[1:-1] if column.name.startswith("(") and column.name.endswith(")") else column.name
    return f"{name} ({column.unit})" if column.unit else name


def _chosen(rows: Sequence[Row], figure: str) -> list[Row]:
    chosen = [row for row in rows if row.figure == figure]
    if not chosen:
        known = ", ".join(dict.fromkeys(row.figure for row in rows))
        raise ValueError(f"figure: expected one of {known}; got {figure}")
    return chosen


def _mark(row: Row, label: str, series: str = "") -> Mark:
    return Mark(label, row.value, row.low, row.high, rounding.value(row), rounding.reach(row), series)


def _marks(rows: Sequence[Row]) -> tuple[Mark, ...]:
    return tuple(_mark(row, " · ".join(row.key)) for row in rows)


def _bins(title: str, note: str, ask: Histogram, column: Column, rows: Sequence[Row]) -> Bins:
    missing = [row for row in rows if row.key == (MISSING,)]
    beside = "".join(f" · missing {rounding.text(row)}" for row in missing)
    marks = _marks([row for row in rows if row.key != (MISSING,)])
    return Bins(title, note + beside, labelled(column), "rows", tuple(histogram.edges(ask, column)), marks)


def _ranks(title: str, note: str, statistic: Statistic, known: Mapping[str, Column], rows: Sequence[Row]) -> Ranks:
    keys = list(statistic.keys) if isinstance(statistic, GroupBy) else [getattr(statistic, "column", "")]
    if len(rows) > MARKS_MAX:
        note, rows = f"{note} · the first {MARKS_MAX} of {len(rows)}: .to_pandas()", rows[:MARKS_MAX]
    figure = rows[0].figure
    if all(len(row.key) == SIDES for row in rows) and len({row.key[1] for row in rows}) <= len(_COLOURS):
        marks = tuple(_mark(row, row.key[0], f"{keys[-1]} {row.key[1]}".strip()) for row in rows)
        y = keys[0]
    else:
        marks, y = _marks(rows), " · ".join(keys)
    of = getattr(getattr(statistic, "of", statistic), "column", "")
    counts = figure == "count"
    x = "rows" if counts else f"{figure} of {labelled(known[of])}" if of in known else figure
    return Ranks(title, note, x, y if rows[0].key else "", marks, counts)


_COLOURS = range(6)
"""How many series a reader tells apart."""


def _grid(title: str, note: str, statistic: Statistic, rows: Sequence[Row]) -> Grid:
    signed = str(statistic.kind) == "covariance"
    down, across = ("", "") if signed else getattr(statistic, "keys", ("", ""))
    cells = tuple((row.key[0], row.key[1], _mark(row, row.key[0])) for row in rows)
    return Grid(title, note, across, down, cells, signed)


def _box(column: Column, rows: Sequence[Row]) -> Box:
    mine = {row.figure: _mark(row, row.figure) for row in rows if row.key == (column.name,)}
    return Box(column.name, labelled(column), column.bounds or (0.0, 1.0), mine)
