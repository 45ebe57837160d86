"""Everything that Jali refuses, by name.

    JaliError
    ├── Refused                the node answered, and said no
    │   ├── NotSignedIn        no token, or one that the node does not know
    │   ├── TokenExpired       ask the owner for a new one, then `jali login`
    │   ├── TooManyAttempts    too many wrong passwords; facts say how long to wait
    │   ├── TooManyRequests    more a second than the node takes; facts say how long to wait
    │   ├── AccessDenied       a rule of the owner says no
    │   ├── GrantRequired      nobody has granted this yet: request_access()
    │   ├── CodeJobsOff        the owner has not turned code jobs on for the dataset
    │   ├── ProjectEnded       the project is over: nothing is asked for it any more
    │   ├── ApprovalRequired   the owner decides each time; facts name the request
    │   ├── BudgetExhausted    the quota or the population's cap has no room for this price
    │   ├── Frozen             the owner has stopped the node, an account, a dataset or a grant for now
    │   ├── EpsilonTooSmall    no noise is large enough for a price this small
    │   ├── AnswerUseless      the noise would cover all that the answer could be; nothing was spent
    │   ├── InvalidRequest     an input has the wrong form; field names it
    │   ├── BodyTooLarge       the message is longer than the node reads
    │   ├── BoundsUnknown      the owner declared no bounds for this column
    │   ├── GraphRefused       the node will not build this model, or not with these weights
    │   ├── WrongColumnType    this statistic is for another type of column
    │   ├── UnknownColumn      (also a KeyError)
    │   ├── UnknownDataset     (also a KeyError)
    │   ├── UnknownResource    no such request, release or page
    │   ├── DatasetChanged     the data differ from what the owner registered
    │   ├── DecisionOutdated   the request changed after it was read
    │   ├── JobChanged         the job is no longer what its owner approved
    │   ├── ExtraMissing       the node lacks what the job needs
    │   ├── ClockBehind        the node's clock is wrong: its owner has to set it
    │   ├── LedgerIncomplete   the node was restored and lacks records: its owner has to act
    │   └── NodeUnavailable    the node answered that it cannot work now
    ├── NodeUnreachable        nobody answered, or not in time
    ├── UnexpectedReply        an answer that is not of the wire's form
    ├── IncompatibleNode       the node's wire version is too far from this SDK's
    ├── InsecureAddress        the address would send a token in the clear
    ├── ProfileMissing         no address or token is known: `jali login`
    ├── AmbiguousProject       several projects, none chosen
    ├── NotOffered             the node does not announce this statistic, or Jali has no such thing
    ├── NotPromised            an accuracy that cannot be promised before something else is asked
    ├── NotGenuine             a checkpoint that its node has not signed
    ├── NotTransportable       a model holds what cannot travel as data
    ├── NotCombinable          the nodes' public facts differ
    ├── PartlyAnswered         a federation's question was answered by some nodes only
    ├── DecisionPending        (also a TimeoutError) the owner has not decided yet
    ├── JobEnded               a job was denied, cancelled or failed
    └── RoundPending           (also a TimeoutError) a round's reply is not there yet

Refusals that follow from public facts alone are raised before anything is sent, with the same class.
"""

from collections.abc import Mapping
from typing import Any

from jali.wire.problem import Code, Problem


class JaliError(Exception):
    """What all of Jali's errors are.

    Attributes:
        detail: one sentence: what happened and what to do.
        field: the offending input, if there is one.
        facts: the numbers of the sentence, such as `left` and `price` (epsilon).
        status: the HTTP status of the node's answer, None where no node was asked.
    """

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        facts: Mapping[str, Any] | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.facts = dict(facts or {})
        self.status = status

    def __str__(self) -> str:
        return self.detail

    def _render_traceback_(self) -> list[str]:
        """One line in a notebook."""
        return [f"{type(self).__name__}: {self}"]


class Refused(JaliError):
    """The node answered, and said no. Raised itself only for a code that this SDK does not know yet."""


class NotSignedIn(Refused):
    """No token was sent, or one that the node does not know."""


class TokenExpired(Refused):
    """The token's time is over."""


class TooManyAttempts(Refused):
    """Too many attempts to sign in; `facts["wait_s"]` is how long to wait."""


class TooManyRequests(Refused):
    """More requests than the node takes from one person; nothing was done. `facts["wait_s"]` is how long to wait.

    The SDK waits and asks again by itself, within the time that it waits for an answer.
    """


class AccessDenied(Refused):
    """A rule of the owner says no."""


class GrantRequired(Refused):
    """Nobody has granted this yet."""


class CodeJobsOff(Refused):
    """The owner has not turned code jobs on for this dataset: no epsilon covers what they give back."""


class ProjectEnded(Refused):
    """The project is over; `facts["ended_at"]` says since when."""


class ApprovalRequired(Refused):
    """The owner decides about this question first; `facts["request"]` is the request that waits."""


class BudgetExhausted(Refused):
    """The quota or the population's cap has no room for this price."""


class Frozen(Refused):
    """The owner has stopped the node, an account, a dataset or a grant for now; `facts` say which.

    Nothing was charged.
    """


class EpsilonTooSmall(Refused):
    """The price is too small for any noise that the node can draw."""


class AnswerUseless(Refused):
    """At this price the noise would reach over all that the answer could be; `facts["enough"]` is a price that helps.

    Nothing was spent. `insist()` on the dataset asks all the same.
    """


class InvalidRequest(Refused):
    """An input has the wrong form; `field` names it."""


