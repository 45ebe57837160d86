"""Adding and changing people, and tokens. What is shown once stands on the next drawing, and is then gone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from jali import errors
from jali.wire.person import NAME_MAX, Person, Role, Scope, Token
from jali_portal import wording
from jali_portal.components import confirm, markup, outcome
from jali_portal.components.confirm import Step
from jali_portal.desk import Desk
from jali_portal.viewmodels import people as view

DeskNow = Callable[[], Desk]
INVITE, CHANGE, REMOVE, ERASE = "Invite", "Change role", "Remove", "Erase name"
DAYS = (7, 30, 90, 180, 365)


@dataclass(frozen=True)
class Outcome:
    """What became of something, and what is shown of it this once."""

    done: bool
    text: str
    secret: str = ""


def told(key: str) -> None:
    """Draw, once, what became of what was just done."""
    outcome: Outcome | None = st.session_state.pop(f"outcome-{key}", None)
    if outcome is None:
        return
    markup.banner(outcome.text, good=outcome.done)
    if outcome.secret:
        st.code(outcome.secret, language=None, wrap_lines=True)


def add(desk: DeskNow) -> None:
    """Draw the form for somebody new."""
    with st.container(border=True):
        markup.section("Add a person")
        told("add")
        with st.form("add", border=False):
            st.text_input("Name", max_chars=NAME_MAX, key="add-name")
            st.selectbox("Role", list(view.ROLES), index=2, format_func=view.ROLES.__getitem__, key="add-role")
            st.text_input("Projects, separated by commas (optional)", key="add-projects")
            st.form_submit_button("Add and invite", type="primary", width="stretch", on_click=_add, args=(desk,))


def change(desk: DeskNow, present: Sequence[Person]) -> None:
    """Draw the choice of somebody, and what may be done."""
    names = {person.id: person.name for person in present}
    with st.container(border=True):
        markup.section("Change somebody")
        told("change")
        outcome.told("erase")
        chosen = st.selectbox("Person", list(names), format_func=names.__getitem__, key="change-person")
        what = st.segmented_control(
            "What", (INVITE, CHANGE, REMOVE, ERASE), default=INVITE, required=True, key="change-what",
            label_visibility="collapsed", width="stretch",
        )  # fmt: skip
        person = next(person for person in present if person.id == chosen)
        if what == CHANGE:
            roles = list(view.ROLES)
            st.selectbox(
                "New role", roles, index=roles.index(person.role), format_func=view.ROLES.__getitem__, key="change-role"
            )
        if what == ERASE:
            _erasing(desk, person)
            return
        markup.quiet({INVITE: wording.INVITING, CHANGE: wording.NEW_ROLE, REMOVE: wording.REMOVING}[str(what)])
        button = f"{what}: {person.name}"
        st.button(button, type="primary", width="stretch", on_click=_change, args=(desk, person, what))


def _erasing(desk: DeskNow, person: Person) -> None:
    """Draw what erases a name, which is asked about first."""
    st.text_input("Other spellings of the name, separated by commas (optional)", key="erase-also")
    markup.quiet(wording.WHERE_A_NAME_STANDS)

    def act(reason: str) -> str:
        also = [word.strip() for word in str(st.session_state.get("erase-also", "")).split(",") if word.strip()]
        return wording.erased(desk().people.erase(person, also))

    def step() -> Step:
        return Step("erase", "Erase this name for good?", person.name, wording.ERASING, "Erase it for good", act)

    confirm.button(f"Erase: {person.name}", step, key="erase", type="primary", width="stretch")


def own_tokens(desk: DeskNow, found: Sequence[Token], lines: Sequence[tuple[str, ...]]) -> None:
    """Draw one's own tokens, a form for a new one, and the end of one."""
    with st.container(border=True):
        told("token")
        markup.table(("Token or session", "Good for", "Until", "Last used"), lines)
        left, right = st.columns(2, gap="large")
        with left, st.form("token", border=False):
            st.text_input("What the new token is for", max_chars=NAME_MAX, key="token-name")
            st.multiselect(
                "What it may do", list(view.SCOPES), default=[Scope.ASK], format_func=view.SCOPES.__getitem__,
                key="token-scopes",
            )  # fmt: skip
            st.selectbox("Good for, in days", DAYS, index=2, key="token-days")
            st.form_submit_button("Make a token", width="stretch", on_click=_make_token, args=(desk,))
        with right:
            names = {token.id: view.label(token) for token in found}
            st.selectbox("To be ended", list(names), format_func=names.__getitem__, key="revoke-id")
            markup.quiet(wording.REVOKING)
            st.button("End it now", width="stretch", on_click=_revoke, args=(desk,))


def _add(desk: DeskNow) -> None:
    projects = [name.strip() for name in str(st.session_state.get("add-projects", "")).split(",") if name.strip()]

    def act() -> Outcome:
        people = desk().people
        added = people.add(str(st.session_state["add-name"]).strip(), Role(st.session_state["add-role"]), projects)
        return Outcome(True, wording.invited(added.name), people.invite(added).text)

    _keep("add", act)


def _change(desk: DeskNow, person: Person, what: str) -> None:
    def act() -> Outcome:
        people = desk().people
        match what:
            case "Invite":
                return Outcome(True, wording.invited(person.name), people.invite(person).text)
            case "Change role":
                changed = people.change_role(person, Role(st.session_state["change-role"]))
                return Outcome(True, f"{changed.name} is {view.ROLES[changed.role].lower()} from now on.")
            case _:
                return Outcome(True, f"{people.remove(person).name} is removed; their sessions and tokens have ended.")

    _keep("change", act)


def _make_token(desk: DeskNow) -> None:
    def act() -> Outcome:
        state = st.session_state
        made = desk().account.make_token(state["token-name"].strip(), state["token-scopes"], state["token-days"])
        return Outcome(True, wording.SHOWN_ONCE, made.text)

    _keep("token", act)


def _revoke(desk: DeskNow) -> None:
    _keep("token", lambda: Outcome(True, f"{view.label(desk().account.revoke(st.session_state['revoke-id']))} ended."))


def _keep(key: str, act: Callable[[], Outcome]) -> None:
    try:
        outcome = act()
    except (errors.NodeUnreachable, errors.NodeUnavailable):
        outcome = Outcome(False, wording.UNCERTAIN_CHANGE)
    except errors.JaliError as failure:
        outcome = Outcome(False, f"Nothing was changed: {failure}")
    st.session_state[f"outcome-{key}"] = outcome
