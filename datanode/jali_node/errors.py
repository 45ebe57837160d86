"""Every way in which a node says no, each with one code, one status, and no value from the data.

Refused
├── InvalidRequest        400  a field is wrong; `field` names it
├── AnswerUseless         400  the noise would cover all that the answer could be
├── EpsilonTooSmall       400  no noise is large enough for so small a price
├── UnknownColumn         400
├── WrongColumnType       400
├── BoundsUnknown         400
├── GraphRefused          400  a model that will not be built here, with one class for each reason
│   ├── GraphNotRunnable      400  it cannot be built, or does not give one row for each record
│   ├── RowsMixed             400  what it gives for a row depends on other rows
│   ├── OutputNotFinite       400  it gives infinity or nothing on ordinary rows
│   ├── WeightsTooLarge       400  more bytes than its parameters take
│   ├── WeightsUnreadable     400  not a whole safetensors file
│   ├── WeightNamesDiffer     400  tensors too many or too few
│   ├── WeightShapesDiffer    400
│   ├── WeightTypeWrong       400  not float32
│   ├── WeightNotFinite       400
│   └── WeightOutOfBounds     400  a magnitude that no training needs
├── NotSignedIn           401
├── TokenExpired          401
├── AccessDenied          403
├── GrantRequired         403
├── BudgetExhausted       403
├── CodeJobsOff          403
├── ProjectEnded          403
├── Frozen                403  a node, an account, a dataset or a grant is stopped until it is unfrozen
├── UnknownDataset        404
├── UnknownResource       404
├── DatasetChanged        409  the file is no longer the one that was registered
├── DecisionOutdated      409
├── JobChanged            409  the job is no longer what was approved
├── ExtraMissing          409  this node lacks what the job needs
├── BodyTooLarge          413
├── TooManyAttempts       429  to sign in; the detail says how long to wait
├── TooManyRequests       429  from one person or address; nothing was done
├── NodeUnavailable       503  the node's own database does not answer
│   ├── ClockBehind           503  the clock stands before the newest entry: nothing is appended until it is right
│   └── LedgerIncomplete      503  the ledger lacks entries, as after a restore: nothing is spent until its owner acts
└── ApprovalRequired      202  not a refusal: an owner has been asked
"""

from typing import Any, ClassVar

from jali.wire.problem import Code, Problem


