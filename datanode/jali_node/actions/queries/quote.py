"""What a question would cost, and how exact its answer would be. Free, and no row is read."""

from jali.wire.money import from_fixed
from jali.wire.query import Query, Wish
from jali.wire.quote import Forecast, Quote
from jali_node.actions.queries.question import Question, judged, known_answer
from jali_node.errors import ApprovalRequired, InvalidRequest
from jali_node.ledger import accountant
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy.rules import AskOwner

USELESS_SHARE = 0.5
"""Noise that reaches further than this share of the expected count, or of half the range, is warned about."""


def quote(node: Node, caller: Caller, wish: Wish) -> Quote:
    """Return price, forecast, and what would be left of the asker's own quota.

    Raises:
        ApprovalRequired: the question lies outside the grant; asking it would file a request, quoting does not.
        Refused: as asking would be.
    """
    if wish.epsilon is None:
        raise InvalidRequest("an error cannot be asked for yet", field="error")
    query = Query(**wish.model_dump(exclude={"error"}))
    with node.database.reading() as session:
        question = judged(session, caller, query)
        if isinstance(question, AskOwner):
            raise ApprovalRequired("this lies outside what was granted: asking it will file a request to an owner")
        repeated = known_answer(session, question) is not None
    terms, units = question.quota.terms, question.registered.shown().size
    cost = accountant.charge(question.plan.event, terms)
    fits = repeated or question.quota.fits(cost)
    after = question.quota.with_held(cost) if fits and not repeated else question.quota
    forecast = question.plan.forecast(units)
    return Quote(
        epsilon=query.epsilon,
        price=0.0 if repeated else from_fixed(accountant.price(cost, terms)),
        repeated=repeated,
        fits=fits,
        left_before=from_fixed(question.quota.left()),
        left_after=from_fixed(after.left()),
        forecast=forecast,
        split=question.plan.split,
        warnings=_warnings(question, forecast, fits),
    )


def _warnings(question: Question, forecast: tuple[Forecast, ...], fits: bool) -> tuple[str, ...]:
    said = [] if fits else ["your quota has no room for this"]
    blurred = [row for row in forecast if row.figure == "count" and row.half_width > USELESS_SHARE * row.expected > 0]
    if blurred:
        worst = max(blurred, key=lambda row: row.half_width)
        said.append(
            f"noise of +-{worst.half_width:.0f} against some {worst.expected:.0f} rows in a count: the answer may be "
            "of little use; raise epsilon, or ask for fewer bins or groups"
        )
    means = [row for row in forecast if row.figure == "mean"]
    vague = [row for row in means if row.half_width > USELESS_SHARE * _half_range(question, row)]
    if vague:
        said.append(
            f"the noise of {len(vague)} of {len(means)} means reaches over half of the public range; raise epsilon, "
            "ask for fewer columns or groups, or ask the owner for narrower bounds"
        )
    return tuple(said)


def _half_range(question: Question, row: Forecast) -> float:
    """Return half the public range of the column that a mean is of: the one it is keyed by, or the last one read."""
    columns = {column.name: column for column in question.plan.columns}
    column = columns.get(row.key[0]) if len(row.key) == 1 else None
    bounds = (column or question.plan.columns[-1]).bounds or question.plan.columns[-1].bounds
    return (bounds[1] - bounds[0]) / 2 if bounds else float("inf")
