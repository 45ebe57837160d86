"""The page of a request for access to a dataset."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from jali.wire.request import AccessRequest, RequestKind, RequestStatus
from jali_portal import wording, words
from jali_portal.app import visit
from jali_portal.components import cost_gauge, decision_form, markup, tabs
from jali_portal.components.outcome import told
from jali_portal.desk import Desk
from jali_portal.viewmodels import access as view
from jali_portal.viewmodels import checks, cost

KINDS = {RequestKind.ACCESS: "Access", RequestKind.BUDGET: "More budget", RequestKind.QUESTION: "One question"}


def draw(request_id: str) -> None:
    """Draw a request, its cost, and the decision."""
    desk = visit.desk()
    request = desk.request(request_id)
    page = view.access(request, desk.dataset(request.dataset), visit.now(), visit.zone(), desk.me.id)
    revision = f' <span class="j-badge j-neutral">Revision {request.revision}</span>' if request.revision > 1 else ""
    kind = f'<span class="j-badge j-neutral">{KINDS[request.kind]}</span>{revision}'
    markup.show(f'<div class="j-line">{markup.badge(page.status)} {kind}</div>')
    markup.title(page.title)
    money = _money(desk, request)
    left, right = st.columns([1.35, 1], gap="medium")
    with left:
        tabs.draw(visit.desk, request, lambda: _summary(desk, request, page, money), visit.now(), visit.zone())
    with right:
        _decision(desk, request, page, money)


def _summary(desk: Desk, request: AccessRequest, page: view.Access, money: "Money | None") -> None:
    with st.container(border=True):
        markup.section("The request")
        markup.facts(page.facts)
    with st.container(border=True):
        markup.section("Purpose, in the asker's words")
        st.text(page.purpose, width="stretch")
    if money is not None and request.status.is_open:
        found = money.cost_of(min(request.epsilon, max(money.cap, 0.0)) or request.epsilon)
        tabs.checks(checks.of_request(request, desk.requests(), found, visit.now()))
    with st.container(border=True):
        markup.section("What is asked for")
        markup.lead(f"{page.breadth}.")
        if page.statistics:
            markup.quiet(f"Statistics: {words.listed(page.statistics)}.")
        markup.quiet(f"{page.dataset_title}. {page.dataset_description}")
        markup.table(
            ("Column", "Meaning", "Declared values", "Asked for"),
            [(line.name, line.meaning, line.values, "yes" if line.asked else "no") for line in page.columns],
        )
        markup.quiet(f"{wording.CARD_IS_DECLARED} {wording.ROWS_ARE_UNITS}")


@dataclass(frozen=True)
class Money:
    """What a decision is weighed with: the most that may be granted, and the cost of an amount."""

    cap: float
    cost_of: Callable[[float], cost.Cost]


def _money(desk: Desk, request: AccessRequest) -> Money | None:
    """Return the cost of granting a request, or None where the ledger does not show the account."""
    population = desk.population(desk.dataset(request.dataset).population.id)
    book = desk.accounts()
    account = book.account(population.account)
    if account is None:
        return None
    quotas = book.quotas(account.id)
    raised = quotas.get(request.raises or "")
    others = cost.open_quotas(desk.requests(), {name: q for name, q in quotas.items() if q is not raised}, visit.now())
    base = raised.cap if raised else 0.0
    return Money(
        population.budget.cap - base, lambda amount: cost.cost(population, account, others, round(base + amount, 12))
    )


def _decision(desk: Desk, request: AccessRequest, page: view.Access, money: Money | None) -> None:
    if request.status is not RequestStatus.SUBMITTED:
        with st.container(border=True):
            waits = request.status is RequestStatus.CHANGES_ASKED
            markup.section("Waits for the asker" if waits else "Decided")
            told(request.id)
            markup.facts(page.decision)
    elif money is None:
        markup.note(wording.NO_ACCOUNT)
    elif not desk.decides:
        cost_gauge.alone(money.cost_of(min(request.epsilon, max(money.cap, 0.0)) or request.epsilon))
    else:
        decision_form.draw(visit.desk, request, money.cost_of, money.cap)