class BodyTooLarge(Refused):
    """The message is longer than the node reads."""


class BoundsUnknown(Refused):
    """The owner declared no bounds for this column, so its statistics have no bounded sensitivity."""


class GraphRefused(Refused):
    """The node will not build this model, or not with these weights; the sentence says why."""


class WrongColumnType(Refused):
    """This statistic is for another type of column."""


class UnknownColumn(Refused, KeyError):
    """The dataset has no column of this name."""


class UnknownDataset(Refused, KeyError):
    """The node shows no dataset of this name."""


class UnknownResource(Refused):
    """The node has no such request, release or page, or shows it to others only."""


class DatasetChanged(Refused):
    """The data are not what the owner registered; a new version has to be registered first."""


class DecisionOutdated(Refused):
    """The request is not what was read, or has been decided already. Read it again."""


class JobChanged(Refused):
    """The job is no longer what its owner approved, so it does not run. Submit it again."""


class ExtraMissing(Refused):
    """The node lacks what the job needs; its owner has to install it."""


class ClockBehind(Refused):
    """The node's clock stands before what it has recorded, so it spends and records nothing until it is right."""


class LedgerIncomplete(Refused):
    """The node was restored from a backup and lacks records, so it spends nothing until its owner has acted."""


class NodeUnavailable(Refused):
    """The node cannot work now. What it had begun to charge stays charged; asking again is then free."""


class NodeUnreachable(JaliError):
    """Nobody answered at the address, or not in time."""


class UnexpectedReply(JaliError):
    """The answer is not of the wire's form: another server, or a node that departs from the contract."""


class IncompatibleNode(JaliError):
    """The node's wire version is more than one away from this SDK's."""


class InsecureAddress(JaliError):
    """The address would send a token unencrypted to another machine, or carries a secret itself."""


class ProfileMissing(JaliError):
    """No address or no token is known."""


class AmbiguousProject(JaliError):
    """It is not clear for which project to ask."""


class NotOffered(JaliError):
    """The node does not announce this statistic among its capabilities, so nothing was sent."""


class NotPromised(JaliError):
    """An accuracy cannot be promised from what is public and has been paid for; the sentence says what to ask first.

    Nothing was asked or charged.
    """


class NotGenuine(JaliError):
    """A checkpoint that is not signed by the node that it names, or that cannot be read."""


class NotTransportable(JaliError):
    """A model holds what cannot travel as data; the sentence names the line and the way around."""


class NotCombinable(JaliError):
    """The nodes' public facts differ, so their answers would not add up. No node was charged."""


class PartlyAnswered(JaliError):
    """Some nodes of a federation answered and were charged, others did not.

    `facts["answered"]` holds release ids and `facts["failed"]` what went wrong, both by the node's name. The
    releases are stored, so asking the same again is free at the nodes that answered.
    """


class DecisionPending(JaliError, TimeoutError):
    """The owner has not decided within the time that the caller would wait."""


class JobEnded(JaliError):
    """A training job was denied, withdrawn, cancelled or failed, so it gives no more replies."""


class RoundPending(JaliError, TimeoutError):
    """A round's reply is not there within the time that the caller would wait; `detail` says what it waits for."""


BY_CODE: dict[str, type[Refused]] = {
    Code.ACCESS_DENIED: AccessDenied,
    Code.ANSWER_USELESS: AnswerUseless,
    Code.APPROVAL_REQUIRED: ApprovalRequired,
    Code.BODY_TOO_LARGE: BodyTooLarge,
    Code.BOUNDS_UNKNOWN: BoundsUnknown,
    Code.BUDGET_EXHAUSTED: BudgetExhausted,
    Code.CLOCK_BEHIND: ClockBehind,
    Code.CODE_JOBS_OFF: CodeJobsOff,
    Code.DATASET_CHANGED: DatasetChanged,
    Code.DECISION_OUTDATED: DecisionOutdated,
    Code.EPSILON_TOO_SMALL: EpsilonTooSmall,
    Code.EXTRA_MISSING: ExtraMissing,
    Code.FROZEN: Frozen,
    Code.GRANT_REQUIRED: GrantRequired,
    Code.GRAPH_REFUSED: GraphRefused,
    Code.INVALID_REQUEST: InvalidRequest,
    Code.JOB_CHANGED: JobChanged,
    Code.LEDGER_INCOMPLETE: LedgerIncomplete,
    Code.NODE_UNAVAILABLE: NodeUnavailable,
    Code.NOT_SIGNED_IN: NotSignedIn,
    Code.PROJECT_ENDED: ProjectEnded,
    Code.TOKEN_EXPIRED: TokenExpired,
    Code.TOO_MANY_ATTEMPTS: TooManyAttempts,
    Code.TOO_MANY_REQUESTS: TooManyRequests,
    Code.UNKNOWN_COLUMN: UnknownColumn,
    Code.UNKNOWN_DATASET: UnknownDataset,
    Code.UNKNOWN_RESOURCE: UnknownResource,
    Code.WRONG_COLUMN_TYPE: WrongColumnType,
}
"""The class of each of the wire's codes. A test holds it complete and the names equal."""


def error_class(code: str) -> type[Refused]:
    """Return the exception of a code's name; Refused for one that this SDK does not know."""
    return BY_CODE.get(code, Refused)


def from_problem(problem: Problem) -> Refused:
    """Return the exception for a node's refusal, of the same name as its code."""
    return error_class(problem.code)(problem.detail, field=problem.field, facts=problem.facts, status=problem.status)
