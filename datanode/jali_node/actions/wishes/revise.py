"""A wish is replaced by its next revision; the one before is kept, and what others agreed to falls."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jali.wire.changes import Changes, compared
from jali_node.actions.wishes import subject
from jali_node.actions.wishes.subject import Subject
from jali_node.errors import InvalidRequest, UnknownResource
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.tables import ApprovalRow, RevisionRow

REVISIONS_MAX = 100


def keep(session: Session, node: Node, row: Subject, digest: str) -> None:
    """Keep a wish as it is now, before its next revision, which has this digest, is written into its row.

    Raises:
        InvalidRequest: nothing differs, or there are too many revisions.
    """
    if digest == row.digest:
        raise InvalidRequest(f"nothing differs from revision {row.revision}; change something", field="revision")
    if row.revision >= REVISIONS_MAX:
        raise InvalidRequest(
            f"expected at most {REVISIONS_MAX} revisions, this would be {row.revision + 1}; file a new request",
            field="revision",
        )
    before = RevisionRow(
        subject_id=row.id,
        number=row.revision,
        digest=row.digest,
        content=json.dumps(subject.content(row)),
        purpose_digest=row.purpose_digest,
        created_at=datetime.now(UTC),
    )
    session.add(before)
    session.execute(delete(ApprovalRow).where(ApprovalRow.subject_id == row.id))
    row.digest, row.purpose_digest = digest, None
    row.revision += 1
    subject.wait_anew(row, node.settings)


def show_changes(node: Node, caller: Caller, subject_id: str, since: int | None, until: int | None) -> Changes:
    """Return what differs between two revisions: the newest and the one before it, unless others are named.

    Raises:
        UnknownResource: there is no such request or revision, or it is somebody else's.
    """
    with node.database.reading() as session:
        row = subject.visible(session, caller, subject_id)
        after = row.revision if until is None else until
        before = max(1, after - 1) if since is None else since
        return Changes(
            before=before,
            after=after,
            changes=compared(_revision(session, row, before), _revision(session, row, after)),
        )


def _revision(session: Session, row: Subject, number: int) -> Any:
    if number == row.revision:
        return subject.content(row)
    query = select(RevisionRow.content).where(RevisionRow.subject_id == row.id, RevisionRow.number == number)
    kept = session.scalars(query).one_or_none()
    if kept is None:
        raise UnknownResource(f"expected a revision from 1 to {row.revision}, got {number}", field="revision")
    return json.loads(kept)
