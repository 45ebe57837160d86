"""One question's way through the house: judged, charged, answered, stored, and only then sent."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from jali.wire.ids import PREFIX_RELEASE, new_id
from jali.wire.money import from_fixed
from jali.wire.query import Query
from jali.wire.release import Noised, Release
from jali_node.actions.datasets.snapshots import snapshot
from jali_node.actions.queries import usefulness
from jali_node.actions.queries.question import Question, judged, known_answer, others_answer
from jali_node.actions.requests.file_request import file_for_question
from jali_node.errors import ApprovalRequired, NodeUnavailable
from jali_node.ledger import accountant, book
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy.rules import AskOwner
from jali_node.store import releases
from jali_node.tables import AccountRow, ReleaseRow, SpendRow

log = logging.getLogger(__name__)


def ask(node: Node, caller: Caller, query: Query) -> Release:
    """Answer a question, once, at its price.

    The population's account and the asker's quota are charged in one durable commit before any row is read. A
    question that the project has an answer to is free. What happens to rows after the charge changes neither status
    nor shape: where they cannot be read, the answer is the noise of an empty table.

    Raises:
        Refused: nothing was charged, except NodeUnavailable after the charge: then the spend stands.
    """
    with node.database.reading() as session:
        question = judged(session, caller, query)
        if isinstance(question, Question) and (known := known_answer(session, question)):
            return _shown(session, question, known, repeated=True)
    if isinstance(question, AskOwner):
        raise _asked(node, caller, query, question)
    usefulness.refuse_if_useless(question)
    with node.turnstile.alone(f"{question.query.project} {question.registered.version.id} {question.digest}"):
        return _paid(node, question)


def _paid(node: Node, question: Question) -> Release:
    source = snapshot(question.registered)
    source.file.refuse_if_changed()
    with node.database.writing() as session:
        if known := known_answer(session, question):  # a twin of this question has gone first
            return _shown(session, question, known, repeated=True)
        if other := others_answer(session, question):
            return _shared(session, question, other)
        spend = book.reserve(session, question.purchase())
        book.begin(session, spend.id)
    measured, failed = _measured(node, question)
    with node.database.writing() as session:
        row = _stored(session, question, spend, measured, failed)
        shown = _shown(session, question, row, repeated=False)
    return shown


def _measured(node: Node, question: Question) -> tuple[dict[str, Noised], bool]:
    """Return the noised measurements, and whether they are those of an empty table because rows could not be read.

    Everything that a source or an engine can raise ends here: an error that occurs only if some row exists would tell
    of that row with certainty.
    """
    source = snapshot(question.registered)
    try:
        exact = node.warehouse.tallies(source, question.plan.tallies, question.query.selection)
        return question.plan.noised(exact), False
    except Exception as error:
        log.warning("rows of version %s could not be read: %s", source.version, type(error).__name__)
    return question.plan.of_nothing(), True


def _stored(
    session: Session, question: Question, spend: SpendRow, measured: Mapping[str, Noised], failed: bool
) -> ReleaseRow:
    text = json.dumps({name: noised.model_dump(exclude_none=True) for name, noised in measured.items()})
    row = _release(question, spend.id, text, failed)
    session.add(row)
    session.flush()
    try:
        book.commit(session, spend.id, {"release": row.id, "measurements": book.release_digest(text)})
    except book.IllegalStep as error:
        raise NodeUnavailable(
            "the node restarted while this was answered; the spend stands and this answer was destroyed"
        ) from error
    return row


def _shared(session: Session, question: Question, other: ReleaseRow) -> Release:
    """Answer with what another project has paid the population for: a release of its own, its own quota charged."""
    spend = book.charge_quota(session, question.purchase())
    row = _release(question, spend.id, other.measurements, other.from_failure)
    session.add(row)
    session.flush()
    book.commit(session, spend.id, {"release": row.id, "measurements": book.release_digest(other.measurements)})
    return _shown(session, question, row, repeated=False)


def _release(question: Question, spend_id: str, measurements: str, failed: bool) -> ReleaseRow:
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
        measurements=measurements,
        from_failure=failed,
        created_at=datetime.now(UTC),
    )


def _shown(session: Session, question: Question, row: ReleaseRow, *, repeated: bool) -> Release:
    quota = book.account(session.get_one(AccountRow, question.grant.account_id, populate_existing=True))
    dataset = question.registered.shown()
    left = from_fixed(quota.left())
    return releases.shown(row, dataset, left, repeated=repeated, asked=question.query)


def _asked(node: Node, caller: Caller, query: Query, verdict: AskOwner) -> ApprovalRequired:
    with node.database.writing() as session:
        filed = file_for_question(session, caller, query)
    return ApprovalRequired(f"{verdict.reason}: request {filed}", request=filed)
