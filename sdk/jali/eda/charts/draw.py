"""Pictures drawn with matplotlib, which the extra `plot` brings."""

import textwrap
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from jali.eda.charts.picture import Bins, Boxes, Curve, Grid, Mark, Picture, Ranks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, FAINT, ACCENT = "#17242b", "#5d6b70", "#0f6b7d"
SERIES = (ACCENT, "#c2703d", "#5b7f3a", "#7a5ea8", "#b0496b", "#8a7a2f")
STYLE: Mapping[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#b9c3c2",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "font.size": 9.5,
    "grid.color": "#e6ebea",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "xtick.color": FAINT,
    "xtick.major.size": 0,
    "ytick.color": FAINT,
    "ytick.major.size": 0,
}
WIDTH, HEIGHT, PER_LABEL = 6.6, 3.6, 0.3
THOUSANDS = 10_000


def drawn(picture: Picture, ax: "Axes | None" = None) -> "Axes":
    """Draw a picture and return its axes.

    Args:
        picture: what to draw.
        ax: where; a figure of its own if not given.

    Raises:
        ImportError: matplotlib is not there.
    """
    matplotlib, pyplot = _matplotlib()
    if ax is None:
        # Not within the context: the first figure sets a notebook's backend up, and the context would undo that.
        figure = pyplot.figure(figsize=(WIDTH, _height(picture)), layout="constrained", dpi=110)
        with matplotlib.rc_context(dict(STYLE)):
            return drawn(picture, figure.add_subplot())
    with matplotlib.rc_context(dict(STYLE)):
        _KINDS[type(picture)](ax, picture)
        _headed(ax, picture.title, picture.note)
    return ax


def _matplotlib() -> tuple[ModuleType, ModuleType]:
    try:
        import matplotlib
        from matplotlib import pyplot
    except ImportError as failure:
        raise ImportError("plots need matplotlib: pip install 'jali[plot]'") from failure
    return matplotlib, pyplot


def _height(picture: Picture) -> float:
    match picture:
        case Ranks():
            return max(1.9, 1.3 + PER_LABEL * len(picture.labels) * max(1, len(picture.series) * 0.6))
        case Grid():
            return max(2.4, 1.4 + 0.42 * len(picture.rows))
        case Boxes():
            return 0.9 + 0.85 * len(picture.boxes)
        case _:
            return HEIGHT


def _headed(ax: "Axes", title: str, note: str) -> None:
    """Write the title, and beneath it in small letters what the intervals are and what the answer cost."""
    lines = textwrap.wrap(note, 100)
    ax.set_title("\n".join(textwrap.wrap(title, 64)), pad=10 + 11 * len(lines))
    ax.annotate(
        "\n".join(lines), (0, 1), (0, 6), "axes fraction", "offset points",
        fontsize=8.5, color=FAINT, va="bottom", annotation_clip=False,
    )  # fmt: skip


def _bins(ax: "Axes", picture: Bins) -> None:
    widths = [right - left for left, right in zip(picture.edges, picture.edges[1:], strict=False)]
    middles = [left + width / 2 for left, width in zip(picture.edges, widths, strict=False)]
    values = [mark.value for mark in picture.marks]
    ax.bar(picture.edges[:-1], values, widths, align="edge", color=ACCENT, alpha=0.75, edgecolor="white", linewidth=0.8)
    ax.errorbar(
        middles, values, _reaches(picture.marks), fmt="none", ecolor=INK, elinewidth=1.1, capsize=_cap(len(values))
    )
    ax.set(xlabel=picture.x, ylabel=picture.y, xlim=(picture.edges[0], picture.edges[-1]))
    ax.set_ylim(bottom=0)
    ax.grid(visible=False, axis="x")
    _grouped(ax, values)


def _cap(marks: int) -> float:
    return 3.0 if marks <= 30 else 0.0


