"""The airlock's outer door: a person reads an output and lets it go, or destroys it. Nobody decides about their own."""

from datetime import UTC, datetime

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.discussion import Happened
from jali.wire.jobs.code import AirlockDecision, CodeJob, CodeStatus, Held, OutputCheck, Released
from jali.wire.output import Sealed, shape_of
from jali_node.actions.approvals import agree
from jali_node.actions.approvals.agree import Yes
from jali_node.actions.code import code_job
from jali_node.actions.code.end_code import destroy
from jali_node.actions.wishes.tell import tell
from jali_node.errors import DecisionOutdated, InvalidRequest, UnknownResource
from jali_node.ledger import unpriced
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.policy import code_state
from jali_node.store import catalog, clock
from jali_node.tables import CodeJobRow, CodeOutputRow, PopulationRow

NOT_HELD = "there is no output of this job in the airlock"
LAPSED = "nobody decided about its output in time, so it was destroyed"
_CHECKS = TypeAdapter(tuple[OutputCheck, ...])


def show_held(node: Node, caller: Caller, job_id: str) -> Held:
    """Return an output that waits, with what the checks found. For owners and reviewers, and never for its asker.

    Raises:
        AccessDenied: the caller does not decide, or asked for it themselves.
        UnknownResource: there is no such job, or nothing waits.
    """
    caller.must_review()
    with node.database.reading() as session:
        row = code_job.visible(session, caller, job_id)
        caller.must_not_be(row.person_id)
        output = _waiting(session, row)
        sealed = Sealed.model_validate_json(output.content)
        return Held(
            job=row.id,
            seal=output.seal,
            output=sealed.output,
            shape=shape_of(sealed.output),
            bytes=len(output.content.encode()),
            checks=_CHECKS.validate_json(output.checks),
            held_since=output.held_at,
            held_until=output.held_until,
            approvals=agree.approvals(session, output.id),
            waiting_for=agree.waiting_for(session, output.id, agree.UNPROMISED),
        )


def decide_output(node: Node, caller: Caller, job_id: str, decision: AirlockDecision) -> CodeJob:
    """Release an output or destroy it. Once released, the promise to the population ends at the ledger's entry.

    Raises:
        AccessDenied: the caller does not decide, asked for it themselves, or has said yes already.
        UnknownResource: there is no such job, or nothing waits.
        DecisionOutdated: it is about another output, or the time is over.
    """
    caller.must_review()
    if not decision.reason.strip():
        raise InvalidRequest("a reason is needed, which the asker and auditors read", field="reason")
    with node.database.writing() as session:
        row = code_job.visible(session, caller, job_id, lock=True)
        caller.must_not_be(row.person_id)
        output = _waiting(session, row)
        if decision.seal != output.seal:
            raise DecisionOutdated("the decision is about another output; read it again", field="seal")
        status = code_state.moved(CodeStatus(row.status), decision.outcome)
        if decision.outcome is CodeStatus.RELEASED:
            if not agree.agreed(session, caller, Yes(output.id, output.seal, agree.UNPROMISED, None, decision.reason)):
                return code_job.shown(session, row, caller)
            _release(session, row, output, caller)
        else:
            destroy(session, row)
            unpriced.destroy(session, row.id, output.seal, caller.id)
        row.status, row.reason = status, decision.reason
        output.decided_at, output.decided_by = datetime.now(UTC), caller.id
        session.flush()
        happened = Happened.RELEASED if status is CodeStatus.RELEASED else Happened.DESTROYED
        tell(session, node, row, happened, caller, decision.reason)
        return code_job.shown(session, row, caller)


def _release(session: Session, row: CodeJobRow, output: CodeOutputRow, caller: Caller) -> None:
    people = catalog.version(session, row.version_id).population
    locked = session.get_one(PopulationRow, people.id, with_for_update=True, populate_existing=True)
    sealed = Sealed.model_validate_json(output.content)
    facts = {"output": sealed.digest, "seal": output.seal, "salt": output.salt, "bytes": len(output.content.encode())}
    output.entry = unpriced.release(session, locked, row.id, facts, caller.id)


def show_released(node: Node, caller: Caller, job_id: str) -> Released:
    """Return an output that was released: to its asker, and to owners.

    Raises:
        UnknownResource: there is no such job, it is somebody else's, or its output was not released.
    """
    with node.database.reading() as session:
        row = code_job.governed(session, caller, job_id)
        output = code_job.output_of(session, row.id)
        if output is None or output.entry is None or output.decided_at is None:
            raise UnknownResource("no output of this job has been released", field="job")
        sealed = Sealed.model_validate_json(output.content)
        return Released(
            job=row.id, output=sealed.output, digest=sealed.digest, entry=output.entry, released_at=output.decided_at
        )


def expire_outputs(node: Node) -> int:
    """Destroy what nobody has decided about in time, and tell both sides; return how many."""
    now = datetime.now(UTC)
    with node.database.reading() as session:
        query = select(CodeOutputRow.job_id).where(
            CodeOutputRow.decided_at.is_(None), CodeOutputRow.held_until <= now, CodeOutputRow.content != ""
        )
        late = session.scalars(query).all()
    return sum(_expired(node, job_id) for job_id in late)


def _expired(node: Node, job_id: str) -> bool:
    with node.database.writing() as session:
        row = code_job.found(session, job_id, lock=True)
        if row is None or row.status != CodeStatus.HELD:
            return False
        output = _waiting(session, row, late=True)
        destroy(session, row)
        unpriced.destroy(session, row.id, output.seal, None)
        row.status, row.reason = code_state.moved(CodeStatus(row.status), CodeStatus.DESTROYED), LAPSED
        tell(session, node, row, Happened.DESTROYED, None, LAPSED)
    return True


def _waiting(session: Session, row: CodeJobRow, *, late: bool = False) -> CodeOutputRow:
    output = code_job.output_of(session, row.id)
    if row.status != CodeStatus.HELD or output is None:
        raise UnknownResource(NOT_HELD, field="job")
    if not late and output.held_until <= clock.now(session):
        raise DecisionOutdated(LAPSED, field="job", held_until=output.held_until.isoformat())
    return output
