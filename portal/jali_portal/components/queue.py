"""The inbox's figures and its table."""

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from jali_portal.components import markup
from jali_portal.viewmodels.inbox import Filter, Inbox, Row, Wish

ROWS_A_PAGE = 20
REQUEST_PAGE = "screens/request.py"
HEADS = ("Asked by", "For", "Project", "Dataset", "Price", "Since", "Status")


def figures(inbox: Inbox) -> None:
    """Draw the inbox's four figures."""
    cards = (
        ("Waiting", str(inbox.waiting)),
        ("Longest wait", inbox.oldest),
        ("Overdue", str(inbox.overdue)),
        ("Back with their askers", str(inbox.with_askers)),
    )
    markup.cards(cards)


def draw(inbox: Inbox, shown: str, decides: bool) -> None:
    """Draw the rows, some at a time; whoever decides is asked to review those that wait."""
    with st.container(border=True):
        if not inbox.rows:
            _nothing(shown)
            return
        pages = (len(inbox.rows) - 1) // ROWS_A_PAGE + 1
        place = st.container()
        number = st.number_input("Page", 1, pages, key=f"page-{shown}", width=140) if pages > 1 else 1
        with place:
            _line([f"<span>{escape(head)}</span>" for head in HEADS], "j-row j-head", None, decides)
            for row in inbox.rows[(number - 1) * ROWS_A_PAGE : number * ROWS_A_PAGE]:
                _line(_cells(row), "j-row", row, decides)


def _cells(row: Row) -> list[str]:
    plain = (row.person, row.kind, row.project, row.dataset, row.asked, row.age)
    return [*(f"<span>{escape(text)}</span>" for text in plain), f"<span>{markup.badge(row.status)}</span>"]


def _line(cells: list[str], kind: str, row: Row | None, decides: bool) -> None:
    text, link = st.columns([9, 1], vertical_alignment="center")
    with text:
        markup.show(f'<div class="{kind}">{"".join(cells)}</div>')
    with link:
        if row is not None:
            st.page_link(REQUEST_PAGE, label="Review" if row.waits and decides else "Open", query_params={"id": row.id})


def filters(wishes: Sequence[Wish]) -> Filter:
    """Draw the choice of what is shown, kept in the address, and return it."""
    search, kind, project, dataset = st.columns([2, 1, 1, 1])
    with search:
        text = st.text_input(
            "Search", key="search", bind="query-params", placeholder="a name, a project, an id", max_chars=200
        )
    chosen = {
        name: _choice(place, name, {getattr(wish, name) for wish in wishes})
        for name, place in (("kind", kind), ("project", project), ("dataset", dataset))
    }
    return Filter(text=text or "", **chosen)


def _choice(place: Any, name: str, found: set[str]) -> str | None:
    """Draw one filter; a choice in the address that nothing has any more is as good as none."""
    with place:
        picked = st.selectbox(
            name.capitalize(), sorted(found), index=None, key=name, bind="query-params", placeholder="All"
        )
    return picked if picked in found else None


def longest(inbox: Inbox, decides: bool) -> None:
    """Draw the way to what has waited longest; the key N takes it."""
    first = next((row for row in inbox.rows if row.waits), None)
    if first is not None and st.button(f"{'Review' if decides else 'Open'} the next one", shortcut="N"):
        st.switch_page(REQUEST_PAGE, query_params={"id": first.id})


def _nothing(shown: str) -> None:
    if shown == "Waiting":
        markup.empty("Nothing waits", "New requests appear here as soon as somebody asks for access.")
    else:
        markup.empty("Nothing here", "No request has this status, or none that the filters let through.")
