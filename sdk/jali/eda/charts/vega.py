"""Pictures drawn with Altair, which the extra `altair` brings. Saving one as a page needs no network."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from jali.eda.charts.picture import Bins, Boxes, Curve, Grid, Mark, Picture, Ranks

if TYPE_CHECKING:
    from altair import TopLevelMixin

ACCENT, INK = "#0f6b7d", "#17242b"
WIDTH = 460


def drawn(picture: Picture) -> "TopLevelMixin":
    """Return a picture as an Altair chart.

    Raises:
        ImportError: Altair is not there.
    """
    try:
        import altair as alt
    except ImportError as failure:
        raise ImportError("these charts need Altair: pip install 'jali[altair]'") from failure
    title = alt.TitleParams(picture.title, subtitle=picture.note, anchor="start", subtitleColor="#5d6b70")
    chart = _KINDS[type(picture)](alt, picture).properties(title=title)
    return cast("TopLevelMixin", chart if isinstance(picture, Boxes) else chart.properties(width=WIDTH))


def _record(mark: Mark, **more: object) -> dict[str, Any]:
    return {"label": mark.label, "series": mark.series, "value": mark.value, "low": mark.low, "high": mark.high, **more}


def _data(alt: Any, records: list[dict[str, Any]]) -> Any:
    return alt.Data(values=records)


def _bins(alt: Any, picture: Bins) -> Any:
    sides = zip(picture.edges, picture.edges[1:], picture.marks, strict=False)
    data = _data(alt, [_record(m, left=left, right=right, middle=(left + right) / 2) for left, right, m in sides])
    tips = [
        alt.Tooltip(f"{name}:{kind}") for name, kind in (("label", "N"), ("value", "Q"), ("low", "Q"), ("high", "Q"))
    ]
    x = alt.X("left:Q", title=picture.x, scale=alt.Scale(domain=[picture.edges[0], picture.edges[-1]], nice=False))
    bars = alt.Chart(data).mark_bar(color=ACCENT, opacity=0.75, binSpacing=1)
    lines = alt.Chart(data).mark_rule(color=INK, strokeWidth=1.2)
    return bars.encode(x=x, x2="right:Q", y=alt.Y("value:Q", title=picture.y), tooltip=tips) + lines.encode(
        x="middle:Q", y="low:Q", y2="high:Q"
    )


def _ranks(alt: Any, picture: Ranks) -> Any:
    data = _data(alt, [_record(mark) for mark in picture.marks])
    several = len(picture.series) > 1
    y = alt.Y("label:N", title=picture.y, sort=picture.labels)
    x = alt.X("value:Q", title=picture.x, scale=alt.Scale(zero=picture.bars))
    beside = {"yOffset": alt.YOffset("series:N", sort=picture.series)} if several else {}
    colour = (
        {"color": alt.Color("series:N", sort=picture.series, title=None)} if several else {"color": alt.value(ACCENT)}
    )
    base = alt.Chart(data)
    marks = base.mark_bar(opacity=0.75) if picture.bars else base.mark_point(filled=True, size=70, opacity=1)
    tips = ["label:N", "value:Q", "low:Q", "high:Q"]
    lines = base.mark_rule(strokeWidth=1.5)
    line_colour = {"color": alt.value(INK)} if picture.bars else colour
    return marks.encode(x=x, y=y, tooltip=tips, **beside, **colour) + lines.encode(
        x=alt.X("low:Q", title=picture.x), x2="high:Q", y=y, **beside, **line_colour
    )


def _curve(alt: Any, picture: Curve) -> Any:
    records = [_record(mark, share=share) for share, mark in zip(picture.shares, picture.marks, strict=True)]
    base = alt.Chart(_data(alt, records))
    y = alt.Y("share:Q", title=picture.y, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    x = alt.X("value:Q", title=picture.x, scale=alt.Scale(zero=False))
    points = base.mark_point(filled=True, size=70, color=ACCENT, opacity=1)
    lines = base.mark_rule(strokeWidth=2, color=ACCENT)
    joined = base.mark_line(color=ACCENT, opacity=0.5, order=False)
    return (
        joined.encode(x=x, y=y, order="share:Q")
        + lines.encode(x=alt.X("low:Q", title=picture.x), x2="high:Q", y=y)
        + points.encode(x=x, y=y, tooltip=["share:Q", "value:Q", "low:Q", "high:Q"])
    )


def _grid(alt: Any, picture: Grid) -> Any:
    records = [
        _record(mark, row=row, column=column, text=f"{mark.text} {mark.reach}") for row, column, mark in picture.marks
    ]
    base = alt.Chart(_data(alt, records)).encode(
        x=alt.X("column:N", title=picture.x, sort=picture.columns),
        y=alt.Y("row:N", title=picture.y, sort=picture.rows),
        tooltip=["row:N", "column:N", "value:Q", "low:Q", "high:Q"],
    )
    scale = alt.Scale(scheme="redblue", domainMid=0) if picture.signed else alt.Scale(scheme="tealblues")
    return base.mark_rect(opacity=0.7).encode(color=alt.Color("value:Q", scale=scale, legend=None)) + base.mark_text(
        color=INK
    ).encode(text="text:N")


def _boxes(alt: Any, picture: Boxes) -> Any:
    return alt.vconcat(*(_box(alt, box.axis, box.bounds, box.marks) for box in picture.boxes))


def _box(alt: Any, axis: str, bounds: tuple[float, float], marks: Any) -> Any:
    base = alt.Chart(_data(alt, [_record(mark) for name, mark in marks.items() if name.endswith("%")]))
    middle = alt.Chart(_data(alt, [_record(marks["mean"])]))
    span = alt.Chart(_data(alt, [{"low": marks["25%"].value, "high": marks["75%"].value}]))
    x = alt.X("low:Q", title=axis, scale=alt.Scale(domain=list(bounds), nice=False))
    return (
        base.mark_rect(color=ACCENT, opacity=0.2).encode(
            x=x, x2="high:Q", tooltip=["label:N", "value:Q", "low:Q", "high:Q"]
        )
        + span.mark_bar(color=ACCENT, opacity=0.5, height=10).encode(x=x, x2="high:Q")
        + base.mark_tick(color=ACCENT, thickness=2, height=18).encode(x="value:Q")
        + middle.mark_rule(color=INK, strokeWidth=1.5).encode(x=x, x2="high:Q")
        + middle.mark_point(color=INK, filled=True, size=40).encode(x="value:Q", tooltip=["value:Q", "low:Q", "high:Q"])
    ).properties(width=WIDTH, height=36)


_KINDS: Mapping[type[Picture], Callable[[Any, Any], Any]] = {
    Bins: _bins, Boxes: _boxes, Curve: _curve, Grid: _grid, Ranks: _ranks
}  # fmt: skip
