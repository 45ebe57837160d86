"""A first look as one page to send to colleagues: no network, no script, light and dark."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jali.eda import markup, rounding
from jali.eda.charts import spark
from jali.estimates import Row, noise, tree
from jali.wire.dataset import Column, ColumnType
from jali.wire.release import Noised

if TYPE_CHECKING:
    from jali.eda.profile import Profile

QUANTILES = ("5%", "25%", "50%", "75%", "95%")
WORDS = {"count": "present", "50%": "median"}
BINS = (20, 10, 5, 4, 2)
"""Numbers of bins that the top level of a tree of counts adds up to."""
PROMISE = (
    "Every figure was computed beside the data, and left with exact Gaussian noise added to it. Whatever this page "
    "lets anyone conclude about one privacy unit (a row, or a person with all their rows: the dataset's card says "
    "which) could almost as well have been concluded had it not been there: differential privacy, at the price above. "
    "The owner's ledger counts that price together with everything else that is ever asked, by anyone, under one cap."
)
INTERVALS = (
    "Intervals hold the noise alone, with 95 % confidence each: not sampling error, and not what moving values to the "
    "public bounds has changed. Bars show noised counts, their bands and lines how far noise reaches."
)
_CSS = """
:root{color-scheme:light dark;--paper:#fff;--card:#fff;--ink:#17242b;--faint:#5d6b70;--line:#dfe6e4;--accent:#0f6b7d}
@media (prefers-color-scheme:dark){:root{--paper:#10181c;--card:#162126;--ink:#e6eeee;--faint:#93a3a8;--line:#2a383e;
--accent:#59bccd}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink)}
body{font:15px/1.5 Inter,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:44px 28px 56px}
header p{margin:0;color:var(--faint)}h1{font-size:30px;line-height:1.2;letter-spacing:-.01em;margin:.1em 0 .25em}
.mark{color:var(--accent);font-weight:650;letter-spacing:.02em}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:26px 0}
.tiles div{border:1px solid var(--line);border-radius:10px;padding:12px 16px;background:var(--card)}
.tiles b{display:block;font-size:20px;font-weight:620;font-variant-numeric:tabular-nums}.tiles span{color:var(--faint);
font-size:13px}
section{display:grid;grid-template-columns:minmax(0,1fr) 340px;gap:10px 36px;border:1px solid var(--line);
border-radius:10px;background:var(--card);padding:18px 22px;margin:12px 0;break-inside:avoid}
h2{font-size:17px;margin:0}h2 small{font-weight:400;color:var(--faint);font-size:13.5px;margin-left:.5em}
section p{margin:.15em 0 .6em;color:var(--faint);font-size:14px}
dl{display:grid;grid-template-columns:repeat(5,minmax(0,1fr));gap:6px 14px;margin:.5em 0 0}
dt{font-size:12.5px;color:var(--faint)}dd{margin:0;font-variant-numeric:tabular-nums;font-weight:600}
dd small{display:block;font-weight:400;color:var(--faint);font-size:11.5px;white-space:nowrap}
figure{margin:0;align-self:center;color:var(--accent)}svg{display:block;max-width:100%;height:auto}
svg .faint{fill:var(--faint)}svg .name{fill:var(--ink)}
footer{color:var(--faint);font-size:13.5px;margin-top:26px;max-width:78ch}footer p{margin:.5em 0}
@media (max-width:820px){section{grid-template-columns:1fr}dl{grid-template-columns:repeat(3,minmax(0,1fr))}}
@media print{:root{--line:#ccc}main{padding:0}}
"""


def page(profile: "Profile") -> str:
    """Return the whole page as HTML, everything in it escaped."""
    title = f"{profile.dataset}: a first look"
    known = {column.name: column for column in profile.releases[0].columns}
    sections = "".join(_section(profile, known[name]) for name in profile.columns)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><title>{markup.escaped(title)}</title><style>{_CSS}</style>'
        f"</head><body><main>{_header(profile, title)}{_tiles(profile)}{sections}{_footer(profile)}</main></body>"
        "</html>\n"
    )


def inline(profile: "Profile") -> str:
    """Return a table with one line a column and its small chart, for a notebook."""
    known = {column.name: column for column in profile.releases[0].columns}
    head = "".join(f'<th scope="col">{name}</th>' for name in ("column", "present", "missing", "middle", "spread", ""))
    lines = "".join(_line(profile, known[name]) for name in profile.columns)
    style = "<style>.jali svg{width:170px;height:auto}.jali svg text{fill:currentColor}</style>"
    table = f"{style}<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
    notes = ["95 % noise intervals", *profile.receipt.lines, '.save("profile.html") writes a page of its own']
    return markup.card(profile.title, table, notes=notes)


def _header(profile: "Profile", title: str) -> str:
    made = f"{profile.releases[0].created_at:%d %B %Y, %H:%M} UTC"
    where = markup.escaped(f"{' and '.join(profile.receipt.nodes)} · {made}{profile.selection.describe()}")
    how = "Differentially private: every figure carries noise; beneath it, the 95 % interval without noise."
    return f'<header><p class="mark">jali</p><h1>{markup.escaped(title)}</h1><p>{where}</p><p>{how}</p></header>'


def _tiles(profile: "Profile") -> str:
    left = min(release.left for release in profile.releases)
    public = sum(release.rows or release.units for release in profile.releases)
    facts = (
        (f"ε {profile.price:.4g}", "price of this page"),
        (f"ε {left:.4g}", "left for the project" if len(profile.releases) == 1 else "left at the node with least"),
        (f"about {public:,}", "rows, the owner's public figure"),
        (f"{len(profile.columns)}", "columns"),
    )
    tiles = "".join(f"<div><b>{markup.escaped(b)}</b><span>{markup.escaped(s)}</span></div>" for b, s in facts)
    return f'<div class="tiles">{tiles}</div>'


def _section(profile: "Profile", column: Column) -> str:
    figures, facts = profile.of(column.name), [column.type.value]
    if column.bounds is not None:
        facts.append(f"{column.bounds[0]:g} to {column.bounds[1]:g} {column.unit}".rstrip())
    meaning = f"<p>{markup.escaped(column.meaning)}</p>" if column.meaning else ""
    groups = ([n for n in figures if not n.endswith("%")], [n for n in figures if n.endswith("%")])
    listed = "".join(f"<dl>{''.join(_figure(figures[name]) for name in group)}</dl>" for group in groups if group)
    return (
        f"<section><div><h2>{markup.escaped(column.name)}<small>{markup.escaped(' · '.join(facts))}</small></h2>"
        f"{meaning}{listed}</div><figure>{_chart(profile, column)}</figure></section>"
    )


def _figure(row: Row) -> str:
    value, interval = rounding.text(row).split(" ", 1)
    return (
        f"<div><dt>{markup.escaped(WORDS.get(row.figure, row.figure.replace('%', ' %')))}</dt>"
        f"<dd>{markup.escaped(value)}<small>{markup.escaped(interval.strip('()'))}</small></dd></div>"
    )


def _line(profile: "Profile", column: Column) -> str:
    figures = profile.of(column.name)
    cells = [rounding.text(figures[name]) if name in figures else "" for name in ("count", "missing", "50%", "std")]
    shown = "".join(f"<td>{markup.escaped(cell)}</td>" for cell in cells)
    unit = f" ({column.unit})" if column.unit else ""
    name = f'<th scope="row">{markup.escaped(column.name + unit)}</th>'
    return f"<tr>{name}{shown}<td>{_chart(profile, column)}</td></tr>"


def _chart(profile: "Profile", column: Column) -> str:
    if column.type is ColumnType.CATEGORY:
        return spark.ranks(list(profile.categories(column.name).values()))
    if column.bounds is None:
        return ""
    figures = profile.of(column.name)
    quantiles = [figures[name] for name in QUANTILES if name in figures]
    return spark.bins(histogram(profile, column), spark.Axis(*column.bounds, column.unit), quantiles)


def histogram(profile: "Profile", column: Column) -> list[Row]:
    """Return a column's counts in equal bins over its public bounds, read off the top of its noised tree of counts.

    The profile has paid for the tree, so the bins cost nothing more.
    """
    parts = [release.measurements[f"tree:{column.name}"] for release in profile.releases]
    lower, upper = column.bounds or (0.0, 1.0)
    number = next((n for n in BINS if column.type is not ColumnType.INTEGER or upper - lower + 1 >= n), 1)
    return [
        Row((_between(lower, upper, index, number),), "count", *_counted(parts, index, tree.LEVELS[0] // number))
        for index in range(number)
    ]


def _counted(parts: Sequence[Noised], index: int, width: int) -> tuple[float, float, float]:
    value = sum(sum(part.values[index * width : (index + 1) * width]) for part in parts)
    return noise.counted(value, math.hypot(*(part.noise_stddev for part in parts)) * math.sqrt(width))


def _between(lower: float, upper: float, index: int, number: int) -> str:
    step = (upper - lower) / number
    return f"{lower + index * step:.4g} to {lower + (index + 1) * step:.4g}"


def _footer(profile: "Profile") -> str:
    names = " and ".join(
        f"{release.id} at {node}" for release, node in zip(profile.releases, profile.receipt.nodes, strict=True)
    )
    lines = (PROMISE, INTERVALS, *profile.receipt.lines, f"Release {names}.")
    return f"<footer>{''.join(f'<p>{markup.escaped(line)}</p>' for line in lines)}</footer>"
