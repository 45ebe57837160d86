"""The inbox: what waits, and what was decided."""

import streamlit as st

from jali_portal.app import visit
from jali_portal.components import markup, queue
from jali_portal.viewmodels.inbox import Shown, inbox

LABELS = {Shown.WAITING: "Waiting", Shown.GRANTED: "Granted", Shown.DENIED: "Denied", Shown.ALL: "All"}

desk = visit.desk()
markup.title("Inbox")
figures = st.container()
shown = st.segmented_control(
    "Show", list(Shown), default=Shown.WAITING, required=True, format_func=LABELS.__getitem__, key="show",
    bind="query-params", label_visibility="collapsed",
)  # fmt: skip
page = inbox(desk.requests(), Shown(shown or Shown.WAITING), visit.now())
with figures:
    queue.figures(page)
queue.draw(page, LABELS[Shown(shown or Shown.WAITING)])
