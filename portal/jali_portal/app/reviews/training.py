"""The page of a training job: the model as it will run, and its cost beside the decision."""

import streamlit as st

from jali import errors
from jali.wire.jobs.train import Job, JobStatus
from jali_portal import wording
from jali_portal.app import visit
from jali_portal.components import job_decision, markup, model_graph
from jali_portal.desk import Desk
from jali_portal.viewmodels import cost
from jali_portal.viewmodels import training as view

LIVE = (JobStatus.APPROVED, JobStatus.QUEUED, JobStatus.RUNNING)
REFRESH_S = 2.0


def draw(job_id: str) -> None:
    """Draw a job, its cost, and the decision."""
    desk = visit.desk()
    job = desk.job(job_id)
    page = view.page(job, visit.now(), visit.zone())
    kind = '<span class="j-badge j-neutral">Training</span>'
    markup.show(f'<div class="j-line">{markup.badge(page.status)} {kind}</div>')
    markup.title(page.title)
    left, right = st.columns([1.35, 1], gap="medium")
    with left:
        _asked(page)
    with right:
        _decision(desk, job, page)


def _asked(page: view.TrainingPage) -> None:
    with st.container(border=True):
        st.subheader("The job", anchor=False)
        markup.facts(page.facts)
    with st.container(border=True):
        st.subheader("Purpose, in the asker's words", anchor=False)
        st.text(page.purpose, width="stretch")
    with st.container(border=True):
        st.subheader("What the model is shown", anchor=False)
        markup.facts(page.reads)
    with st.container(border=True):
        st.subheader("The model", anchor=False)
        markup.quiet(wording.MODEL_IS_DATA)
        model_graph.draw(page.graph)
    with st.container(border=True):
        st.subheader("How it is trained", anchor=False)
        markup.facts(page.how)
        markup.quiet(wording.TRAINING_IS_IDEALISED)


def _decision(desk: Desk, job: Job, page: view.TrainingPage) -> None:
    if job.status is not JobStatus.SUBMITTED:
        with st.container(border=True):
            st.subheader("Decided", anchor=False)
            job_decision.told(job.id)
            markup.facts(page.decision)
        with st.container(border=True):
            st.subheader("Progress", anchor=False)
            _progress(job.id)
        return
    population = desk.population(desk.dataset(job.training.dataset).population.id)
    book = desk.accounts()
    account = book.account(population.account)
    if account is None:
        markup.note(wording.NO_ACCOUNT)
        return
    others = cost.open_quotas(desk.requests(), book.quotas(account.id), visit.now())
    job_decision.draw(visit.desk, job, cost.cost(population, account, others, job.quote.price))


@st.fragment(run_every=REFRESH_S)
def _progress(job_id: str) -> None:
    """Draw where the job stands, again and again."""
    try:
        job = visit.desk().job(job_id)
    except errors.NotSignedIn:
        st.rerun()  # the whole page, whose boundary says that the session is over
    page = view.page(job, visit.now(), visit.zone())
    st.progress(job.rounds_done / job.training.rounds, text=page.progress)
    markup.quiet(f"The job is {job.status.value}.")
