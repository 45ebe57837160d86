"""What a stored code job means, and who may know of it."""

import json
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.dataset import Column
from jali.wire.jobs.code import CodeForm, CodeJob, CodeStatus, plan_of
from jali.wire.person import Role
from jali.wire.policy import Effect
from jali.wire.source import SourceRefused
from jali_node.actions.approvals import agree
from jali_node.actions.datasets.snapshots import snapshot
from jali_node.actions.queries.judge import grant_of
from jali_node.actions.wishes import subject
from jali_node.engine.engines import files_only
from jali_node.errors import AccessDenied, CodeJobsOff, ExtraMissing, InvalidRequest, JobChanged, UnknownResource
from jali_node.people.caller import Caller
from jali_node.policy import code_state, request_state, rules
from jali_node.policy.conditions import Asked
from jali_node.sandbox import code
from jali_node.statistics.columns import named
from jali_node.store import clock, grants, policies
from jali_node.store.catalog import Registered
from jali_node.tables import CodeJobRow, CodeOutputRow, DatasetRow, PersonRow, ProjectRow

NOT_YOURS = "there is no such job, or it is not yours"
KIND = "code"
NO_EPSILON = 1e6
"""The epsilon that rules of the policy hold against a code job: more than any of them allows."""


@dataclass(frozen=True)
class Reviewed:
    """A form that was looked at: the columns that its function is given, and how it runs."""

    columns: tuple[Column, ...]
    plan: str


def reviewed(registered: Registered, form: CodeForm) -> Reviewed:
    """Look at a form by public facts alone, and return what it would run on.

    Raises:
        CodeJobsOff: the owner has not turned code jobs on for the dataset.
        UnknownColumn, InvalidRequest: it does not fit the card, or the function does not stand on its own.
        ExtraMissing: it imports what this node does not have.
    """
    refuse_unless_allowed(registered)
    files_only(snapshot(registered), "a code job")
    by_name = {column.name: column for column in registered.card.columns}
    columns = tuple(named(by_name, name, f"columns.{place}") for place, name in enumerate(form.columns))
    return Reviewed(columns, plan_of(form, packages_of(form), code.TIER))


def refuse_unless_allowed(registered: Registered) -> None:
    """Refuse what the owner has not turned on.

    Raises:
        CodeJobsOff: so it is.
    """
    if not registered.dataset.code_jobs:
        raise CodeJobsOff(
            f"code jobs are off for {registered.dataset.name}: no epsilon covers what they give back, so only "
            "its owner turns them on (jali node dataset code NAME --on); train() and statistics need no such thing",
            field="dataset",
        )


def packages_of(form: CodeForm) -> dict[str, str]:
    """Return the packages that a function imports, in this node's versions, and Python's.

    Raises:
        InvalidRequest: the function does not stand on its own; the line is named. Or its parameters do not fit it.
        ExtraMissing: this node has not installed one of them.
    """
    try:
        function = form.function
    except SourceRefused as refused:
        raise InvalidRequest(
            f"source, line {refused.line}: {refused.said}", field="source", line=refused.line
        ) from None
    if said := function.misfit(set(form.params)):
        raise InvalidRequest(f"params: {said}", field="params")
    here = code.installed()
    if missing := [name for name in function.packages if name not in here]:
        raise ExtraMissing(f"this node has no {', '.join(missing)}; it has {', '.join(sorted(here))}")
    return {name: here[name] for name in ("python", *function.packages)}


def refuse_if_denied(session: Session, person_id: str, registered: Registered, form: CodeForm) -> None:
    """Refuse a job that a rule of the policy denies, or that lies outside its asker's grants. No rule allows one.

    Raises:
        AccessDenied: so it is; the reason is the rule's.
    """
    person, now = session.get_one(PersonRow, person_id), clock.now(session)
    asked = Asked(
        person=frozenset({person.id, person.name}),
        role=person.role,
        project=frozenset({form.project, session.get_one(ProjectRow, form.project).name}),
        dataset=frozenset({registered.dataset.id, registered.dataset.name}),
        columns=frozenset(form.columns),
        epsilon=NO_EPSILON,
        job_kind=KIND,
    )
    held = [grant_of(session, row) for row in grants.held(session, person.id, form.project, registered.dataset.id)]
    _, ruling = rules.decide_job(held, asked, now, policies.in_force(session))
    if ruling.effect is Effect.DENY:
        raise AccessDenied(ruling.reason, field="form", rule=ruling.rule)


