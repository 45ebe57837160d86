"""What happened, besides spends: recorded in the same chain, by pseudonymous ids and digests."""

from typing import Any

from sqlalchemy.orm import Session

from jali.wire import evidence
from jali_node.ledger import chain, witness

NODE_CREATED = "node.created"
CHECKPOINT_KEPT = witness.KEPT
CLOCK_ACCEPTED = "clock.accepted"
CHECKPOINT_BROUGHT = "checkpoint.brought"
FREEZE_SET = "freeze.set"
FREEZE_LIFTED = "freeze.lifted"
PERSON_ADDED = "person.added"
PERSON_REMOVED = "person.removed"
PERSON_ERASED = "person.erased"
TEXT_ERASED = evidence.ERASED
PERSON_INVITED = "person.invited"
ROLE_CHANGED = "role.changed"
IDENTITY_BOUND = "identity.bound"
PASSWORD_SET = "password.set"  # noqa: S105 - an event's kind, not a secret
SIGNED_IN = "signin.succeeded"
SIGN_IN_FAILED = "signin.failed"
SIGNED_OUT = "signin.ended"
TOKEN_REVOKED = "token.revoked"  # noqa: S105 - an event's kind, not a secret
TOKEN_ISSUED = "token.issued"  # noqa: S105 - an event's kind, not a secret
PROJECT_ADDED = "project.added"
PROJECT_ENDED = "project.ended"
MEMBER_ADDED = "member.added"
MEMBER_REMOVED = "member.removed"
POPULATION_OPENED = "population.opened"
POPULATION_RAISED = "population.raised"
DATASET_REGISTERED = "dataset.registered"
DATASET_HIDDEN = "dataset.hidden"
DATASET_SHOWN = "dataset.shown"
DATASET_WITHDRAWN = "dataset.withdrawn"
DATASET_BROUGHT_BACK = "dataset.brought_back"
MOCK_ADDED = "mock.added"
REQUEST_FILED = "request.filed"
REQUEST_DECIDED = "request.decided"
REQUEST_REVISED = "request.revised"
REQUEST_COMMENTED = "request.commented"
REQUEST_RETURNED = "request.returned"
REQUEST_WITHDRAWN = "request.withdrawn"
REQUEST_EXPIRED = "request.expired"
APPROVAL_GIVEN = "approval.given"
GRANT_GIVEN = "grant.given"
GRANT_RAISED = "grant.raised"
POLICY_SET = "policy.set"
RETENTION_APPLIED = "retention.applied"
AUDIT_EXPORTED = "audit.exported"
EVIDENCE_TAKEN = "evidence.taken"
LEDGER_EXPORTED = "ledger.exported"
BACKUP_TAKEN = "backup.taken"
NOTICE_REVIVED = "notice.revived"
SETTINGS_CHANGED = "settings.changed"
JOB_SUBMITTED = "job.submitted"
JOB_DECIDED = "job.decided"
JOB_ENDED = "job.ended"
JOB_PAUSED = "job.paused"
JOB_RESUMED = "job.resumed"
JOB_ORDERED = "job.ordered"
DATASET_QUEUED = "dataset.queued"
CODE_ALLOWED = "dataset.code_allowed"
CODE_FORBIDDEN = "dataset.code_forbidden"

NOTHING_LOST = (
    SIGN_IN_FAILED, SIGNED_OUT, AUDIT_EXPORTED, EVIDENCE_TAKEN, LEDGER_EXPORTED, BACKUP_TAKEN, SETTINGS_CHANGED,
)  # fmt: skip
"""Events that no table knows of besides: after a restore there is nothing about them to be done again."""


def record(session: Session, kind: str, **body: Any) -> None:
    """Append an event, in the transaction that makes it true."""
    chain.append(session, kind, body)
