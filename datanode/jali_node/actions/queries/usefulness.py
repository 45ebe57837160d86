"""Whether an answer could tell anything, from public facts alone: asked before anything is spent."""

from jali.estimates import top
from jali.wire.dataset import Column
from jali.wire.money import EPSILON_MAX
from jali.wire.quote import Forecast
from jali_node.actions.queries.question import Question
from jali_node.errors import AnswerUseless

VAGUE_SHARE = 0.5
"""Noise that reaches further than this share of the expected count, or of half the range, is warned about."""
WHOLE = 0.99
"""Noise that reaches over this share of all that a figure could be tells nothing."""
COUNTS = frozenset({"count", "missing"})


def refuse_if_useless(question: Question) -> None:
    """Raise AnswerUseless where every figure's noise reaches over all that it could be, if all rows counted.

    The forecast knows the card alone, so that the refusal says nothing about rows. Whoever insists is answered.
    """
    if question.query.insist or not is_useless(question, question.query.epsilon):
        return
    enough = least_useful(question)
    advice = f"from about epsilon={enough:.2g} it would begin to tell something" if enough else "no price would help"
    raise AnswerUseless(
        f"at epsilon={question.query.epsilon:.4g} the noise would reach over all that the {question.query.describe()} "
        f"could be; {advice}. Nothing was spent. Ask for fewer columns, bins or groups, or insist",
        field="epsilon",
        epsilon=question.query.epsilon,
        enough=enough,
    )


def is_useless(question: Question, epsilon: float) -> bool:
    """Say whether no figure of the answer would tell anything at this price."""
    rows = question.registered.shown().size
    shares = [_share(row, question, rows) for row in question.planned(epsilon).forecast(rows)]
    known = [share for share in shares if share is not None]
    return bool(known) and min(known) >= WHOLE


def least_useful(question: Question) -> float | None:
    """Return about the smallest price at which some figure would tell something; None if there is none."""
    low, high = question.query.epsilon, EPSILON_MAX
    if is_useless(question, high):
        return None
    while high > low * 1.05:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if is_useless(question, middle) else (low, middle)
    return high


def warnings(question: Question, forecast: tuple[Forecast, ...], counted: bool) -> tuple[str, ...]:
    """Return what somebody should know before paying; `counted` where the number of rows is known from a paid count."""
    said = []
    if question.query.selection.where is not None and not counted:
        said.append("how many rows match is not public: these intervals are expected if all do, wider ones if fewer")
    blurred = [row for row in forecast if row.figure == "count" and row.half_width > VAGUE_SHARE * row.expected > 0]
    if blurred:
        worst = max(blurred, key=lambda row: row.half_width)
        said.append(
            f"noise of +-{worst.half_width:.0f} against some {worst.expected:.0f} rows in a count: the answer may be "
            "of little use; raise epsilon, or ask for fewer bins or groups"
        )
    means = [row for row in forecast if row.figure == "mean"]
    vague = [row for row in means if row.half_width > VAGUE_SHARE * _half_range(question, row)]
    if vague:
        said.append(
            f"the noise of {len(vague)} of {len(means)} means reaches over half of the public range; raise epsilon, "
            "ask for fewer columns or groups, or ask the owner for narrower bounds"
        )
    return tuple(said)


def _share(row: Forecast, question: Question, rows: int) -> float | None:
    """Return how much of what a figure could be its noise covers; None for figures that are not judged."""
    if row.key == (top.RAREST,):
        return row.expected / max(rows, 1)
    if row.figure in COUNTS:
        return row.half_width / max(rows, 1)
    if row.figure == "distinct":
        return row.half_width / max(row.expected, 1)
    if row.figure in ("mean", "quantile") or row.figure.endswith("%"):
        return row.half_width / _half_range(question, row)
    return None


def _half_range(question: Question, row: Forecast) -> float:
    """Return half the public range of the column that a figure is of: the one it is keyed by, or the last one read."""
    columns: dict[str, Column] = {column.name: column for column in question.plan.columns}
    keyed = columns.get(row.key[0]) if len(row.key) == 1 else None
    bounds = (keyed.bounds if keyed else None) or question.plan.columns[-1].bounds
    return (bounds[1] - bounds[0]) / 2 if bounds else float("inf")
