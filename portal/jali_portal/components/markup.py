"""HTML by hand. Every value is escaped here; Streamlit's own sanitizer is the second fence."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import streamlit as st

STYLE = Path(__file__).with_name("style.css")


def style() -> None:
    """Draw nothing, in the portal's style: its rules hold for the whole page."""
    st.html(STYLE)


def show(html: str) -> None:
    """Draw HTML whose values have been escaped."""
    st.html(html)


def title(text: str) -> None:
    """Draw a page's title; its text may come from anybody."""
    show(f'<h1 class="j-title">{escape(text)}</h1>')


def heading(text: str) -> None:
    """Draw a card's heading whose text may come from anybody."""
    show(f'<h2 class="j-heading">{escape(text)}</h2>')


def section(text: str, level: int = 2) -> None:
    """Draw what a part of the page is about; the level is 3 inside of a card that has a heading."""
    show(f'<h{level} class="j-section">{escape(text)}</h{level}>')


def lead(text: str) -> None:
    """Draw the sentence that says it in short."""
    show(f'<div class="j-lead">{escape(text)}</div>')


def signed_in(node: str, person: str, role: str) -> None:
    """Draw which node this is, who is signed in as what, and the way out."""
    show(
        f'<div class="j-quiet j-small">Data node</div><div class="j-who">{escape(node)}</div>'
        f'<div class="j-quiet j-small">Signed in as {escape(role)}</div><div class="j-who">{escape(person)}</div>'
        '<form class="j-signout" method="post" action="/session/logout"><button type="submit">Sign out</button></form>'
    )


def bar(share: float, description: str) -> str:
    """Return a bar of what is left."""
    return (
        f'<div class="j-gauge" role="img" aria-label="{escape(description, quote=True)}">'
        f'<span class="j-left" style="width:{100 * min(max(share, 0.0), 1.0):.2f}%"></span></div>'
    )


def quiet(text: str) -> None:
    """Draw a sentence that explains."""
    show(f'<div class="j-quiet j-small">{escape(text)}</div>')


def plain(text: str) -> None:
    """Draw a sentence."""
    show(f'<div class="j-small">{escape(text)}</div>')


def digest(name: str, text: str) -> None:
    """Draw a hash, to be read and copied."""
    show(f'<div class="j-quiet j-small">{escape(name)}</div><code class="j-digest">{escape(text)}</code>')


def note(text: str) -> None:
    """Draw a sentence that must not be missed."""
    show(f'<div class="j-note" role="note">{escape(text)}</div>')


def banner(text: str, *, good: bool) -> None:
    """Draw what became of something that was just done."""
    kind = "good" if good else "bad"
    show(f'<div class="j-banner j-{kind}" role="{"status" if good else "alert"}">{escape(text)}</div>')


def empty(headline: str, explanation: str) -> None:
    """Draw what stands where there is nothing to show."""
    show(f'<div class="j-empty"><b>{escape(headline)}</b>{escape(explanation)}</div>')


def badge(text: str) -> str:
    """Return a status with its colour; the text says it too."""
    kinds = {"Waiting": "waiting", "Granted": "granted", "Done": "granted", "Denied": "denied", "Overdue": "denied",
             "Output waits": "waiting",
             "Released": "granted",
             "Open": "granted", "Frozen": "waiting", "Revoked": "denied"}  # fmt: skip
    kind = kinds.get(text, "neutral")
    return f'<span class="j-badge j-{kind}">{escape(text)}</span>'


def cards(figures: Sequence[tuple[str, str]]) -> None:
    """Draw figures as cards of one size."""
    for place, (name, value) in zip(st.columns(len(figures)), figures, strict=True):
        place.metric(name, value, border=True, height="stretch")


def points(sentences: Iterable[str]) -> None:
    """Draw sentences one by one."""
    rows = "".join(f"<li>{escape(text)}</li>" for text in sentences)
    show(f'<ul class="j-points">{rows}</ul>')


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Draw names and values."""
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs)
    show(f'<dl class="j-facts">{lines}</dl>')


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> None:
    """Draw a table of escaped text; `numbers` are the columns set to the right."""
    kinds = ['class="j-num"' if i in numbers else "" for i in range(len(heads))]
    head = "".join(f'<th scope="col" {kind}>{escape(text)}</th>' for text, kind in zip(heads, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td {kind}>{escape(text)}</td>" for text, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    )
    show(f'<table class="j-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>')


def listing(lines: Iterable[tuple[str, str, str, Sequence[str]]]) -> None:
    """Draw a document line by line: its number, its text, its kind, and what is wrong there."""
    rows = []
    for number, text, kind, notes in lines:
        rows.append(f'<tr class="j-{escape(kind or "same")}"><th scope="row">{escape(number)}</th>')
        rows.append(f"<td>{escape(text)}</td></tr>")
        rows += [
            f'<tr class="j-wrong"><td></td><td class="j-said" role="alert">{escape(note)}</td></tr>' for note in notes
        ]
    show(f'<table class="j-listing"><tbody>{"".join(rows)}</tbody></table>')


def checks(lines: Iterable[tuple[bool, str]]) -> None:
    """Draw what was looked at, each line with its colour and the same in a word."""
    rows = "".join(
        f'<li><span class="j-badge j-{"granted" if fine else "waiting"}">{"Fine" if fine else "Look"}</span>'
        f"<span>{escape(text)}</span></li>"
        for fine, text in lines
    )
    show(f'<ul class="j-checks">{rows}</ul>')


def levels(lines: Iterable[tuple[str, str, str]]) -> None:
    """Draw what was found in an output: a level, the same in a word, and what was found."""
    kinds = {"pass": "granted", "warn": "waiting", "fail": "denied"}
    rows = "".join(
        f'<li><span class="j-badge j-{kinds[level]}">{escape(word)}</span><span>{escape(text)}</span></li>'
        for level, word, text in lines
    )
    show(f'<ul class="j-checks">{rows}</ul>')


def remark(who: str, when: str) -> None:
    """Draw who did something, and when."""
    show(f'<div class="j-remark"><b>{escape(who)}</b> <span class="j-quiet j-small">{escape(when)}</span></div>')


def image(svg: str, description: str, width: str = "100%") -> None:
    """Draw an SVG as an image: nothing inside it can run or load."""
    data = base64.b64encode(svg.encode()).decode()
    show(
        f'<img alt="{escape(description, quote=True)}" style="width:{escape(width, quote=True)};max-width:100%" '
        f'src="data:image/svg+xml;base64,{data}">'
    )
