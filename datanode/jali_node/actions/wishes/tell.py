"""Whatever happens to a wish is told once: a line of its discussion, an entry of the chain, and notices."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from jali.wire.discussion import Happened
from jali.wire.ids import PREFIX_REMARK, new_id
from jali_node import audit
from jali_node.actions.wishes import subject
from jali_node.actions.wishes.subject import Subject
from jali_node.node import Node
from jali_node.notices import outbox
from jali_node.people.caller import Caller
from jali_node.tables import DatasetRow, PersonRow, ProjectRow, RemarkRow

ENTRIES = {
    Happened.RESUBMITTED: audit.REQUEST_REVISED,
    Happened.COMMENTED: audit.REQUEST_COMMENTED,
    Happened.CHANGES_ASKED: audit.REQUEST_RETURNED,
    Happened.WITHDRAWN: audit.REQUEST_WITHDRAWN,
    Happened.EXPIRED: audit.REQUEST_EXPIRED,
}
"""What else happens has entries of its own: it was filed, approved, or decided."""


def tell(
    session: Session, node: Node, row: Subject, happened: Happened, by: Caller | None, text: str = ""
) -> RemarkRow:
    """Record what has happened, in the transaction that makes it true. Without a caller, a rule or the calendar did."""
    now = datetime.now(UTC)
    remark = RemarkRow(
        id=new_id(PREFIX_REMARK),
        subject_id=row.id,
        person_id=None if by is None else by.id,
        happened=happened,
        revision=row.revision,
        text=text,
        at=now,
    )
    session.add(remark)
    session.flush()
    person = remark.person_id
    if entry := ENTRIES.get(happened):
        facts = {"subject": row.id, "revision": row.revision, "digest": row.digest, "remark": remark.id, "by": person}
        binding = subject.binding(row) if happened is Happened.RESUBMITTED else {}
        audit.record(session, entry, **facts, **binding)
    by_asker = by is not None and by.id == row.person_id
    to_owners = by_asker or happened in (Happened.APPROVED_FIRST, Happened.EXPIRED)
    to_asker = not by_asker and happened is not Happened.APPROVED_FIRST
    _post(session, node, row, f"request.{happened}", now, to_owners=to_owners, to_asker=to_asker)
    return remark


def owners(session: Session, node: Node, row: Subject, what: str) -> None:
    """Send owners a notice of what nobody else is told: no line, and no entry."""
    _post(session, node, row, what, datetime.now(UTC), to_owners=True, to_asker=False)


def _post(
    session: Session, node: Node, row: Subject, what: str, now: datetime, *, to_owners: bool, to_asker: bool
) -> None:
    if not node.settings.notices.tells_anybody:
        return
    event = outbox.Event(
        kind=what,
        about=row.id,
        wish=subject.kind(row),
        revision=row.revision,
        asker_id=row.person_id,
        at=now,
        to_owners=to_owners,
        to_asker=to_asker,
        names={
            "person": session.get_one(PersonRow, row.person_id).name,
            "project": session.get_one(ProjectRow, row.project_id).name,
            "dataset": session.get_one(DatasetRow, row.dataset_id).name,
        },
    )
    outbox.post(session, node.settings.notices, node.node_id, event)
