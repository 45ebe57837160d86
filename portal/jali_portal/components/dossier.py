"""A project's page: what it stands on, its members, what was asked and what has left for it."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from html import escape

import streamlit as st

from jali.wire.project import Member, Project
from jali_portal import wording, words
from jali_portal.components import confirm, markup, queue
from jali_portal.components.confirm import Step
from jali_portal.components.outcome import Outcome, told
from jali_portal.desk import Desk
from jali_portal.viewmodels import projects
from jali_portal.viewmodels.budgets import Facts
from jali_portal.viewmodels.projects import Sheet

DeskNow = Callable[[], Desk]
ABOUT = "projects"
NAME_CHARS, PURPOSE_CHARS, AGREEMENT_CHARS = 200, 4000, 200


def choose(found: Sequence[Project]) -> Project | None:
    """Draw the choice of a project, kept in the address, and return it."""
    names = [project.name for project in found]
    chosen = st.selectbox("Project", names, index=None, key="name", bind="query-params", placeholder="Choose one")
    return next((project for project in found if project.name == chosen), None)


def add(desk: DeskNow) -> None:
    """Draw the form for a new project, for owners."""
    with st.expander("Begin a new project"), st.form("begin", border=False, enter_to_submit=False):
        left, right = st.columns(2, gap="medium")
        left.text_input("Name", max_chars=NAME_CHARS, key="begin-name")
        left.text_input("Ethics or agreement number (optional)", max_chars=AGREEMENT_CHARS, key="begin-agreement")
        right.text_area("Purpose: what it wants to find out", max_chars=PURPOSE_CHARS, key="begin-purpose", height=80)
        right.date_input("Last day, in UTC (optional)", None, key="begin-day", format="YYYY-MM-DD")
        st.form_submit_button("Begin the project", type="primary", on_click=_begin, args=(desk,))


def draw(desk: DeskNow, found: Sheet, facts: Facts) -> None:
    """Draw one project; what changes it is drawn for owners alone."""
    project, owns = found.project, desk().owns
    with st.container(border=True):
        markup.heading(project.name)
        left, right = st.columns([1.4, 1], gap="large")
        with left:
            markup.facts(found.facts)
            markup.quiet("Purpose")
            st.text(project.purpose, width="stretch")
        with right:
            if owns:
                _end(desk, found, facts)
    _members(desk, found, facts, owns)
    with st.container(border=True):
        markup.section("Grants")
        if found.grants:
            heads = ("Who", "Dataset", "Quota spent", "Of the cap", "Until", "State")
            markup.table(heads, [(g.person, g.dataset, g.quota, g.share, g.until, g.state) for g in found.grants])
        else:
            markup.quiet("Nothing has been granted for it.")
    with st.container(border=True):
        markup.section("Requests")
        _wishes(found)
    with st.container(border=True):
        markup.section("Releases")
        _releases(found)


def evidence(desk: DeskNow, project: Project) -> None:
    """Draw the way to the signed file of all that was asked, decided and released; it is made when it is asked for."""
    with st.container(border=True):
        text, button = st.columns([3, 1], vertical_alignment="center")
        with text:
            markup.section("Evidence")
            markup.quiet(wording.EVIDENCE_IS)
        button.download_button(
            "Download the evidence",
            data=lambda: desk().owner.evidence_file(project),
            file_name=f"evidence-{project.id}.zip",
            mime="application/zip",
            on_click="ignore",
            width="stretch",
        )


def _members(desk: DeskNow, found: Sheet, facts: Facts, owns: bool) -> None:
    with st.container(border=True):
        markup.section("Members")
        if not found.members:
            markup.quiet("Nobody belongs to it yet.")
        for member in found.members:
            text, button = st.columns([5, 1], vertical_alignment="center")
            with text:
                markup.plain(member.name)
            if owns:
                with button:
                    step = partial(_leaving, desk, found, facts, member)
                    confirm.button("Remove", step, key=f"leave-{member.id}", width="stretch")
        if owns and found.joinable:
            with st.form("join", border=False, enter_to_submit=False):
                who, button = st.columns([5, 1], vertical_alignment="bottom")
                names = {person.id: person.name for person in found.joinable}
                who.selectbox("Add somebody", list(names), format_func=names.__getitem__, key="join-person")
                button.form_submit_button("Add", width="stretch", on_click=_join, args=(desk, found.project, names))


def _end(desk: DeskNow, found: Sheet, facts: Facts) -> None:
    project = found.project
    key = f"last-day-{project.id}"
    with st.form("last-day", border=False, enter_to_submit=False):
        day = project.last_day if project.last_day and not project.ended else None
        st.date_input("Last day", day, key=key, format="YYYY-MM-DD")
        markup.quiet(wording.LAST_DAY_IS)
        st.form_submit_button("Set the last day", width="stretch", on_click=_set_day, args=(desk, project, key))
    if not project.ended:
        confirm.button("End it now", lambda: _ending(desk, found, facts), key="end-project", width="stretch")


def _wishes(found: Sheet) -> None:
    if not found.wishes:
        markup.quiet("Nothing has been asked for it.")
    for wish_id, cells in found.wishes:
        text, link = st.columns([9, 1], vertical_alignment="center")
        with text:
            spans = "".join(f"<span>{escape(cell)}</span>" for cell in cells[:-1])
            markup.show(f'<div class="j-wish">{spans}<span>{markup.badge(cells[-1])}</span></div>')
        with link:
            st.page_link(queue.REQUEST_PAGE, label="Open", query_params={"id": wish_id})


def _releases(found: Sheet) -> None:
    if not found.releases:
        markup.quiet("Nothing has been released for it.")
        return
    markup.table(("When", "What", "To", "From", "Price"), found.releases, numbers=(4,))
    if found.released > len(found.releases):
        markup.quiet(f"The last {len(found.releases)} of {words.counted(found.released, 'release')}.")


def _ending(desk: DeskNow, found: Sheet, facts: Facts) -> Step:
    def act(_: str) -> str:
        desk().owner.end_project(found.project)
        return f"Ended: {found.project.name}."

    effects = projects.ending(found, facts)
    return Step(ABOUT, "End the project now", found.project.name, effects, "End it", act)


def _leaving(desk: DeskNow, found: Sheet, facts: Facts, member: Member) -> Step:
    def act(_: str) -> str:
        desk().owner.remove_member(found.project, member.id)
        return f"{member.name} belongs to {found.project.name} no longer."

    effects = projects.leaving(found, facts, member)
    return Step(ABOUT, "Remove from the project", f"{member.name}, {found.project.name}", effects, "Remove them", act)


def _begin(desk: DeskNow) -> None:
    state = st.session_state

    def act() -> str:
        name, purpose = (str(state[key]).strip() for key in ("begin-name", "begin-purpose"))
        made = desk().owner.add_project(name, purpose, str(state["begin-agreement"]).strip(), state["begin-day"])
        state["name"] = made.name
        return f"Begun: {made.name}. Add its members next."

    _keep(act)


def _join(desk: DeskNow, project: Project, names: dict[str, str]) -> None:
    def act() -> str:
        person = st.session_state["join-person"]
        desk().owner.add_member(project, person)
        return f"{names[person]} belongs to {project.name} now."

    _keep(act)


def _set_day(desk: DeskNow, project: Project, key: str) -> None:
    day: date | None = st.session_state[key]

    def act() -> str:
        changed = desk().owner.end_project(project, day)
        return f"{changed.name}: {changed.describe()}."

    if day is None:
        Outcome(False, "Choose a day first; to end the project at once, press End it now.").keep(ABOUT)
    else:
        _keep(act)


def _keep(act: Callable[[], str]) -> None:
    confirm.done(act).keep(ABOUT)


def outcome() -> None:
    """Draw, once, what became of what was just done."""
    told(ABOUT)
