"""Webhooks and mails that were given up, for whoever reads the inbox."""

from collections.abc import Callable
from datetime import datetime, tzinfo

import streamlit as st

from jali import errors
from jali.wire.notice import Notice
from jali.wire.person import Role
from jali_portal import wording, words
from jali_portal.components import markup
from jali_portal.components.outcome import Outcome, told
from jali_portal.desk import Desk

ABOUT = "dead-letters"


def draw(desk: Callable[[], Desk], now: datetime, zone: tzinfo) -> None:
    """Draw nothing where every notice has left, or is on its way."""
    told(ABOUT)
    dead = desk().dead_notices()
    if not dead:
        return
    markup.note(wording.dead_letters(len(dead)))
    with st.expander("Which ones"):
        rows = [
            (notice.receiver, notice.event.replace("_", " "), notice.about[-8:], notice.trouble,
             words.moment(notice.created_at, now, zone))
            for notice in dead
        ]  # fmt: skip
        markup.table(("Receiver", "What", "About", "Met with", "Since"), rows)
        if desk().me.role is Role.OWNER:
            st.button("Send them again", on_click=_again, args=(desk, dead))


def _again(desk: Callable[[], Desk], dead: list[Notice]) -> None:
    try:
        for notice in dead:
            desk().send_again(notice)
        Outcome(True, wording.SENT_AGAIN).keep(ABOUT)
    except errors.JaliError as failure:
        Outcome(False, str(failure)).keep(ABOUT)