class Refused(Exception):
    """A refusal that may leave the node.

    Args:
        detail: one sentence on what happened and what to do; never a value from the data.
        field: dotted path of the offending input.
        facts: the numbers of the sentence, for programs.
    """

    code: ClassVar[Code]
    status: ClassVar[int]

    def __init__(self, detail: str, *, field: str | None = None, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.facts = facts

    def problem(self) -> Problem:
        """Return the body of the reply."""
        return Problem(
            title=self.code.value.replace("_", " "),
            status=self.status,
            code=self.code,
            detail=self.detail,
            field=self.field,
            facts=self.facts,
        )


class InvalidRequest(Refused):
    """An input is not of the form that it must have."""

    code, status = Code.INVALID_REQUEST, 400


class EpsilonTooSmall(Refused):
    """The price is below what any release costs at this delta."""

    code, status = Code.EPSILON_TOO_SMALL, 400


class UnknownColumn(Refused):
    """The dataset has no column of that name."""

    code, status = Code.UNKNOWN_COLUMN, 400


class WrongColumnType(Refused):
    """The statistic needs a column of another type."""

    code, status = Code.WRONG_COLUMN_TYPE, 400


class AnswerUseless(Refused):
    """The noise would reach over all that the answer could be; nothing was spent."""

    code, status = Code.ANSWER_USELESS, 400


class BoundsUnknown(Refused):
    """The statistic needs public bounds, which the owner did not declare."""

    code, status = Code.BOUNDS_UNKNOWN, 400


class GraphRefused(Refused):
    """A model that this node will not build, or not with these weights. Each reason has a class, all have one code."""

    code, status = Code.GRAPH_REFUSED, 400


class GraphNotRunnable(GraphRefused):
    """The graph cannot be built, or what is built does not give one row for each record."""


class RowsMixed(GraphRefused):
    """What the model gives for a row depends on the other rows, so one record's influence has no bound."""


class OutputNotFinite(GraphRefused):
    """The model gives infinities on ordinary rows."""


class WeightsTooLarge(GraphRefused):
    """The weights are more bytes than the graph's parameters take."""


class WeightsUnreadable(GraphRefused):
    """The weights are not a whole safetensors file."""


class WeightNamesDiffer(GraphRefused):
    """The weights hold other tensors than the graph has parameters."""


class WeightShapesDiffer(GraphRefused):
    """A tensor has another shape than the graph's parameter of its name."""


class WeightTypeWrong(GraphRefused):
    """A tensor is not of 32-bit floats."""


class WeightNotFinite(GraphRefused):
    """A tensor holds infinities or values that are not numbers."""


class WeightOutOfBounds(GraphRefused):
    """A tensor holds a number larger than any training needs."""


class NotSignedIn(Refused):
    """There is no token, or it is not one of this node's."""

    code, status = Code.NOT_SIGNED_IN, 401


class TokenExpired(Refused):
    """The token has passed its end or was revoked."""

    code, status = Code.TOKEN_EXPIRED, 401


class AccessDenied(Refused):
    """This person may not do that."""

    code, status = Code.ACCESS_DENIED, 403


class GrantRequired(Refused):
    """Nobody has granted this person access to the dataset for this project."""

    code, status = Code.GRANT_REQUIRED, 403


class BudgetExhausted(Refused):
    """The price does not fit what is left of a quota or a cap."""

    code, status = Code.BUDGET_EXHAUSTED, 403


class CodeJobsOff(Refused):
    """The owner has not turned code jobs on for this dataset."""

    code, status = Code.CODE_JOBS_OFF, 403


class ProjectEnded(Refused):
    """The project is over: nothing is asked for it, and no job of it begins."""

    code, status = Code.PROJECT_ENDED, 403


class Frozen(Refused):
    """The owner has stopped this for now; `facts` say what, since when, and which account."""

    code, status = Code.FROZEN, 403


class UnknownDataset(Refused):
    """There is no such dataset, or it is not for this person to know of."""

    code, status = Code.UNKNOWN_DATASET, 404


class UnknownResource(Refused):
    """There is no such thing, or it is not for this person to know of."""

    code, status = Code.UNKNOWN_RESOURCE, 404


class DatasetChanged(Refused):
    """The file differs from the one that was registered; an owner has to register it anew."""

    code, status = Code.DATASET_CHANGED, 409


class DecisionOutdated(Refused):
    """The request was decided already, or is not the one that was read."""

    code, status = Code.DECISION_OUTDATED, 409


class JobChanged(Refused):
    """The job is no longer what its owner decided about, so it does not run."""

    code, status = Code.JOB_CHANGED, 409


class ExtraMissing(Refused):
    """This node has not installed what the job needs; the detail says what to install."""

    code, status = Code.EXTRA_MISSING, 409


class BodyTooLarge(Refused):
    """The request's body is larger than the node reads."""

    code, status = Code.BODY_TOO_LARGE, 413


class TooManyAttempts(Refused):
    """Too many attempts to sign in; `facts["wait_s"]` is how long to wait."""

    code, status = Code.TOO_MANY_ATTEMPTS, 429


class TooManyRequests(Refused):
    """More requests than one person, or one address without a token, may send. Nothing was done."""

    code, status = Code.TOO_MANY_REQUESTS, 429


class NodeUnavailable(Refused):
    """The node's own database does not answer. What was begun stays spent."""

    code, status = Code.NODE_UNAVAILABLE, 503


class ClockBehind(NodeUnavailable):
    """The machine's clock stands before the ledger's newest entry; `facts` hold both times."""

    code, status = Code.CLOCK_BEHIND, 503


class LedgerIncomplete(NodeUnavailable):
    """The ledger lacks entries that its last checkpoint knows; its owner has to act before anything is spent."""

    code, status = Code.LEDGER_INCOMPLETE, 503


class ApprovalRequired(Refused):
    """Neither grant nor policy speaks, so an owner was asked; `facts["request"]` is the request's id."""

    code, status = Code.APPROVAL_REQUIRED, 202
