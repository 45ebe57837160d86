"""Small charts as SVG, in the reader's own colour, for pages without scripts. The noise interval is always drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

from jali.eda import markup, rounding
from jali.estimates import Row

WIDTH, HEIGHT, FOOT = 340.0, 104.0, 18.0
LINE, NAMES, FIGURES = 21.0, 92.0, 128.0
SHOWN = 12
"""So many categories are drawn; the others are counted."""


@dataclass(frozen=True)
class Axis:
    """Where a chart's figures lie between two public bounds, and the words at its ends."""

    lower: float
    upper: float
    unit: str

    def x(self, value: float) -> float:
        """Return a value's place."""
        return WIDTH * (min(max(value, self.lower), self.upper) - self.lower) / (self.upper - self.lower)

    def words(self) -> str:
        """Return the labels beneath the axis."""
        middle = (self.lower + self.upper) / 2
        places = ((0.0, "start", self.lower), (WIDTH / 2, "middle", middle), (WIDTH, "end", self.upper))
        unit = f" {self.unit}" if self.unit else ""
        return "".join(
            _text(x, HEIGHT - 4, f"{value:g}{unit if anchor == 'end' else ''}", anchor, faint=True)
            for x, anchor, value in places
        )


def bins(rows: Sequence[Row], axis: Axis, quantiles: Sequence[Row] = ()) -> str:
    """Return a histogram: a bar a bin with its interval as a band, and beneath it where the quantiles lie.

    Args:
        rows: one count a bin, bins of equal width over the axis.
        axis: the public bounds.
        quantiles: the 5 %, 25 %, 50 %, 75 % and 95 % quantiles.
    """
    ground, step = HEIGHT - FOOT - 8, WIDTH / len(rows)
    scale = (ground - 4) / max(1.0, *(row.high for row in rows))
    bars = "".join(_bar(index * step, step, row, ground, scale) for index, row in enumerate(rows))
    line = f'<path d="M0 {ground:.1f}H{WIDTH:.0f}" stroke="currentColor" opacity=".35"/>'
    return _svg(HEIGHT, bars + line + _quantiles(quantiles, axis, ground + 5) + axis.words(), "histogram")


def ranks(rows: Sequence[Row]) -> str:
    """Return one bar a category, the largest first, with its interval and its figure."""
    ordered = sorted(rows, key=lambda row: -row.value)
    shown, rest = ordered[:SHOWN], len(ordered) - SHOWN
    room = WIDTH - NAMES - FIGURES
    scale = room / max(1.0, *(row.high for row in shown))
    lines = "".join(_rank(number * LINE, row, scale) for number, row in enumerate(shown))
    height = LINE * len(shown) + (LINE if rest > 0 else 0)
    more = _text(NAMES, height - 6, f"and {rest} more", "start", faint=True) if rest > 0 else ""
    return _svg(height, lines + more, "counts")


def _bar(x: float, width: float, row: Row, ground: float, scale: float) -> str:
    said = markup.escaped(f"{' · '.join(row.key)}: {rounding.text(row)}")
    value, low, high = (number * scale for number in (row.value, row.low, row.high))
    middle = x + width / 2
    return (
        f"<g><title>{said}</title>"
        f'<rect x="{x + 0.7:.1f}" y="{ground - value:.1f}" width="{width - 1.4:.1f}" height="{value:.1f}" '
        'fill="currentColor" opacity=".55"/>'
        f'<rect x="{x + 0.7:.1f}" y="{ground - high:.1f}" width="{width - 1.4:.1f}" height="{high - low:.1f}" '
        'fill="currentColor" opacity=".22"/>'
        f'<path d="M{middle:.1f} {ground - high:.1f}V{ground - low:.1f}" stroke="currentColor"/></g>'
    )


def _quantiles(rows: Sequence[Row], axis: Axis, y: float) -> str:
    if len(rows) != 5:
        return ""
    ends = f"M{axis.x(rows[0].value):.1f} {y:.1f}H{axis.x(rows[4].value):.1f}"
    box = f"M{axis.x(rows[1].value):.1f} {y:.1f}H{axis.x(rows[3].value):.1f}"
    middle = f"M{axis.x(rows[2].value) - 1:.1f} {y - 4:.1f}v8"
    said = markup.escaped(", ".join(f"{row.figure} {rounding.text(row)}" for row in rows))
    return (
        f"<g><title>{said}</title>"
        f'<path d="{ends}" stroke="currentColor" opacity=".5"/>'
        f'<path d="{box}" stroke="currentColor" stroke-width="5" opacity=".6"/>'
        f'<path d="{middle}" stroke="currentColor" stroke-width="2"/></g>'
    )


def _rank(y: float, row: Row, scale: float) -> str:
    name = row.key[-1] if len(row.key[-1]) <= 14 else f"{row.key[-1][:13]}…"
    value, low, high = (NAMES + number * scale for number in (row.value, row.low, row.high))
    said = markup.escaped(f"{row.key[-1]}: {rounding.text(row)}")
    figure = _text(WIDTH, y + 14, f"{rounding.value(row)} {_reach(row)}", "end", faint=True)
    return (
        f"<g><title>{said}</title>{_text(NAMES - 8, y + 14, name, 'end')}"
        f'<rect x="{NAMES:.0f}" y="{y + 4:.0f}" width="{value - NAMES:.1f}" height="13" fill="currentColor" '
        'opacity=".55"/>'
        f'<rect x="{low:.1f}" y="{y + 4:.0f}" width="{high - low:.1f}" height="13" fill="currentColor" opacity=".22"/>'
        f'<path d="M{low:.1f} {y + 10.5:.1f}H{high:.1f}" stroke="currentColor"/>{figure}</g>'
    )


def _reach(row: Row) -> str:
    found = rounding.reach(row)
    return found if found.startswith("±") else f"({found})"


def _text(x: float, y: float, words: str, anchor: str, *, faint: bool = False) -> str:
    style = 'class="faint" ' if faint else 'class="name" '
    return f'<text {style}x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{markup.escaped(words)}</text>'


def _svg(height: float, inside: str, label: str) -> str:
    return (
        f'<svg role="img" aria-label="{label}, with noise intervals" viewBox="0 0 {WIDTH:.0f} {height:.0f}" '
        f'width="{WIDTH:.0f}" height="{height:.0f}" fill="none" font-size="11">{inside}</svg>'
    )
