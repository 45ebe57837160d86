"""What a form asks for, checked against what there is: the facts that a request's row holds."""

import json
from dataclasses import dataclass

from sqlalchemy.orm import Session

from jali.wire.dataset import Card
from jali.wire.money import DELTA_UNITS, digest, from_fixed, to_fixed
from jali.wire.query import Query
from jali.wire.request import AccessRequestForm, BudgetRequestForm, QuestionRequestForm, RequestForm
from jali.wire.statistics import STATISTICS
from jali_node.errors import InvalidRequest, UnknownColumn, UnknownResource
from jali_node.ledger import book
from jali_node.people.caller import Caller
from jali_node.people.sight import seen
from jali_node.statistics.plan import plan
from jali_node.store import clock, projects
from jali_node.store.catalog import Registered
from jali_node.tables import AccessRequestRow, AccountRow, GrantRow

KINDS = tuple(str(statistic.model_fields["kind"].default) for statistic in STATISTICS)


@dataclass(frozen=True)
class Wanted:
    """A form's facts. `statistics`, `columns` and `job_kinds` are JSON lists, None for all."""

    kind: str
    dataset_id: str
    project_id: str
    purpose: str
    epsilon: int
    statistics: str | None = None
    columns: str | None = None
    job_kinds: str | None = None
    delta: int | None = None
    query: str | None = None
    question: str | None = None
    raises: str | None = None

    def write(self, row: AccessRequestRow) -> None:
        """Make a row ask for this."""
        for name, value in vars(self).items():
            setattr(row, name, value)


def wanted(session: Session, caller: Caller, form: RequestForm) -> Wanted:
    """Return what a form asks for.

    Raises:
        AccessDenied, ProjectEnded, UnknownDataset, UnknownResource: not for this person or project.
        InvalidRequest, UnknownColumn, WrongColumnType, BoundsUnknown: it does not fit the card, or the grant.
    """
    match form:
        case AccessRequestForm():
            return _access(session, caller, form)
        case BudgetRequestForm():
            return _budget(session, caller, form)
        case QuestionRequestForm():
            return _question(session, caller, form)


def question_digest(query: Query) -> str:
    """Return what a grant for one question is bound to: the question at its price. People and project stand beside."""
    return digest({"question": query.digest, "epsilon": query.epsilon})


def form_for_question(query: Query) -> QuestionRequestForm:
    """Return the wish for exactly one question, as it is filed for whoever asks what needs asking."""
    purpose = f"To ask one question outside of what was granted: {query.describe()}"[:4000]
    return QuestionRequestForm(kind="question", query=query.model_copy(update={"insist": False}), purpose=purpose)


def _access(session: Session, caller: Caller, form: AccessRequestForm) -> Wanted:
    caller.must_belong_to(form.project)
    projects.refuse_if_ended(session, form.project)
    registered = seen(session, caller, form.dataset)
    _refuse_unknown_names(form, registered.card)
    return Wanted(
        kind=form.kind,
        dataset_id=form.dataset,
        project_id=form.project,
        purpose=form.purpose,
        epsilon=to_fixed(form.epsilon),
        statistics=None if form.statistics is None else json.dumps(sorted(form.statistics)),
        columns=None if form.columns is None else json.dumps(sorted(form.columns)),
        job_kinds=None if form.job_kinds is None else json.dumps(sorted(form.job_kinds)),
        delta=_checked_delta(session, registered, form.delta),
    )


def _budget(session: Session, caller: Caller, form: BudgetRequestForm) -> Wanted:
    grant = session.get(GrantRow, form.grant)
    if grant is None or grant.person_id != caller.id:
        raise UnknownResource("there is no such grant, or it is not yours", field="grant")
    caller.must_belong_to(grant.project_id)
    projects.refuse_if_ended(session, grant.project_id)
    if grant.expires_at <= clock.now(session):
        raise InvalidRequest(f"this grant ended on {grant.expires_at:%Y-%m-%d}; ask for access again", field="grant")
    if grant.question is not None:
        raise InvalidRequest("this grant is for one question at its price; ask for access instead", field="grant")
    return Wanted(
        kind=form.kind,
        dataset_id=grant.dataset_id,
        project_id=grant.project_id,
        purpose=form.purpose,
        epsilon=to_fixed(form.epsilon),
        statistics=grant.statistics,
        columns=grant.columns,
        job_kinds=grant.job_kinds,
        raises=grant.id,
    )


def _question(session: Session, caller: Caller, form: QuestionRequestForm) -> Wanted:
    query = form.query
    caller.must_belong_to(query.project)
    projects.refuse_if_ended(session, query.project)
    registered = seen(session, caller, query.dataset)
    terms = book.terms(session.get_one(AccountRow, registered.population.account_id))
    card = registered.card
    plan(
        query.statistic,
        card.columns,
        query.epsilon,
        terms,
        selection=query.selection,
        max_rows=card.max_rows,
        entity=card.entity,
    )
    return Wanted(
        kind=form.kind,
        dataset_id=query.dataset,
        project_id=query.project,
        purpose=form.purpose,
        epsilon=to_fixed(query.epsilon),
        statistics=json.dumps([query.statistic.kind]),
        columns=json.dumps(sorted(query.reads)),
        job_kinds=json.dumps([]),
        query=query.model_dump_json(),
        question=question_digest(query),
    )


def _checked_delta(session: Session, registered: Registered, delta: float | None) -> int | None:
    """Return what unknown keys may take (1e-18), if the population sets as much aside for them."""
    if delta is None:
        return None
    pool = book.terms(session.get_one(AccountRow, registered.population.account_id)).pool
    if to_fixed(delta, DELTA_UNITS) > pool:
        most = from_fixed(pool, DELTA_UNITS)
        raise InvalidRequest(
            f"expected at most the {most:.3g} that the population sets aside for unknown keys, got {delta:.3g}",
            field="delta",
        )
    return to_fixed(delta, DELTA_UNITS)


def _refuse_unknown_names(form: AccessRequestForm, card: Card) -> None:
    for i, kind in enumerate(form.statistics or ()):
        if kind not in KINDS:
            raise InvalidRequest(f"expected one of {', '.join(KINDS)}", field=f"statistics.{i}")
    known = {column.name for column in card.all_columns}
    for i, name in enumerate(form.columns or ()):
        if name not in known:
            raise UnknownColumn("the dataset has no column of that name", field=f"columns.{i}")
