"""A wish to run code reaches the reviewers. No rule answers it: a person reads it."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from jali.wire.discussion import Happened
from jali.wire.ids import PREFIX_CODE, new_id
from jali.wire.jobs.code import CodeForm, CodeJob, CodeLimits, CodeStatus, CodeTerms
from jali.wire.source import STANDARD
from jali_node import audit
from jali_node.actions.code import code_job
from jali_node.actions.wishes import revise, subject
from jali_node.actions.wishes.tell import tell
from jali_node.errors import InvalidRequest, UnknownResource
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.people.sight import seen
from jali_node.policy import code_state
from jali_node.sandbox import code
from jali_node.store import projects
from jali_node.tables import CodeJobRow


def show_terms() -> CodeTerms:
    """Return what functions may import here, and what a run may use unless it says otherwise."""
    return CodeTerms(packages=code.installed(), modules=tuple(sorted(STANDARD)), limits=CodeLimits())


def submit_code(node: Node, caller: Caller, form: CodeForm) -> CodeJob:
    """Store a wish to run a function, looked at by public facts alone, and return it.

    Raises:
        AccessDenied, ProjectEnded, UnknownDataset: not for this person or project, or a rule says no.
        CodeJobsOff: code jobs are off for the dataset.
        UnknownColumn, InvalidRequest, ExtraMissing: it does not fit the card or the node; the line or field is named.
    """
    caller.must_belong_to(form.project)
    with node.database.writing() as session:
        row = CodeJobRow(
            id=new_id(PREFIX_CODE),
            dataset_id=form.dataset,
            project_id=form.project,
            person_id=caller.id,
            revision=1,
            status=CodeStatus.SUBMITTED,
            created_at=datetime.now(UTC),
            reason="",
            attempt=0,
        )
        _write(session, caller, row, form)
        row.digest = subject.bound(row)
        subject.wait_anew(row, node.settings)
        session.add(row)
        session.flush()
        audit.record(
            session,
            audit.JOB_SUBMITTED,
            job=row.id,
            digest=row.digest,
            person=caller.id,
            project=row.project_id,
            version=row.version_id,
            **subject.binding(row),
        )
        tell(session, node, row, Happened.FILED, caller)
        return code_job.shown(session, row, caller)


def revise_code(node: Node, caller: Caller, job_id: str, form: CodeForm) -> CodeJob:
    """Replace an undecided code job of one's own by its next revision, looked at anew.

    Raises:
        UnknownResource: there is no such job, or it is somebody else's.
        DecisionOutdated: it was decided, or has lapsed.
        InvalidRequest: nothing differs, or it is for another dataset or project.
        Refused: as submitting it would be.
    """
    caller.must_belong_to(form.project)
    with node.database.writing() as session:
        row = subject.own(session, caller, job_id)
        if not isinstance(row, CodeJobRow):
            raise UnknownResource(code_job.NOT_YOURS, field="job")
        status = code_state.moved(CodeStatus(row.status), CodeStatus.SUBMITTED)
        seen(session, caller, form.dataset)  # first of all: one that is hidden is answered as one that is unknown
        for field, before in (("dataset", row.dataset_id), ("project", row.project_id)):
            if getattr(form, field) != before:
                raise InvalidRequest(f"a revision keeps its {field}: expected {before}; submit a new job", field=field)
        new = CodeJobRow(id=row.id, person_id=row.person_id, dataset_id=row.dataset_id, project_id=row.project_id)
        _write(session, caller, new, form)
        revise.keep(session, node, row, subject.bound(new))
        for name in ("version_id", "form", "plan"):
            setattr(row, name, getattr(new, name))
        row.status = status
        session.flush()
        tell(session, node, row, Happened.RESUBMITTED, caller)
        return code_job.shown(session, row, caller)


def _write(session: Session, caller: Caller, row: CodeJobRow, form: CodeForm) -> None:
    """Make a row ask for this, on the dataset's newest version."""
    projects.refuse_if_ended(session, form.project)
    registered = seen(session, caller, form.dataset)
    looked_at = code_job.reviewed(registered, form)
    code_job.refuse_if_denied(session, caller.id, registered, form)
    row.version_id, row.form, row.plan = registered.version.id, form.model_dump_json(), looked_at.plan
