"""The audit trail's filters, its lines, and the file that can be taken of it."""

from collections.abc import Callable, Sequence

import streamlit as st

from jali.wire.audit import AuditFilter
from jali_portal.components import markup
from jali_portal.desk import Desk
from jali_portal.viewmodels.audit import AGES, LABELS, Line, Topic

_PLACES = "audit-places"


def choices() -> tuple[Topic | None, str | None]:
    """Draw what is shown and since when, both kept in the address, and return them."""
    left, right = st.columns([3, 1])
    with left:
        topic = st.segmented_control(
            "About", list(Topic), format_func=LABELS.__getitem__, key="about", bind="query-params"
        )
    with right:
        age = st.selectbox(
            "Since", list(AGES), index=None, format_func=lambda name: AGES[name][0], key="since", bind="query-params",
            placeholder="The beginning",
        )  # fmt: skip
    return (Topic(topic) if topic else None), (str(age) if age in AGES else None)


def place(chosen: AuditFilter) -> int | None:
    """Return the position before which the page's lines lie; another filter begins anew."""
    kept = st.session_state.get(_PLACES)
    if kept is None or kept[0] != chosen.kinds:
        st.session_state[_PLACES] = kept = (chosen.kinds, [])
    return kept[1][-1] if kept[1] else None


def draw(lines: Sequence[Line]) -> None:
    """Draw the lines."""
    with st.container(border=True):
        if not lines:
            markup.empty("Nothing of that kind", "Choose another kind, or a longer time.")
            return
        markup.table(
            ("Entry", "When", "What", "By", "About", "Project", "Dataset"),
            [(f"{line.seq:,}", line.at, line.what, line.by, line.person, line.project, line.dataset) for line in lines],
            numbers=(0,),
        )


def further(chosen: AuditFilter, next_before: int | None) -> None:
    """Draw the ways to older and newer lines."""
    places: list[int] = st.session_state[_PLACES][1]
    newer, older, _ = st.columns([1, 1, 4])
    if places and newer.button("Newer", width="stretch", shortcut="Left"):
        st.session_state[_PLACES] = (chosen.kinds, places[:-1])
        st.rerun()
    if next_before is not None and older.button("Older", width="stretch", shortcut="Right"):
        st.session_state[_PLACES] = (chosen.kinds, [*places, next_before])
        st.rerun()


def export(desk: Callable[[], Desk], chosen: AuditFilter) -> None:
    """Draw the way to a file of all that is chosen. It is fetched, and recorded, when it is asked for."""
    st.download_button(
        "Download all of it as CSV",
        data=lambda: desk().audit_file(chosen),
        file_name="audit.csv",
        mime="text/csv",
        on_click="ignore",
    )
