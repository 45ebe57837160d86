"""The inbox: what waits, and what was decided."""

import streamlit as st

from jali_portal.app import visit
from jali_portal.components import dead_letters, markup, queue
from jali_portal.viewmodels.inbox import Shown, inbox, of_access, of_code, of_job

LABELS = {
    Shown.WAITING: "Waiting",
    Shown.CHANGES: "Changes asked",
    Shown.GRANTED: "Granted",
    Shown.DENIED: "Denied",
    Shown.ALL: "All",
}

desk = visit.desk()
markup.title("Inbox")
dead_letters.draw(visit.desk, visit.now(), visit.zone())
figures = st.container()
shown = st.segmented_control(
    "Show", list(Shown), default=Shown.WAITING, required=True, format_func=LABELS.__getitem__, key="show",
    bind="query-params", label_visibility="collapsed",
)  # fmt: skip
wishes = [*map(of_access, desk.requests()), *map(of_job, desk.jobs()), *map(of_code, desk.code_jobs())]
chosen = queue.filters(wishes)
page = inbox(wishes, Shown(shown or Shown.WAITING), visit.now(), chosen)
with figures:
    queue.figures(page)
queue.draw(page, LABELS[Shown(shown or Shown.WAITING)], desk.decides)
queue.longest(page, desk.decides)
