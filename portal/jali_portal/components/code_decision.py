"""Approving code, asking for changes, denying it. What is sent is the revision that was drawn."""

from collections.abc import Callable

import streamlit as st

from jali.wire.jobs.code import CodeJob, CodeStatus
from jali_portal import wording
from jali_portal.components import markup
from jali_portal.components.decision_form import CHANGES, DENY, REASON_CHARS, sent
from jali_portal.components.outcome import Outcome, told
from jali_portal.desk import Desk

APPROVE = "Approve"
OUTCOMES = {APPROVE: CodeStatus.APPROVED, CHANGES: CodeStatus.CHANGES_ASKED, DENY: CodeStatus.DENIED}


def draw(desk: Callable[[], Desk], job: CodeJob) -> None:
    """Draw what approving means and, below it, the decision."""
    with st.container(border=True):
        markup.section("Privacy cost")
        markup.note(wording.CODE_ENDS_PROMISE)
    with st.container(border=True):
        markup.section("Your decision")
        told(job.id)
        choice = st.segmented_control(
            "Decision", tuple(OUTCOMES), default=CHANGES, required=True, key=f"choice-{job.id}",
            label_visibility="collapsed", width="stretch",
        )  # fmt: skip
        key = f"reason-{job.id}"
        label = {APPROVE: "Note to the asker (optional)", CHANGES: "What to change, which the asker reads"}
        button = {APPROVE: "Let this code run once", CHANGES: "Ask for these changes"}
        with st.form(f"decide-{job.id}", border=False, enter_to_submit=False):
            st.text_area(
                label.get(str(choice), "Reason, which the asker reads"), max_chars=REASON_CHARS, key=key, height=90
            )
            st.form_submit_button(
                button.get(str(choice), "Deny the job"), type="primary", width="stretch",
                on_click=_record, args=(desk, job, OUTCOMES[str(choice)], key),
            )  # fmt: skip


def _record(desk: Callable[[], Desk], job: CodeJob, wanted: CodeStatus, reason_key: str) -> None:
    reason = str(st.session_state.get(reason_key) or "").strip()
    if wanted is not CodeStatus.APPROVED and not reason:
        outcome = Outcome(False, wording.REASON_NEEDED)
    else:
        outcome = sent(lambda: _decided(desk(), job, wanted, reason))
    outcome.keep(job.id)


def _decided(desk: Desk, job: CodeJob, wanted: CodeStatus, reason: str) -> str:
    decided = desk.owner.decide_code(job, wanted, reason)
    if decided.status is CodeStatus.SUBMITTED:
        return wording.FIRST_OF_TWO
    return {CodeStatus.DENIED: wording.DENIED, CodeStatus.CHANGES_ASKED: wording.CHANGES_ASKED}.get(
        wanted, wording.CODE_APPROVED
    )
