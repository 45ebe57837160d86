"""A code job is withdrawn before its decision, or cancelled after it; what it gave back is destroyed."""

from sqlalchemy.orm import Session

from jali.wire.discussion import Happened
from jali.wire.jobs.code import CodeJob, CodeStatus
from jali_node import audit
from jali_node.actions.code import code_job
from jali_node.actions.wishes.tell import tell
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy import code_state, request_state
from jali_node.store import clock
from jali_node.tables import CodeJobRow


def end_code(node: Node, caller: Caller, job_id: str) -> CodeJob:
    """Withdraw or cancel. What runs still can put nothing into the airlock; what waits there is destroyed.

    Raises:
        UnknownResource: there is no such job, or it is somebody else's.
        DecisionOutdated: it has ended already.
    """
    with node.database.writing() as session:
        row = code_job.governed(session, caller, job_id, lock=True)
        request_state.refuse_if_lapsed(row.status, row.undecided_until, clock.now(session))
        waiting = CodeStatus(row.status).is_open
        end(session, row, CodeStatus.WITHDRAWN if waiting else CodeStatus.CANCELLED, caller.id)
        if waiting:
            tell(session, node, row, Happened.WITHDRAWN, caller)
        return code_job.shown(session, row, caller)


def end(session: Session, row: CodeJobRow, outcome: CodeStatus, by: str | None) -> None:
    """End a locked job, and destroy what it gave back.

    There is one entry, whether it had given something back or not: how long the chain is everybody may know.
    """
    row.status = code_state.moved(CodeStatus(row.status), outcome)
    destroy(session, row)
    audit.record(session, audit.JOB_ENDED, job=row.id, outcome=row.status, by=by)


def destroy(session: Session, row: CodeJobRow) -> None:
    """Destroy a job's output, if it has one that was not released."""
    output = code_job.output_of(session, row.id)
    if output is not None and output.entry is None:
        output.content, output.checks, output.salt = "", "[]", ""
        session.flush()
