"""A policy's text and a proposal for another: what is wrong at which line, what would change, and adopting it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

import streamlit as st

from jali import errors
from jali.wire import policy
from jali.wire.policy import DryRun, PolicyInvalid, PolicyVersion
from jali_portal import wording
from jali_portal.components import confirm, markup
from jali_portal.components.confirm import Step
from jali_portal.components.outcome import Outcome
from jali_portal.desk import Desk
from jali_portal.viewmodels import policies

DeskNow = Callable[[], Desk]
ABOUT = "policies"
TEXT, _TRIED = "policy-text", "policy-tried"
LINES_HIGH = 320


@dataclass(frozen=True)
class Tried:
    """A text that was tried: what is wrong with it, or else what it would change."""

    text: str
    wrong: tuple[PolicyInvalid, ...] = ()
    found: DryRun | None = None


def shown(version: PolicyVersion) -> None:
    """Draw a version's text."""
    if version.text.strip():
        _listing(policies.listing(version.text))


def earlier(versions: list[PolicyVersion]) -> None:
    """Draw the versions before, one at a time."""
    with st.expander("Earlier versions"):
        numbers = {version.number: version for version in versions}
        chosen = st.selectbox("Version", list(numbers), format_func="Version {}".format, width=200)
        shown(numbers[chosen])


def propose(desk: DeskNow, version: PolicyVersion, now: datetime, zone: tzinfo) -> None:
    """Draw the editor and, once a text was tried, what was found; for owners."""
    with st.container(border=True):
        markup.section("Propose another")
        with st.form("propose", border=False, enter_to_submit=False):
            st.text_area(
                "The policy, in TOML", version.text, key=TEXT, height=LINES_HIGH, max_chars=policy.TEXT_MAX
            )  # fmt: skip
            markup.quiet(wording.POLICY_CHECKED)
            st.form_submit_button("Check and try", type="primary", on_click=_try, args=(desk,))
        tried: Tried | None = st.session_state.get(_TRIED)
        if tried is not None and tried.text != version.text:
            _draw(desk, version, tried, now, zone)
        elif tried is not None:
            markup.quiet("This is the text that is in force.")


def _draw(desk: DeskNow, version: PolicyVersion, tried: Tried, now: datetime, zone: tzinfo) -> None:
    if tried.wrong:
        count = len(tried.wrong)
        markup.banner("This is no policy yet: " + ("one thing is" if count == 1 else f"{count} things are") + " wrong.",
                      good=False)  # fmt: skip
        _listing(policies.listing(tried.text, tried.wrong))
        return
    if tried.found is None:
        return
    trial = policies.trial(tried.found, now, zone)
    markup.banner(f"{trial.title}.", good=True)
    if trial.rows:
        markup.points(trial.short)
        markup.table(trial.heads, trial.rows, numbers=(4,))
    with st.expander("What changes in the text"):
        _listing(policies.differences(version.text, tried.text))
    confirm.button("Adopt this policy", lambda: _adopting(desk, version, tried, trial), key="adopt", type="primary")


def _adopting(desk: DeskNow, version: PolicyVersion, tried: Tried, trial: policies.Trial) -> Step:
    def act(_: str) -> str:
        made = desk().owner.set_policy(tried.text, replaces=version)
        st.session_state.pop(_TRIED, None)
        return f"Version {made.number} is in force."

    thing = f"Version {version.number + 1}, in place of version {version.number}"
    effects = (f"{trial.title}.", *trial.short, *wording.ADOPTING)
    return Step(ABOUT, "Put this policy in force", thing, effects, "Adopt it", act)


def _try(desk: DeskNow) -> None:
    text = str(st.session_state.get(TEXT) or "")
    tried = Tried(text, policy.complaints(text))
    try:
        if not tried.wrong:
            tried = Tried(text, found=desk().owner.try_policy(text))
    except errors.InvalidRequest as failure:
        tried = Tried(text, (policies.complaint(failure),))
    except errors.JaliError as failure:
        Outcome(False, f"It could not be tried: {failure}").keep(ABOUT)
        return
    st.session_state[_TRIED] = tried


def _listing(lines: tuple[policies.Line, ...]) -> None:
    markup.listing((line.number, line.text, line.kind, line.notes) for line in lines)
