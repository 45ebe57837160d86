"""Granting and denying. What is sent is the request as it was drawn, whatever has become of it since."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from jali import errors
from jali.wire.request import AccessRequest, RequestStatus
from jali_portal import wording, words
from jali_portal.components import cost_gauge, markup
from jali_portal.desk import Desk
from jali_portal.viewmodels.cost import Cost

GRANT, DENY = "Grant", "Deny"
EXPIRIES = (7, 30, 90, 180, 365)
EPSILON_STEP = 0.1
EPSILON_MIN = 0.01
REASON_CHARS = 4000


@dataclass(frozen=True)
class Outcome:
    """What became of a decision: a sentence, and whether it was recorded."""

    recorded: bool
    text: str


def epsilon(request: AccessRequest, cap: float) -> float:
    """Draw the choice of a quota and return it."""
    return st.number_input(
        "Quota to grant, in ε",
        min_value=min(EPSILON_MIN, cap),
        max_value=max(cap, EPSILON_MIN),
        value=min(max(request.epsilon, EPSILON_MIN), cap),
        step=EPSILON_STEP,
        format="%.2f",
        key=f"epsilon-{request.id}",
        help=f"The asker wishes {words.epsilon(request.epsilon)}. You may grant less.",
    )


def draw(desk: "DeskNow", request: AccessRequest, cost_of: "CostOf", cap: float) -> None:
    """Draw the cost and, below it, the decision.

    Args:
        desk: gives the desk of whoever is signed in when the decision is sent.
        request: as it is drawn on this page.
        cost_of: the cost of a quota.
        cap: the population's.
    """
    with st.container(border=True):
        st.subheader("Privacy cost", anchor=False)
        place = st.container()
    with st.container(border=True):
        st.subheader("Your decision", anchor=False)
        choice = st.segmented_control(
            "Decision", (GRANT, DENY), default=GRANT, required=True, key=f"choice-{request.id}",
            label_visibility="collapsed", width="stretch",
        )  # fmt: skip
        told(request.id)
        if choice == DENY:
            quota = min(request.epsilon, cap)
            _deny(desk, request)
        else:
            quota = _grant(desk, request, cap)
    with place:
        cost_gauge.draw(cost_of(quota))


def told(request_id: str) -> None:
    """Draw, once, what became of the decision that was just made."""
    outcome: Outcome | None = st.session_state.pop(_outcome_key(request_id), None)
    if outcome is not None:
        markup.banner(outcome.text, good=outcome.recorded)


def _grant(desk: "DeskNow", request: AccessRequest, cap: float) -> float:
    left, right = st.columns(2)
    with left:
        quota = epsilon(request, cap)
    days = right.selectbox(
        "Valid for", EXPIRIES, index=EXPIRIES.index(90), format_func=lambda d: words.counted(d, "day"),
        key=f"days-{request.id}",
    )  # fmt: skip
    key = f"note-{request.id}"
    st.text_area("Note to the asker (optional)", max_chars=REASON_CHARS, key=key, height=80)
    st.button(
        f"Grant {words.epsilon(quota)} for {words.counted(days, 'day')}",
        type="primary",
        width="stretch",
        on_click=_record,
        args=(desk, request, key, quota, days),
    )
    return quota


def _deny(desk: "DeskNow", request: AccessRequest) -> None:
    key = f"reason-{request.id}"
    with st.form(f"deny-{request.id}", border=False):
        st.text_area("Reason, which the asker reads", max_chars=REASON_CHARS, key=key, height=120)
        st.form_submit_button(
            "Deny the request", type="primary", width="stretch", on_click=_record, args=(desk, request, key)
        )


def _record(
    desk: "DeskNow", request: AccessRequest, reason_key: str, quota: float | None = None, days: int = 0
) -> None:
    """Send a decision about the request as it was drawn; what becomes of it is told on the next drawing."""
    reason = str(st.session_state.get(reason_key) or "").strip()
    if quota is None and not reason:
        outcome = Outcome(False, wording.REASON_NEEDED)
    else:
        outcome = _sent(desk, request, reason, quota, days)
    st.session_state[_outcome_key(request.id)] = outcome


def _sent(desk: "DeskNow", request: AccessRequest, reason: str, quota: float | None, days: int) -> Outcome:
    try:
        if quota is None:
            desk().deny(request, reason)
            return Outcome(True, wording.DENIED)
        if desk().grant(request, quota, days, reason).status is RequestStatus.SUBMITTED:
            return Outcome(True, wording.FIRST_OF_TWO)
        return Outcome(True, wording.granted(quota, days))
    except errors.DecisionOutdated:
        return Outcome(False, wording.OUTDATED)
    except (errors.NodeUnreachable, errors.NodeUnavailable):
        return Outcome(False, wording.UNCERTAIN)
    except errors.JaliError as failure:
        return Outcome(False, f"Nothing was recorded: {failure}")


def _outcome_key(request_id: str) -> str:
    return f"outcome-{request_id}"


DeskNow = Callable[[], Desk]
CostOf = Callable[[float], Cost]