def form_of(row: CodeJobRow) -> CodeForm:
    """Return the wish as it was sent."""
    return CodeForm.model_validate_json(row.form)


def refuse_if_changed(row: CodeJobRow, reviewed_now: Reviewed) -> None:
    """Hold what is about to run against what was approved.

    Raises:
        JobChanged: something of it is no longer what was decided about; packages of other versions, too.
    """
    if row.plan != reviewed_now.plan:
        before, now = json.loads(row.plan), json.loads(reviewed_now.plan)
        raise JobChanged(
            f"the node's packages are no longer those that were approved{_listed(before, now)}", field="plan"
        )
    if row.digest != subject.bound(row):
        raise JobChanged("the job is no longer what was approved; submit it again", field="digest")


def _listed(before: dict[str, object], now: dict[str, object]) -> str:
    was, has = before["packages"], now["packages"]
    assert isinstance(was, dict) and isinstance(has, dict)  # noqa: S101, PT018 - as `plan_of` writes them
    told = [f"{name} {was[name]}, now {has.get(name)}" for name in was if has.get(name) != was[name]]
    return f" ({', '.join(told)}); submit it again" if told else "; submit it again"


def visible(session: Session, caller: Caller, job_id: str, *, lock: bool = False) -> CodeJobRow:
    """Return a code job that the caller may read: one's own, or any for whoever oversees the node.

    Raises:
        UnknownResource: there is none, or it is somebody else's.
    """
    row = found(session, job_id, lock=lock)
    if row is None or not (caller.oversees or row.person_id == caller.id):
        raise UnknownResource(NOT_YOURS, field="job")
    return row


def governed(session: Session, caller: Caller, job_id: str, *, lock: bool = False) -> CodeJobRow:
    """Return a code job that the caller may end, and whose released output they may read: any for an owner, for others
    their own while they are a member of its project.

    Raises:
        UnknownResource: there is none, or it is somebody else's.
    """
    row = found(session, job_id, lock=lock)
    own = row is not None and row.person_id == caller.id and row.project_id in caller.projects
    if row is None or not (own or caller.role is Role.OWNER):
        raise UnknownResource(NOT_YOURS, field="job")
    return row


def found(session: Session, job_id: str, *, lock: bool) -> CodeJobRow | None:
    """Return a code job, or None where there is none."""
    query = select(CodeJobRow).where(CodeJobRow.id == job_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()


def output_of(session: Session, job_id: str) -> CodeOutputRow | None:
    """Return a job's output, held or released."""
    return session.scalars(select(CodeOutputRow).where(CodeOutputRow.job_id == job_id)).one_or_none()


def shown(session: Session, row: CodeJobRow, caller: Caller) -> CodeJob:
    """Return a job as the caller may see it."""
    lapsed = request_state.lapsed(row.status, row.undecided_until, clock.now(session))
    status = CodeStatus.EXPIRED if lapsed else code_state.shown(CodeStatus(row.status), caller.oversees)
    output = output_of(session, row.id)
    return CodeJob(
        id=row.id,
        form=form_of(row),
        dataset_name=session.get_one(DatasetRow, row.dataset_id).name,
        project_name=session.get_one(ProjectRow, row.project_id).name,
        person=row.person_id,
        person_name=session.get_one(PersonRow, row.person_id).name,
        version=row.version_id,
        packages=json.loads(row.plan)["packages"],
        digest=row.digest,
        status=status,
        revision=row.revision,
        created_at=row.created_at,
        answer_by=row.answer_by,
        undecided_until=row.undecided_until,
        decided_at=row.undecided_until if lapsed else row.decided_at,
        decided_by=row.decided_by,
        reason=request_state.LAPSED if lapsed else row.reason,
        approvals=agree.approvals(session, row.id),
        waiting_for=_waiting_for(session, row, status),
        released_at=output.decided_at if output is not None and output.entry is not None else None,
    )


def _waiting_for(session: Session, row: CodeJobRow, status: CodeStatus) -> str:
    if status is CodeStatus.SUBMITTED:
        return agree.waiting_for(session, row.id, agree.UNPROMISED)
    waits = {
        CodeStatus.CHANGES_ASKED: "its asker, to resubmit it",
        CodeStatus.APPROVED: "a worker of the node",
        CodeStatus.RUNNING: "the run, and then a person who reads its output",
        CodeStatus.HELD: "a person who reads its output",
    }
    return waits.get(status, "")
