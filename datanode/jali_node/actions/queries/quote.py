"""What a question would cost, and how exact its answer would be. Free, and no row is read."""

from sqlalchemy.orm import Session

from jali.wire.money import EPSILON_MAX, from_fixed
from jali.wire.policy import NO_POLICY, Policy
from jali.wire.query import Query, Wish
from jali.wire.quote import Quote
from jali_node.actions.queries import accuracy, paid, usefulness
from jali_node.actions.queries.accuracy import Accuracy
from jali_node.actions.queries.question import Question, judged, known_answer, refuse_if_frozen
from jali_node.errors import ApprovalRequired
from jali_node.ledger import accountant, book, refusal
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy.rules import AskOwner


def quote(node: Node, caller: Caller, wish: Wish) -> Quote:
    """Return price, forecast, and what would be left of the asker's own quota.

    Raises:
        ApprovalRequired: the question lies outside the grant; asking it would file a request, quoting does not.
        Refused: as asking would be.
    """
    with node.database.reading() as session:
        settled = Accuracy(wish.epsilon) if wish.epsilon else _solved(session, caller, wish)
        question = _granted(session, caller, wish, settled.epsilon)
        repeated = known_answer(session, question) is not None
        if not repeated:
            refuse_if_frozen(session, question)
        counted = paid.counted_rows(session, question.registered, wish)
    terms = question.quota.terms
    cost = accountant.charge(question.plan.event, terms)
    price, quota = accountant.price(cost, terms), question.quota
    fits = repeated or quota.fits(cost)
    said = () if fits else (refusal.exhausted(question.grant.account_id, book.QUOTA, quota, cost, price).detail,)
    after = question.quota.with_held(cost) if fits and not repeated else question.quota
    forecast = question.plan.forecast(question.registered.shown().size if counted is None else counted)
    return Quote(
        epsilon=settled.epsilon,
        price=0.0 if repeated else from_fixed(price),
        repeated=repeated,
        fits=fits,
        left_before=from_fixed(question.quota.left()),
        left_after=from_fixed(after.left()),
        forecast=forecast,
        split=question.plan.split,
        warnings=(
            *said,
            *usefulness.warnings(question, forecast, counted is not None),
        ),
        first=settled.first,
    )


def _solved(session: Session, caller: Caller, wish: Wish) -> Accuracy:
    """Return the price that gives an error, for whom grants let ask; rules judge it once it is known."""
    question = _granted(session, caller, wish, EPSILON_MAX, NO_POLICY)
    return accuracy.solved(session, question.registered, wish)


def _granted(session: Session, caller: Caller, wish: Wish, epsilon: float, policy: Policy | None = None) -> Question:
    """Return the wish as a question at a price, if it may be asked."""
    query = Query(**{**wish.model_dump(exclude={"error"}), "epsilon": epsilon})
    question = judged(session, caller, query, policy)
    if isinstance(question, AskOwner):
        said = f"{question.reason}; asking it will file a request to an owner"
        raise ApprovalRequired(said, rule=question.rule)
    return question
