"""An output that waits: read, held against what was checked, let go or destroyed. What is sent is what was drawn."""

from collections.abc import Callable

import streamlit as st

from jali.wire.jobs.code import CodeStatus, Held
from jali_portal import wording
from jali_portal.components import markup
from jali_portal.components.decision_form import REASON_CHARS, sent
from jali_portal.components.outcome import Outcome, told
from jali_portal.desk import Desk
from jali_portal.viewmodels.code import Preview

RELEASE, DESTROY = "Release", "Destroy"


def output(page: Preview) -> None:
    """Draw an output and what was checked."""
    with st.container(border=True):
        markup.section("The output, which nobody else has seen")
        markup.facts(page.facts)
        if page.heads:
            markup.table(page.heads, page.rows)
        if page.text:
            st.code(page.text, language=None, wrap_lines=True)
        if page.cut:
            markup.note(page.cut)
    with st.container(border=True):
        markup.section("Checks, against the rows it was made from")
        markup.levels(page.checks)
        markup.quiet(wording.AIRLOCK_CHECKS)


def decide(desk: Callable[[], Desk], held: Held) -> None:
    """Draw the decision about an output."""
    with st.container(border=True):
        markup.section("Your decision about the output")
        markup.note(wording.CODE_ENDS_PROMISE)
        told(held.job)
        choice = st.segmented_control(
            "Output", (RELEASE, DESTROY), default=DESTROY, required=True, key=f"output-{held.job}",
            label_visibility="collapsed", width="stretch",
        )  # fmt: skip
        key = f"output-reason-{held.job}"
        button = {RELEASE: "Release the output", DESTROY: "Destroy the output"}
        with st.form(f"airlock-{held.job}", border=False, enter_to_submit=False):
            st.text_area("Reason, which the asker and auditors read", max_chars=REASON_CHARS, key=key, height=90)
            st.form_submit_button(
                button[str(choice)], type="primary", width="stretch", on_click=_record,
                args=(desk, held, str(choice) == RELEASE, key),
            )  # fmt: skip


def _record(desk: Callable[[], Desk], held: Held, release: bool, reason_key: str) -> None:
    reason = str(st.session_state.get(reason_key) or "").strip()
    outcome = sent(lambda: _decided(desk(), held, release, reason)) if reason else Outcome(False, wording.OUTPUT_REASON)
    outcome.keep(held.job)


def _decided(desk: Desk, held: Held, release: bool, reason: str) -> str:
    decided = (desk.owner.release if release else desk.owner.destroy)(held, reason)
    if decided.status is CodeStatus.HELD:
        return wording.OUTPUT_FIRST_OF_TWO
    return wording.OUTPUT_RELEASED if release else wording.OUTPUT_DESTROYED
