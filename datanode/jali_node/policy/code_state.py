"""A code job's legal moves. Nothing else decides about its status.

submitted --> approved --> running --> held --> released     (an output left; no epsilon covers it)
  ^ |  |         |  |          |         '----> destroyed    (by a person, or because nobody decided in time)
  | |  |         |  '--> failed          (from before it began, for a public reason)
  | |  |         '-----> cancelled <-----' (from running and held too: the output is destroyed)
  | |  '--> denied, withdrawn, expired <--.
  | '-----> changes_asked ----------------'
  '---------------'  (resubmitted; a submitted one may be, too)

From running, nothing that rows decide leads anywhere but to held: a failure is an output, too.
"""

from jali.wire.jobs.code import CodeStatus
from jali_node.errors import DecisionOutdated

ALWAYS = (CodeStatus.DENIED, CodeStatus.WITHDRAWN, CodeStatus.EXPIRED, CodeStatus.SUBMITTED)
MOVES = {
    CodeStatus.SUBMITTED: (CodeStatus.APPROVED, CodeStatus.CHANGES_ASKED, *ALWAYS),
    CodeStatus.CHANGES_ASKED: ALWAYS,
    CodeStatus.APPROVED: (CodeStatus.RUNNING, CodeStatus.CANCELLED, CodeStatus.FAILED),
    CodeStatus.RUNNING: (CodeStatus.HELD, CodeStatus.CANCELLED),
    CodeStatus.HELD: (CodeStatus.RELEASED, CodeStatus.DESTROYED, CodeStatus.CANCELLED),
}
ENDED = tuple(status for status in CodeStatus if status not in MOVES)


def moved(status: CodeStatus, to: CodeStatus) -> CodeStatus:
    """Return the new status, or raise DecisionOutdated if the job may not go there."""
    if to not in MOVES.get(status, ()):
        raise DecisionOutdated(f"the job is {shown(status)}, so it cannot become {to}", field="status", status=status)
    return to


def shown(status: CodeStatus, oversees: bool = False) -> CodeStatus:
    """Return a status as somebody may know it: that an output waits is for those who oversee the node.

    To its asker it runs until a person has decided, since how long it ran may say what rows hold.
    """
    return CodeStatus.RUNNING if status is CodeStatus.HELD and not oversees else status
