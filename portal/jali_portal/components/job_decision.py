"""Approving and denying a job. What is sent is the digest of the job as it was drawn."""

from collections.abc import Callable

import streamlit as st

from jali import errors
from jali.wire.jobs.train import Job, JobStatus
from jali_portal import wording, words
from jali_portal.components import cost_gauge, markup
from jali_portal.components.decision_form import Outcome
from jali_portal.desk import Desk
from jali_portal.viewmodels.cost import Cost

APPROVE, DENY = "Approve", "Deny"
REASON_CHARS = 4000


def draw(desk: Callable[[], Desk], job: Job, cost: Cost) -> None:
    """Draw the cost and, below it, the decision."""
    with st.container(border=True):
        st.subheader("Privacy cost", anchor=False)
        cost_gauge.draw(cost, "training")
    with st.container(border=True):
        st.subheader("Your decision", anchor=False)
        told(job.id)
        choice = st.segmented_control(
            "Decision", (APPROVE, DENY), default=APPROVE, required=True, key=f"choice-{job.id}",
            label_visibility="collapsed", width="stretch",
        )  # fmt: skip
        key = f"reason-{job.id}"
        label = "Reason, which the asker reads" if choice == DENY else "Note to the asker (optional)"
        with st.form(f"decide-{job.id}", border=False):
            st.text_area(label, max_chars=REASON_CHARS, key=key, height=90)
            st.form_submit_button(
                "Deny the job" if choice == DENY else f"Approve {words.epsilon(job.quote.price)}",
                type="primary", width="stretch", on_click=_record, args=(desk, job, choice == DENY, key),
            )  # fmt: skip


def told(job_id: str) -> None:
    """Draw, once, what became of the decision that was just made."""
    outcome: Outcome | None = st.session_state.pop(_outcome_key(job_id), None)
    if outcome is not None:
        markup.banner(outcome.text, good=outcome.recorded)


def _record(desk: Callable[[], Desk], job: Job, deny: bool, reason_key: str) -> None:
    reason = str(st.session_state.get(reason_key) or "").strip()
    if deny and not reason:
        outcome = Outcome(False, wording.REASON_NEEDED)
    else:
        outcome = _sent(desk, job, JobStatus.DENIED if deny else JobStatus.APPROVED, reason)
    st.session_state[_outcome_key(job.id)] = outcome


def _sent(desk: Callable[[], Desk], job: Job, outcome: JobStatus, reason: str) -> Outcome:
    try:
        decided = desk().decide_job(job, outcome, reason)
    except errors.DecisionOutdated:
        return Outcome(False, wording.OUTDATED)
    except (errors.NodeUnreachable, errors.NodeUnavailable):
        return Outcome(False, wording.UNCERTAIN)
    except errors.JaliError as failure:
        return Outcome(False, f"Nothing was recorded: {failure}")
    if decided.status is JobStatus.SUBMITTED:
        return Outcome(True, wording.FIRST_OF_TWO)
    return Outcome(True, wording.DENIED if outcome is JobStatus.DENIED else wording.APPROVED)


def _outcome_key(job_id: str) -> str:
    return f"outcome-{job_id}"
