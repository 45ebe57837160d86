"""What nobody has decided in time lapses. The calendar alone says when."""

from datetime import UTC, datetime

from sqlalchemy import select

from jali.wire.discussion import Happened
from jali.wire.jobs.code import CodeStatus
from jali.wire.jobs.train import JobStatus
from jali.wire.request import RequestStatus
from jali_node.actions.wishes import subject
from jali_node.actions.wishes.tell import tell
from jali_node.node import Node
from jali_node.policy import code_state, job_state, request_state
from jali_node.tables import AccessRequestRow, CodeJobRow, JobRow

BATCH = 100


def expire(node: Node) -> int:
    """Write down which requests and jobs have lapsed, and tell both sides; return how many."""
    now = datetime.now(UTC)
    with node.database.reading() as session:
        late = [
            subject_id
            for table in (AccessRequestRow, JobRow, CodeJobRow)
            for subject_id in session.scalars(
                select(table.id).where(table.status.in_(request_state.OPEN), table.undecided_until <= now).limit(BATCH)
            )
        ]
    return sum(_expired(node, subject_id, now) for subject_id in late)


def _expired(node: Node, subject_id: str, now: datetime) -> bool:
    with node.database.writing() as session:
        row = subject.locked(session, subject_id)
        if row is None or not request_state.lapsed(row.status, row.undecided_until, now):
            return False
        if isinstance(row, JobRow):
            row.status = job_state.moved(JobStatus(row.status), JobStatus.EXPIRED)
        elif isinstance(row, CodeJobRow):
            row.status = code_state.moved(CodeStatus(row.status), CodeStatus.EXPIRED)
        else:
            row.status = request_state.moved(RequestStatus(row.status), RequestStatus.EXPIRED)
        row.decided_at, row.reason = row.undecided_until, request_state.LAPSED
        tell(session, node, row, Happened.EXPIRED, None)
    return True
