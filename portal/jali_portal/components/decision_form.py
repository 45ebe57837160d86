"""Granting, asking for changes, denying. What is sent is the revision that was drawn, whatever became of it since."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from jali import errors
from jali.wire.request import AccessRequest, RequestKind, RequestStatus
from jali_portal import wording, words
from jali_portal.components import cost_gauge, markup
from jali_portal.components.outcome import Outcome, told
from jali_portal.desk import Desk
from jali_portal.viewmodels.cost import Cost

GRANT, CHANGES, DENY = "Grant", "Ask for changes", "Deny"
EXPIRIES = (7, 30, 90, 180, 365)
REFRESHES = (None, 7, 30, 90)
EPSILON_STEP = 0.1
EPSILON_MIN = 0.01
REASON_CHARS = 4000


@dataclass(frozen=True)
class Terms:
    """What a grant is set to: an amount, for how many days, and every how many of them it begins anew, if at all."""

    quota: float
    days: int = 0
    refresh_days: int | None = None


def draw(desk: "DeskNow", request: AccessRequest, cost_of: "CostOf", cap: float) -> None:
    """Draw the cost and, below it, the decision.

    Args:
        desk: gives the desk of whoever is signed in when the decision is sent.
        request: as it is drawn on this page.
        cost_of: the cost of an amount.
        cap: the most that may be granted.
    """
    with st.container(border=True):
        markup.section("Privacy cost")
        place = st.container()
    with st.container(border=True):
        markup.section("Your decision")
        choice = st.segmented_control(
            "Decision", (GRANT, CHANGES, DENY), default=GRANT, required=True, key=f"choice-{request.id}",
            label_visibility="collapsed", width="stretch",
        )  # fmt: skip
        told(request.id)
        terms = _terms(request, cap) if choice == GRANT else Terms(min(request.epsilon, cap))
        _send_form(desk, request, str(choice), terms)
    with place:
        cost_gauge.draw(cost_of(terms.quota))


def _terms(request: AccessRequest, cap: float) -> Terms:
    """Draw what a grant may be set to, and return it."""
    if request.kind is RequestKind.QUESTION:
        return Terms(request.epsilon, _days(request))
    if request.kind is RequestKind.BUDGET:
        return Terms(_epsilon(request, cap, "To add to the quota, in ε"))
    left, right = st.columns(2)
    with left:
        quota = _epsilon(request, cap, "Quota to grant, in ε")
    with right:
        terms = Terms(quota, _days(request))
    return replace(terms, refresh_days=_refresh_days(request, terms))


def _epsilon(request: AccessRequest, cap: float, label: str) -> float:
    return st.number_input(
        label,
        min_value=min(EPSILON_MIN, cap),
        max_value=max(cap, EPSILON_MIN),
        value=min(max(request.epsilon, EPSILON_MIN), cap),
        step=EPSILON_STEP,
        format="%.2f",
        key=f"epsilon-{request.id}",
        help=f"The asker wishes {words.epsilon(request.epsilon)}. You may grant less.",
    )


def _days(request: AccessRequest) -> int:
    return st.selectbox(
        "Valid for", EXPIRIES, index=EXPIRIES.index(90), format_func=lambda d: words.counted(d, "day"),
        key=f"days-{request.id}",
    )  # fmt: skip


def _refresh_days(request: AccessRequest, terms: Terms) -> int | None:
    """Draw whether the quota begins anew from time to time, and what that comes to."""
    shorter = tuple(days for days in REFRESHES if days is None or days < terms.days)
    chosen: int | None = st.selectbox(
        "The quota begins anew", shorter, key=f"refresh-{request.id}", help=wording.REFRESH_HELP,
        format_func=lambda d: "never" if d is None else f"every {words.counted(d, 'day')}",
    )  # fmt: skip
    if chosen:
        markup.note(wording.refreshes(terms.quota, chosen, terms.days))
    return chosen


def _send_form(desk: "DeskNow", request: AccessRequest, choice: str, terms: Terms) -> None:
    key = f"reason-{request.id}"
    button = {GRANT: _granting(request, terms), CHANGES: "Ask for these changes", DENY: "Deny the request"}
    label = {GRANT: "Note to the asker (optional)", CHANGES: "What to change, which the asker reads"}
    with st.form(f"decide-{request.id}", border=False, enter_to_submit=False):
        st.text_area(
            label.get(choice, "Reason, which the asker reads"), max_chars=REASON_CHARS, key=key,
            height=80 if choice == GRANT else 120,
        )  # fmt: skip
        st.form_submit_button(
            button[choice], type="primary", width="stretch", on_click=_record,
            args=(desk, request, choice, key, terms),
        )  # fmt: skip


def _granting(request: AccessRequest, terms: Terms) -> str:
    if request.kind is RequestKind.BUDGET:
        return f"Grant {words.epsilon(terms.quota)} more"
    what = "this question at " if request.kind is RequestKind.QUESTION else ""
    every = f" every {words.counted(terms.refresh_days, 'day')}" if terms.refresh_days else ""
    return f"Grant {what}{words.epsilon(terms.quota)}{every} for {words.counted(terms.days, 'day')}"


def _record(desk: "DeskNow", request: AccessRequest, choice: str, reason_key: str, terms: Terms) -> None:
    """Send a decision about the request as it was drawn; what becomes of it is told on the next drawing."""
    reason = str(st.session_state.get(reason_key) or "").strip()
    if choice != GRANT and not reason:
        outcome = Outcome(False, wording.REASON_NEEDED)
    else:
        outcome = sent(lambda: _decided(desk(), request, choice, reason, terms))
    outcome.keep(request.id)


def _decided(desk: Desk, request: AccessRequest, choice: str, reason: str, terms: Terms) -> str:
    """Send a decision, and return what to say of it."""
    if choice == DENY:
        desk.decide(request, RequestStatus.DENIED, reason)
        return wording.DENIED
    if choice == CHANGES:
        desk.decide(request, RequestStatus.CHANGES_ASKED, reason)
        return wording.CHANGES_ASKED
    granted = desk.grant(request, terms.quota, terms.days, reason, terms.refresh_days)
    if granted.status is RequestStatus.SUBMITTED:
        return wording.FIRST_OF_TWO
    return wording.granted(terms.quota, terms.days, terms.refresh_days)


def sent(decide: Callable[[], str]) -> Outcome:
    """Return what becomes of sending a decision: what it says of itself, or why nothing was recorded."""
    try:
        return Outcome(True, decide())
    except errors.DecisionOutdated as failure:
        return Outcome(False, wording.outdated(failure.facts))
    except (errors.NodeUnreachable, errors.NodeUnavailable):
        return Outcome(False, wording.UNCERTAIN)
    except errors.JaliError as failure:
        return Outcome(False, f"Nothing was recorded: {failure}")


DeskNow = Callable[[], Desk]
CostOf = Callable[[float], Cost]