def _ranks(ax: "Axes", picture: Ranks) -> None:
    series, labels = picture.series or [""], picture.labels
    share = 0.8 / len(series)
    for number, name in enumerate(series):
        marks = [mark for mark in picture.marks if mark.series == name]
        shift = (number - (len(series) - 1) / 2) * share
        places = [labels.index(mark.label) + shift for mark in marks]
        values, colour = [mark.value for mark in marks], SERIES[number % len(SERIES)]
        if picture.bars:
            ax.barh(places, values, share * 0.86, color=colour, alpha=0.75, label=name)
            ax.errorbar(values, places, xerr=_reaches(marks), fmt="none", ecolor=INK, elinewidth=1.1, capsize=2.5)
        else:
            ax.errorbar(
                values, places, xerr=_reaches(marks), fmt="o", color=colour, markersize=6, elinewidth=2, capsize=0,
                label=name, alpha=0.95,
            )  # fmt: skip
    ax.set_yticks(range(len(labels)), labels)
    ax.tick_params(axis="y", labelcolor=INK)
    ax.set(xlabel=picture.x, ylabel=picture.y, ylim=(max(len(labels), 1) - 0.5, -0.5))
    ax.grid(visible=False, axis="y")
    if picture.bars:
        ax.set_xlim(left=0)
    _grouped(ax, [mark.value for mark in picture.marks], "x")
    if len(series) > 1:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _curve(ax: "Axes", picture: Curve) -> None:
    values = [mark.value for mark in picture.marks]
    ordered = sorted(zip(picture.shares, picture.marks, strict=True), key=lambda pair: pair[0])
    shares = [share for share, _ in ordered]
    lows, highs = [mark.low for _, mark in ordered], [mark.high for _, mark in ordered]
    ax.fill_betweenx(shares, lows, highs, color=ACCENT, alpha=0.16, linewidth=0)
    ax.plot([mark.value for _, mark in ordered], shares, color=ACCENT, linewidth=1, alpha=0.6)
    ax.errorbar(values, picture.shares, xerr=_reaches(picture.marks), fmt="o", color=ACCENT, elinewidth=2, markersize=6)
    for share, mark in ordered if len(ordered) <= 9 else ():
        ax.annotate(
            mark.text, (mark.high, share), (6, 0), textcoords="offset points", va="center", color=INK, fontsize=8.5
        )
    ax.set(xlabel=picture.x, ylabel=picture.y, ylim=(0, 1))
    ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")


def _grid(ax: "Axes", picture: Grid) -> None:
    rows, columns = picture.rows, picture.columns
    cells = {(row, column): mark for row, column, mark in picture.marks}
    largest = max((abs(mark.value) for mark in cells.values()), default=1.0) or 1.0
    shares = [[cells[r, c].value / largest if (r, c) in cells else float("nan") for c in columns] for r in rows]
    low, colours = (-1.0, "RdBu") if picture.signed else (0.0, "GnBu")
    ax.imshow(shares, cmap=colours, vmin=low, vmax=1.0, aspect="auto", alpha=0.8)
    for (row, column), mark in cells.items():
        dark = abs(mark.value) / largest > 0.65
        place = (columns.index(column), rows.index(row))
        colour = "white" if dark else INK
        ax.annotate(mark.text, place, (0, 1), textcoords="offset points", ha="center", va="bottom", color=colour)
        ax.annotate(
            mark.reach, place, (0, -2), textcoords="offset points", ha="center", va="top", color=colour, fontsize=7.5
        )
    ax.set_xticks(range(len(columns)), columns, rotation=30 if max(map(len, columns)) > 10 else 0)
    ax.set_yticks(range(len(rows)), rows)
    ax.set(xlabel=picture.x, ylabel=picture.y)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def _boxes(ax: "Axes", picture: Boxes) -> None:
    ax.axis("off")
    height = 1 / len(picture.boxes)
    for number, box in enumerate(picture.boxes):
        inset = ax.inset_axes((0.2, 1 - (number + 1) * height + 0.52 * height, 0.8, 0.4 * height))
        m = box.marks
        for name in ("5%", "25%", "50%", "75%", "95%"):
            inset.axvspan(m[name].low, m[name].high, color=ACCENT, alpha=0.16, linewidth=0)
        inset.plot([m["5%"].value, m["95%"].value], [0, 0], color=ACCENT, linewidth=1.4)
        inset.barh([0], [m["75%"].value - m["25%"].value], 0.9, m["25%"].value, color=ACCENT, alpha=0.55)
        inset.plot([m["50%"].value] * 2, [-0.45, 0.45], color="white", linewidth=2)
        inset.errorbar(
            [m["mean"].value], [0], xerr=_reaches([m["mean"]]), fmt="D", color=INK, markersize=4, elinewidth=1.4
        )
        inset.set(xlim=box.bounds, ylim=(-0.75, 0.75), yticks=[])
        inset.tick_params(axis="x", labelsize=8, pad=1)
        inset.spines[["left"]].set_visible(False)
        words = "\n".join(textwrap.wrap(box.axis, 18))
        inset.annotate(words, (0, 0.5), (-10, 0), "axes fraction", "offset points", ha="right", va="center", color=INK)


_KINDS: Mapping[type[Picture], Callable[["Axes", Any], None]] = {
    Bins: _bins, Boxes: _boxes, Curve: _curve, Grid: _grid, Ranks: _ranks
}  # fmt: skip


def _reaches(marks: "tuple[Mark, ...] | list[Mark]") -> list[list[float]]:
    """Return how far the intervals reach to either side, as matplotlib wants them."""
    return [[max(0.0, m.value - m.low) for m in marks], [max(0.0, m.high - m.value) for m in marks]]


def _grouped(ax: "Axes", values: list[float], axis: str = "y") -> None:
    """Write large numbers with commas."""
    if max(map(abs, values), default=0) >= THOUSANDS / 10:
        which = ax.xaxis if axis == "x" else ax.yaxis
        which.set_major_formatter(lambda number, _: f"{number:,.0f}")
