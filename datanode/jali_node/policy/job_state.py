"""A job's legal moves. Nothing else decides about a job's status.

submitted --> approved --> queued --> running --> done
  ^ |  |         |           |          |--> failed      (causes from before a round began, or public ones)
  | |  |         '-----------'----------'--> cancelled   (what was not begun is freed)
  | |  '--> denied, withdrawn, expired <--.
  | '-----> changes_asked ----------------'
  '---------------'  (resubmitted; a submitted one may be, too)
"""

from jali.wire.jobs.train import JobStatus
from jali_node.errors import DecisionOutdated

ALWAYS = (JobStatus.DENIED, JobStatus.WITHDRAWN, JobStatus.EXPIRED, JobStatus.SUBMITTED)
MOVES = {
    JobStatus.SUBMITTED: (JobStatus.APPROVED, JobStatus.CHANGES_ASKED, *ALWAYS),
    JobStatus.CHANGES_ASKED: ALWAYS,
    JobStatus.APPROVED: (JobStatus.QUEUED, JobStatus.CANCELLED, JobStatus.FAILED),
    JobStatus.QUEUED: (JobStatus.RUNNING, JobStatus.CANCELLED, JobStatus.FAILED),
    JobStatus.RUNNING: (JobStatus.QUEUED, JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED),
}
ENDED = (
    JobStatus.DENIED, JobStatus.WITHDRAWN, JobStatus.EXPIRED, JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED,
)  # fmt: skip


def moved(status: JobStatus, to: JobStatus) -> JobStatus:
    """Return the new status, or raise DecisionOutdated if the job may not go there."""
    if to not in MOVES.get(status, ()):
        raise DecisionOutdated(f"the job is {status}, so it cannot become {to}", field="status", status=status)
    return to
