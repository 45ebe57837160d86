"""The page of a code job: the function as it will run, and its output in the airlock."""

import streamlit as st

from jali import errors
from jali.wire.dataset import Dataset
from jali.wire.jobs.code import CodeJob, CodeStatus, Held
from jali_portal import wording
from jali_portal.app import visit
from jali_portal.components import airlock, code_decision, markup, tabs
from jali_portal.components.outcome import told
from jali_portal.desk import Desk
from jali_portal.viewmodels import code as view


def draw(job_id: str) -> None:
    """Draw a job, its output where one waits, and the decision."""
    desk = visit.desk()
    job = desk.code_job(job_id)
    card = desk.dataset(job.form.dataset)
    page = view.page(job, card, visit.now(), visit.zone())
    revision = f' <span class="j-badge j-neutral">Revision {job.revision}</span>' if job.revision > 1 else ""
    kind = f'<span class="j-badge j-neutral">Code</span>{revision}'
    markup.show(f'<div class="j-line">{markup.badge(page.status)} {kind}</div>')
    markup.title(page.title)
    held = _held(desk, job)
    left, right = st.columns([1.35, 1], gap="medium")
    with left:
        tabs.draw(visit.desk, job, lambda: _summary(job, card, page, held), visit.now(), visit.zone())
    with right:
        _decision(desk, job, page, held)


def _held(desk: Desk, job: CodeJob) -> Held | None:
    """Return an output that waits and that whoever is signed in may read: auditors and its asker may not."""
    if job.status is not CodeStatus.HELD or not desk.decides or job.person == desk.me.id:
        return None
    try:
        return desk.owner.held(job)
    except (errors.UnknownResource, errors.DecisionOutdated):  # decided or destroyed a moment ago
        return None


def _summary(job: CodeJob, card: Dataset, page: view.CodePage, held: Held | None) -> None:
    if held is not None:
        airlock.output(view.preview(held, visit.now(), visit.zone()))
    with st.container(border=True):
        markup.section("The job")
        markup.facts(page.facts)
    with st.container(border=True):
        markup.section("Purpose, in the asker's words")
        st.text(page.purpose, width="stretch")
    if job.status.is_open:
        tabs.checks(view.checks(job, card, visit.now()))
    with st.container(border=True):
        markup.section("The function, which runs as it stands here")
        st.code(page.source, language="python", line_numbers=True, wrap_lines=True)
    with st.container(border=True):
        markup.section("What it is given")
        markup.table(("Column", "Type", "Meaning"), page.reads)
        markup.facts(page.runs)
        markup.quiet(wording.CODE_RUNS)
    with st.container(border=True):
        markup.section("Tried by its author on mock rows")
        markup.facts(page.tried)
        st.code(page.tried_output, language=None, wrap_lines=True)
        markup.quiet(wording.CODE_TRIED)


def _decision(desk: Desk, job: CodeJob, page: view.CodePage, held: Held | None) -> None:
    if job.status is CodeStatus.SUBMITTED and desk.decides:
        code_decision.draw(visit.desk, job)
        return
    if held is not None:
        airlock.decide(visit.desk, held)
        return
    with st.container(border=True):
        waits = {CodeStatus.SUBMITTED: "Waits for a decision", CodeStatus.CHANGES_ASKED: "Waits for the asker"}
        markup.section(waits.get(job.status, "Decided"))
        told(job.id)
        markup.facts(page.decision)
        if job.waiting_for:
            markup.quiet(f"It waits for {job.waiting_for}.")
