"""A request's tabs: what is asked, what changed, what was said. Only the open one is fetched; the address keeps it."""

from collections.abc import Callable
from datetime import datetime, tzinfo

import streamlit as st

from jali import errors
from jali.wire.jobs.code import CodeJob
from jali.wire.jobs.train import Job
from jali.wire.request import AccessRequest
from jali_portal import wording
from jali_portal.components import markup
from jali_portal.components.outcome import Outcome, told
from jali_portal.desk import Desk
from jali_portal.viewmodels import talk
from jali_portal.viewmodels.checks import Check

SUMMARY, CHANGES, DISCUSSION = "Summary and checks", "Changes", "Discussion"
COMMENT_CHARS = 4000
Wish = AccessRequest | Job | CodeJob


def draw(desk: "DeskNow", wish: Wish, summary: Callable[[], None], now: datetime, zone: tzinfo) -> None:
    """Draw the tabs of a request or job.

    Args:
        desk: gives the desk of whoever is signed in, now and when a comment is sent.
        wish: as it is drawn on this page.
        summary: draws the first tab.
        now: this moment.
        zone: the reader's.
    """
    first, second, third = st.tabs((SUMMARY, CHANGES, DISCUSSION), key="tab", bind="query-params")
    with first:
        if first.open:
            summary()
    with second:
        if second.open:
            _changes(desk(), wish)
    with third:
        if third.open:
            _discussion(desk, wish, now, zone)


def checks(found: tuple[Check, ...]) -> None:
    """Draw what was checked; the words say what the colours say."""
    with st.container(border=True):
        markup.section("Checks")
        markup.checks([(check.fine, check.text) for check in found])
        markup.quiet(wording.CHECKS_INFORM)


def _changes(desk: Desk, wish: Wish) -> None:
    with st.container(border=True):
        if wish.revision == 1:
            markup.empty("Nothing has changed", "This is the first revision.")
            return
        since = st.selectbox(
            "Compare with", range(wish.revision - 1, 0, -1), format_func=lambda n: f"Revision {n}", width=180,
            key=f"since-{wish.id}",
        )  # fmt: skip
        found = talk.differences(desk.changes(wish.id, since, wish.revision))
        markup.section(found.title)
        if found.rows:
            markup.table(found.heads, found.rows)
        for name, lines in found.texts:
            markup.section(name, 3)
            markup.listing(lines)
        if not found.rows and not found.texts:
            markup.quiet("The two are the same.")


def _discussion(desk: "DeskNow", wish: Wish, now: datetime, zone: tzinfo) -> None:
    mine = desk()
    with st.container(border=True):
        for line in talk.lines(mine.discussion(wish.id), now, zone, mine.me.id):
            markup.remark(line.who, line.when)
            if line.text:
                st.text(line.text, width="stretch")
    if not mine.decides:
        return
    with st.container(border=True):
        told(f"comment-{wish.id}")
        key = f"text-{wish.id}"
        with st.form(f"say-{wish.id}", border=False, clear_on_submit=True):
            st.text_area("Comment, which the asker reads", max_chars=COMMENT_CHARS, key=key, height=90)
            st.form_submit_button("Comment", on_click=_say, args=(desk, wish, key))


def _say(desk: "DeskNow", wish: Wish, key: str) -> None:
    text = str(st.session_state.get(key) or "").strip()
    if not text:
        outcome = Outcome(False, wording.COMMENT_EMPTY)
    else:
        try:
            desk().comment(wish.id, text)
            outcome = Outcome(True, wording.COMMENTED)
        except errors.JaliError as failure:
            outcome = Outcome(False, f"Nothing was recorded: {failure}")
    outcome.keep(f"comment-{wish.id}")


DeskNow = Callable[[], Desk]
