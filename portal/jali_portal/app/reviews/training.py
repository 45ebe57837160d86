"""The page of a training job: the model as it will run, and its cost beside the decision."""

import streamlit as st

from jali import errors
from jali.wire.jobs.train import Job, JobStatus
from jali_portal import wording
from jali_portal.app import visit
from jali_portal.components import cost_gauge, job_decision, markup, model_graph, running_job, tabs
from jali_portal.components.outcome import told
from jali_portal.desk import Desk
from jali_portal.viewmodels import checks, cost
from jali_portal.viewmodels import training as view
from jali_portal.viewmodels.cost import Cost

LIVE = (JobStatus.APPROVED, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE)
REFRESH_S = 2.0


def draw(job_id: str) -> None:
    """Draw a job, its cost, and the decision."""
    desk = visit.desk()
    job = desk.job(job_id)
    page = view.page(job, visit.now(), visit.zone())
    revision = f' <span class="j-badge j-neutral">Revision {job.revision}</span>' if job.revision > 1 else ""
    kind = f'<span class="j-badge j-neutral">Training</span>{revision}'
    markup.show(f'<div class="j-line">{markup.badge(page.status)} {kind}</div>')
    markup.title(page.title)
    price = _price(desk, job)
    left, right = st.columns([1.35, 1], gap="medium")
    with left:
        tabs.draw(visit.desk, job, lambda: _summary(job, page, price), visit.now(), visit.zone())
    with right:
        _decision(desk, job, page, price)


def _summary(job: Job, page: view.TrainingPage, price: Cost | None) -> None:
    with st.container(border=True):
        markup.section("The job")
        markup.facts(page.facts)
    with st.container(border=True):
        markup.section("Purpose, in the asker's words")
        st.text(page.purpose, width="stretch")
    if price is not None and job.status.is_open:
        tabs.checks(checks.of_job(job, price, visit.now()))
    with st.container(border=True):
        markup.section("What the model is shown")
        markup.facts(page.reads)
    with st.container(border=True):
        markup.section("The model")
        markup.quiet(wording.MODEL_IS_DATA)
        model_graph.draw(page.graph)
    with st.container(border=True):
        markup.section("How it is trained")
        markup.facts(page.how)
        markup.quiet(wording.TRAINING_IS_EXACT if job.training.strict else wording.TRAINING_IS_IDEALISED)


def _price(desk: Desk, job: Job) -> Cost | None:
    """Return what the job costs, or None where the ledger does not show the account."""
    population = desk.population(desk.dataset(job.training.dataset).population.id)
    book = desk.accounts()
    account = book.account(population.account)
    if account is None:
        return None
    others = cost.open_quotas(desk.requests(), book.quotas(account.id), visit.now())
    return cost.cost(population, account, others, job.quote.price)


def _decision(desk: Desk, job: Job, page: view.TrainingPage, price: Cost | None) -> None:
    if job.status is JobStatus.SUBMITTED:
        if price is None:
            markup.note(wording.NO_ACCOUNT)
        elif not desk.decides:
            cost_gauge.alone(price, "training")
        else:
            job_decision.draw(visit.desk, job, price)
        return
    with st.container(border=True):
        markup.section("Waits for the asker" if job.status.is_open else "Decided")
        told(job.id)
        markup.facts(page.decision)
    if job.status in LIVE:
        with st.container(border=True):
            markup.section("Progress")
            _progress(job.id)
            running_job.draw(visit.desk, job, page.title)


@st.fragment(run_every=REFRESH_S)
def _progress(job_id: str) -> None:
    """Draw where the job stands, again and again."""
    try:
        job = visit.desk().job(job_id)
    except errors.NotSignedIn:
        st.rerun()  # the whole page, whose boundary says that the session is over
    page = view.page(job, visit.now(), visit.zone())
    st.progress(job.rounds_done / job.training.rounds, text=page.progress)
    waits = f" It waits for {job.waiting_for}." if job.waiting_for else ""
    markup.quiet(f"The job is {job.status.value}.{waits}")
