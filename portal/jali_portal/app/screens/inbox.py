"""The inbox: what waits, and what was decided."""

import streamlit as st

from jali_portal.app import visit
from jali_portal.components import markup, queue
from jali_portal.viewmodels.inbox import Shown, inbox, of_access, of_job

LABELS = {Shown.WAITING: "Waiting", Shown.GRANTED: "Granted", Shown.DENIED: "Denied", Shown.ALL: "All"}

desk = visit.desk()
markup.title("Inbox")
figures = st.container()
shown = st.segmented_control(
    "Show", list(Shown), default=Shown.WAITING, required=True, format_func=LABELS.__getitem__, key="show",
    bind="query-params", label_visibility="collapsed",
)  # fmt: skip
wishes = [*map(of_access, desk.requests()), *map(of_job, desk.jobs())]
page = inbox(wishes, Shown(shown or Shown.WAITING), visit.now())
with figures:
    queue.figures(page)
queue.draw(page, LABELS[Shown(shown or Shown.WAITING)])
