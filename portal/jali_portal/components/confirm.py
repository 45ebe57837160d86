"""One dialog for everything that cannot be taken back with a click: what stops, a reason, and a way out.

It is opened by a button, and nothing in it is sent by a key alone: Enter in a field changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from jali import errors
from jali_portal import wording
from jali_portal.components import markup
from jali_portal.components.outcome import Outcome, told

REASON_MIN, REASON_MAX = 3, 1000
DIALOG, REASON, CLOSED = "dialog", "confirm-reason", "confirm-closed"


@dataclass(frozen=True)
class Step:
    """Something that is about to be done.

    Attributes:
        about: under what its outcome is told.
        title: the dialog's; Streamlit reads it as markdown, so it is never foreign text.
        thing: what it is done to, in whoever's words.
        effects: what will stop or change, sentence by sentence.
        button: what does it.
        act: does it, given the reason, and returns what is told.
        reason: what the reason is for; nothing where none is asked.
    """

    about: str
    title: str
    thing: str
    effects: tuple[str, ...]
    button: str
    act: Callable[[str], str]
    reason: str = ""


def ask(step: Step) -> None:
    """Open the dialog. A drawing of a page opens one at most."""
    st.session_state.pop(CLOSED, None)
    st.dialog(step.title)(_draw)(step)


def button(label: str, step: Callable[[], Step], *, key: str, **how: Any) -> None:
    """Draw a button that opens the dialog."""
    if st.button(label, key=key, **how):
        ask(step())


def done(act: Callable[[], str]) -> Outcome:
    """Return what becomes of a change: what it says of itself, or why nothing was changed."""
    try:
        return Outcome(True, act())
    except (errors.NodeUnreachable, errors.NodeUnavailable):
        return Outcome(False, wording.UNCERTAIN_CHANGE)
    except errors.JaliError as failure:
        return Outcome(False, f"Nothing was changed: {failure}")


def _draw(step: Step) -> None:
    if st.session_state.pop(CLOSED, False):
        st.rerun()
    markup.lead(step.thing)
    markup.points(step.effects)
    with st.form(f"confirm-{step.about}", border=False, enter_to_submit=False):
        if step.reason:
            st.text_area(step.reason, max_chars=REASON_MAX, height=80, key=REASON)
        told(DIALOG)
        no, yes = st.columns(2)
        no.form_submit_button("Cancel", width="stretch", on_click=_close)
        yes.form_submit_button(step.button, type="primary", width="stretch", on_click=_confirm, args=(step,))


def _confirm(step: Step) -> None:
    reason = str(st.session_state.get(REASON) or "").strip()
    if step.reason and len(reason) < REASON_MIN:
        Outcome(False, wording.REASON_SHORT).keep(DIALOG)
        return
    done(lambda: step.act(reason)).keep(step.about)
    _close()


def _close() -> None:
    """Have the dialog closed by its next drawing: Streamlit draws nothing else after a click inside it."""
    st.session_state[CLOSED] = True
