"""The little HTML that notebooks show. Written by hand, in the reader's own colours, every text escaped."""

import html
from collections.abc import Iterable, Sequence

_FAINT = "color-mix(in srgb,currentColor 22%,transparent)"
_CELL = f"padding:2px 10px;text-align:left;border-bottom:1px solid {_FAINT}"
_STYLE = (
    "<style>.jali{font:13px/1.5 system-ui,sans-serif;color:inherit}"
    ".jali table{border-collapse:collapse;margin:.3em 0}"
    f".jali th,.jali td{{{_CELL}}}.jali td{{font-variant-numeric:tabular-nums}}.jali p{{margin:.2em 0}}"
    ".jali small{opacity:.75}</style>"
)
ROWS_SHOWN = 60


def escaped(text: object) -> str:
    """Return text for HTML. Names and meanings come from the node, so none is trusted."""
    return html.escape(str(text), quote=True)


def card(title: object, *parts: str, notes: Iterable[object] = ()) -> str:
    """Return a block: a title, parts that are HTML already, and notes as plain text."""
    small = "".join(f"<p><small>{escaped(note)}</small></p>" for note in notes)
    return f'{_STYLE}<div class="jali"><p><b>{escaped(title)}</b></p>{"".join(parts)}{small}</div>'


def table(head: Sequence[object], lines: Sequence[Sequence[object]]) -> str:
    """Return a table; the first cell of each line is its heading. Long tables are cut, and say so."""
    top = "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in head)
    body = "".join(_line(line) for line in lines[:ROWS_SHOWN])
    rest = len(lines) - ROWS_SHOWN
    more = f"<p><small>and {rest} more: .to_pandas()</small></p>" if rest > 0 else ""
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{more}"


def bar(share: float, label: str) -> str:
    """Return a bar filled to a share between 0 and 1, with its meaning as text beside it."""
    filled = 100 * min(max(share, 0.0), 1.0)
    return (
        f'<span role="img" aria-label="{escaped(label)}" style="display:inline-block;width:160px;height:7px;'
        f'border-radius:4px;background:{_FAINT};vertical-align:middle">'
        f'<span style="display:block;height:100%;width:{filled:.0f}%;border-radius:4px;'
        f'background:currentColor"></span></span> <small>{escaped(label)}</small>'
    )


def _line(cells: Sequence[object]) -> str:
    first, *rest = cells
    return f'<tr><th scope="row">{escaped(first)}</th>' + "".join(f"<td>{escaped(c)}</td>" for c in rest) + "</tr>"
