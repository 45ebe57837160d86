"""One question's way through the house: judged, charged, answered, stored, and only then sent."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from jali.wire.ids import PREFIX_RELEASE, new_id
from jali.wire.money import from_fixed
from jali.wire.query import Query
from jali.wire.release import Noised, Release
from jali_node.actions.datasets.snapshots import snapshot
from jali_node.actions.policies import history
from jali_node.actions.queries import timetable, usefulness
from jali_node.actions.queries.judge import Judged, judge
from jali_node.actions.queries.question import Question, admitted, known_answer, others_answer, refuse_if_frozen
from jali_node.actions.requests.file_request import file_for_question
from jali_node.errors import ApprovalRequired, NodeUnavailable, Refused
from jali_node.ledger import accountant, book, chain
from jali_node.ledger.book import Spend
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy.rules import Allow, AskOwner
from jali_node.store import releases
from jali_node.tables import AccountRow, ReleaseRow

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """Noised measurements as the JSON that will leave, and whether they are those of an empty table."""

    measurements: str
    failed: bool

    @classmethod
    def of(cls, measured: Mapping[str, Noised], *, failed: bool) -> "Answer":
        """Return measurements as an answer."""
        text = json.dumps({name: noised.model_dump(exclude_none=True) for name, noised in measured.items()})
        return cls(text, failed)


def ask(node: Node, caller: Caller, query: Query) -> Release:
    """Answer a question, once, at its price.

    The population's account and the asker's quota are charged in one durable commit before any row is read. A
    question that the project has an answer to is free. What happens to rows after the charge changes neither status
    nor shape: where they cannot be read, the answer is the noise of an empty table.

    Raises:
        Refused: nothing was charged, except NodeUnavailable after the charge: then the spend stands.
    """
    with node.database.reading() as session:
        head = chain.head(session)
        if given := node.repeats.get(caller, query, head):
            return given
        found = judge(session, caller, query)
        question = _allowed(session, found)
        if question and (known := known_answer(session, question)):
            repeated = _shown(session, question, known, repeated=True)
            node.repeats.put(caller, query, head, repeated)
            return repeated
        if question:
            refuse_if_frozen(session, question)
    if question is None:
        raise _not_allowed(node, found)
    try:
        usefulness.refuse_if_useless(question)
        with node.turnstile.alone(f"{question.query.project} {question.registered.version.id} {question.digest}"):
            return _paid(node, question, found, head)
    except Refused as refused:
        if not isinstance(refused, NodeUnavailable):  # then it was noted with its charge, or nothing can be written
            _noted(node, found)
        raise


def _allowed(session: Session, found: Judged) -> Question | None:
    if not isinstance(found.judgement.verdict, Allow):
        return None
    question = admitted(session, found)
    assert isinstance(question, Question)  # noqa: S101 - allowed
    return question


def _not_allowed(node: Node, found: Judged) -> Refused:
    """Return why not, having filed a request where an owner is to be asked."""
    _noted(node, found)
    with node.database.reading() as session:
        verdict = admitted(session, found)
    assert isinstance(verdict, AskOwner)  # noqa: S101 - a denial was raised
    return _asked(node, found.caller, found.query, verdict)


def _noted(node: Node, found: Judged) -> None:
    with node.database.writing() as session:
        history.note_question(session, found.place, found.judgement)


def _paid(node: Node, question: Question, found: Judged, head: str) -> Release:
    """Charge, measure, wait for the time that was fixed beforehand, and only then store what nobody saw before.

    Args:
        head: the chain's when the question was found to be new; while it stands still, it is.
    """
    snapshot(question.registered).refuse_if_changed()
    with node.departures.place():
        slot = timetable.slot_of(node, question)
        with node.database.writing() as session:
            if chain.head(session) != head and (known := known_answer(session, question)):  # a twin has gone first
                return _shown(session, question, known, repeated=True)
            history.note_question(session, found.place, found.judgement)
            spend, answer = _begun(session, question)
        with node.departures.leaving(slot.after_s) as departure:
            answer = answer or _measured(node, question)
        with node.database.writing() as session:
            if departure.missed:
                timetable.count_late(session, slot)
            row = _stored(session, question, spend, answer)
            return _shown(session, question, row, repeated=False)


def _begun(session: Session, question: Question) -> tuple[Spend, Answer | None]:
    """Begin the spend. Where another project has paid the population for the very answer, the quota's alone.

    What it then gets leaves at the usual time too: nobody learns what others asked.
    """
    if other := others_answer(session, question):
        return book.spend_of_quota(session, question.purchase()), Answer(other.measurements, other.from_failure)
    return book.spend(session, question.purchase()), None


def _measured(node: Node, question: Question) -> Answer:
    """Return the noised measurements, or those of an empty table where rows could not be read.

    Everything that a source or an engine can raise ends here: an error that occurs only if some row exists would tell
    of that row with certainty.
    """
    source = snapshot(question.registered)
    try:
        exact = node.engines.tallies(source, question.plan.tallies, question.query.selection)
        return Answer.of(question.plan.noised(exact), failed=False)
    except Exception as error:
        log.warning("rows of version %s could not be read: %s", source.version, type(error).__name__)
    return Answer.of(question.plan.of_nothing(), failed=True)


def _stored(session: Session, question: Question, spend: Spend, answer: Answer) -> ReleaseRow:
    row = _release(question, spend.id, answer)
    session.add(row)
    session.flush()
    try:
        book.commit(session, spend.id, {"release": row.id, "measurements": book.release_digest(answer.measurements)})
    except book.IllegalStep as error:
        raise NodeUnavailable(
            "the node restarted while this was answered; the spend stands and this answer was destroyed"
        ) from error
    return row


def _release(question: Question, spend_id: str, answer: Answer) -> ReleaseRow:
    terms = question.quota.terms
    return ReleaseRow(
        id=new_id(PREFIX_RELEASE),
        spend_id=spend_id,
        person_id=question.caller.id,
        project_id=question.query.project,
        dataset_id=question.registered.dataset.id,
        version_id=question.registered.version.id,
        question=question.digest,
        statistic=question.query.statistic.model_dump_json(),
        selection=question.query.selection.model_dump_json(),
        rows=question.query.selection.digest,
        noise=json.dumps(question.plan.noise),
        asked=question.asked,
        loss=accountant.loss(accountant.charge(question.plan.event, terms), terms).model_dump_json(),
        measurements=answer.measurements,
        from_failure=answer.failed,
        created_at=datetime.now(UTC),
    )


def _shown(session: Session, question: Question, row: ReleaseRow, *, repeated: bool) -> Release:
    quota = book.present(session.get_one(AccountRow, question.grant.account_id, populate_existing=True))
    dataset = question.registered.shown()
    left = from_fixed(quota.left())
    return releases.shown(row, dataset, left, repeated=repeated, asked=question.query)


def _asked(node: Node, caller: Caller, query: Query, verdict: AskOwner) -> ApprovalRequired:
    with node.database.writing() as session:
        filed = file_for_question(session, node, caller, query)
    said = f"{verdict.reason}; an owner has been asked: request {filed}"
    return ApprovalRequired(said, request=filed, rule=verdict.rule)
