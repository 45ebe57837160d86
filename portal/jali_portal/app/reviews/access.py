"""The page of a request for access to a dataset."""

import streamlit as st

from jali.wire.request import AccessRequest, RequestStatus
from jali_portal import wording, words
from jali_portal.app import visit
from jali_portal.components import decision_form, markup
from jali_portal.desk import Desk
from jali_portal.viewmodels import access as view
from jali_portal.viewmodels import cost


def draw(request_id: str) -> None:
    """Draw a request, its cost, and the decision."""
    desk = visit.desk()
    request = desk.request(request_id)
    page = view.access(request, desk.dataset(request.dataset), visit.now(), visit.zone(), desk.me.id)
    markup.show(f'<div class="j-line">{markup.badge(page.status)} <span class="j-badge j-neutral">Access</span></div>')
    markup.title(page.title)
    left, right = st.columns([1.35, 1], gap="medium")
    with left:
        _asked(page)
    with right:
        _decision(desk, request, page)


def _asked(page: view.Access) -> None:
    with st.container(border=True):
        st.subheader("The request", anchor=False)
        markup.facts(page.facts)
    with st.container(border=True):
        st.subheader("Purpose, in the asker's words", anchor=False)
        st.text(page.purpose, width="stretch")
    with st.container(border=True):
        st.subheader("What is asked for", anchor=False)
        markup.lead(f"{page.breadth}.")
        if page.statistics:
            markup.quiet(f"Statistics: {words.listed(page.statistics)}.")
        markup.quiet(f"{page.dataset_title}. {page.dataset_description}")
        markup.table(
            ("Column", "Meaning", "Declared values", "Asked for"),
            [(line.name, line.meaning, line.values, "yes" if line.asked else "no") for line in page.columns],
        )
        markup.quiet(f"{wording.CARD_IS_DECLARED} {wording.ROWS_ARE_UNITS}")


def _decision(desk: Desk, request: AccessRequest, page: view.Access) -> None:
    if request.status is not RequestStatus.SUBMITTED:
        with st.container(border=True):
            st.subheader("Decided", anchor=False)
            decision_form.told(request.id)
            markup.facts(page.decision)
        return
    population = desk.population(desk.dataset(request.dataset).population.id)
    book = desk.accounts()
    account = book.account(population.account)
    if account is None:
        markup.note(wording.NO_ACCOUNT)
        return
    others = cost.open_quotas(desk.requests(), book.quotas(account.id), visit.now())
    decision_form.draw(
        visit.desk, request, lambda quota: cost.cost(population, account, others, quota), population.budget.cap
    )
