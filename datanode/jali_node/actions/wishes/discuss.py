"""What both sides say about a request or a job, and the steps of its life between it."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from jali.wire.discussion import CommentForm, Happened, Remark
from jali_node.actions.wishes import subject
from jali_node.actions.wishes.subject import Subject
from jali_node.actions.wishes.tell import tell
from jali_node.errors import InvalidRequest
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.tables import PersonRow, RemarkRow

REMARKS_MAX = 1000


def comment(node: Node, caller: Caller, subject_id: str, form: CommentForm) -> Remark:
    """Say something about a request or job, whether it is decided or not.

    Raises:
        UnknownResource: there is none, or it is somebody else's.
        InvalidRequest: too much has been said about it.
    """
    with node.database.writing() as session:
        row = subject.visible(session, caller, subject_id, lock=True)
        said = session.scalar(select(func.count()).where(RemarkRow.subject_id == row.id)) or 0
        if said >= REMARKS_MAX:
            raise InvalidRequest(f"expected at most {REMARKS_MAX} lines of discussion, got {said + 1}", field="text")
        return _shown(session, row, tell(session, node, row, Happened.COMMENTED, caller, form.text))


def discussion(node: Node, caller: Caller, subject_id: str) -> list[Remark]:
    """Return what was said and done, the first first.

    Raises:
        UnknownResource: there is no such request or job, or it is somebody else's.
    """
    with node.database.reading() as session:
        return list(said_about(session, subject.visible(session, caller, subject_id)))


def said_about(session: Session, row: Subject) -> tuple[Remark, ...]:
    """Do the same within a session, whoever asks."""
    query = select(RemarkRow).where(RemarkRow.subject_id == row.id).order_by(RemarkRow.at, RemarkRow.id)
    return tuple(_shown(session, row, remark) for remark in session.scalars(query))


def _shown(session: Session, row: Subject, remark: RemarkRow) -> Remark:
    person = None if remark.person_id is None else session.get_one(PersonRow, remark.person_id)
    return Remark(
        id=remark.id,
        happened=Happened(remark.happened),
        at=remark.at,
        revision=remark.revision,
        person=remark.person_id,
        person_name="" if person is None else person.name,
        by_asker=remark.person_id == row.person_id,
        text=remark.text,
    )
