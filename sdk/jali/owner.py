"""The owner's half of the API: decide about requests, watch the populations' budgets, verify the ledger."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jali import errors
from jali.access import Nothing
from jali.eda.facts import built
from jali.people import People
from jali.transport import Transport
from jali.wire.audit import NAMED, AuditFilter, AuditPage, line
from jali.wire.base import Request
from jali.wire.budget import BudgetReport, PopulationBudget
from jali.wire.changes import Changes
from jali.wire.dataset import Dataset, Visibility
from jali.wire.discussion import CommentForm, Remark
from jali.wire.freeze import Freeze, FreezeForm, RevokeForm
from jali.wire.jobs.code import AirlockDecision, CodeAllowed, CodeDecision, CodeJob, CodeStatus, Held
from jali.wire.jobs.train import Job, JobDecision, JobPriority, JobQueue, JobStatus
from jali.wire.ledger import ChainReport, LedgerEntry, LedgerPage
from jali.wire.notice import Notice, NoticeState
from jali.wire.policy import DryRun, PolicyForm, PolicyVersion
from jali.wire.project import MemberForm, Project, ProjectEnd, ProjectForm
from jali.wire.request import AccessRequest, Decision, RequestStatus
from jali.wire.walk import Walk

if TYPE_CHECKING:
    import pandas as pd

PAGE = 500


@dataclass(frozen=True, repr=False)
class Verification:
    """Two walks along one chain: the one done here, over the entries as downloaded, and the node's own.

    It shows that the records are unaltered, given checkpoints that others hold; not that noise was honest.

    Attributes:
        here: what the walk done here found.
        node: what the node says about itself.
        agrees: whether both passed through the same hash where the node's walk ended.
    """

    here: ChainReport
    node: ChainReport
    agrees: bool

    @property
    def valid(self) -> bool:
        """Whether both walks held and agree."""
        return self.here.valid and self.node.valid and self.agrees

    def __repr__(self) -> str:
        for whose, report in (("this walk", self.here), ("the node's own walk", self.node)):
            if not report.valid:
                where = f" at entry {report.broken_at}" if report.broken_at else ""
                return f"NOT valid: {whose} found that the chain departs{where}: {report.reason}"
        if not self.agrees:
            return "NOT valid: the node's own walk passed through another chain than the one it showed"
        return (
            f"{self.here.entries} entries follow from each other, by this walk and by the node's; head {self.here.head}"
        )


class Owner:
    """What only a data owner may do. The node refuses it to others with AccessDenied.

    Example::

        owner = jali.connect().owner
        wish = owner.requests()[0]
        owner.decide(wish, "granted", epsilon=1.0)
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def people(self) -> People:
        """The people of this node: added, invited, given roles, removed."""
        return People(self._transport)

    def requests(self) -> list[AccessRequest]:
        """Return all requests for access."""
        return self._transport.get("/v1/requests", list[AccessRequest])

    def decide(
        self,
        request: AccessRequest,
        outcome: RequestStatus | str,
        reason: str = "",
        epsilon: float | None = None,
        expires_days: int = 90,
        refresh_days: int | None = None,
    ) -> AccessRequest:
        """Grant or deny a request as it was read, or ask for changes, and return it as it then stands.

        Args:
            request: the request; its digest and revision are sent, so nobody decides about something they did not see.
            outcome: "granted", "denied" or "changes_asked".
            reason: what the asker is told; needed unless it is granted.
            epsilon: the quota granted, or what is added to one, if it is not what was asked for.
            expires_days: how long a grant holds, 1 to 3650 days.
            refresh_days: every how many days the quota begins anew until then, if at all; the population's cap, over
                all callers and for all time, stays what it is.

        Raises:
            InvalidRequest: an input has the wrong form, or a reason is missing.
            DecisionOutdated: the request was resubmitted or decided since it was read, or has lapsed.
        """
        _refuse_without_reason(outcome, reason)
        decision = built(
            Decision,
            digest=request.digest,
            revision=request.revision,
            outcome=outcome,
            reason=reason,
            epsilon=epsilon,
            expires_days=expires_days,
            refresh_days=refresh_days,
        )
        return self._transport.post(f"/v1/requests/{request.id}/decision", decision, AccessRequest)

    def jobs(self) -> list[Job]:
        """Return all training jobs."""
        return self._transport.get("/v1/jobs", list[Job])

    def decide_job(self, job: Job, outcome: JobStatus | str, reason: str = "") -> Job:
        """Approve or deny a training job as it was read, or ask for changes. A yes holds its whole price.

        Args:
            job: the job; its digest and revision are sent, so nobody decides about something they did not see.
            outcome: "approved", "denied" or "changes_asked".
            reason: what the asker is told; needed unless it is approved.

        Raises:
            InvalidRequest: an input has the wrong form, or a reason is missing.
            DecisionOutdated: the job was resubmitted or decided since it was read, or has lapsed.
            ExtraMissing: the node cannot train; it says what to install.
            BudgetExhausted: the population's account has no room for it.
        """
        _refuse_without_reason(outcome, reason)
        decision = built(JobDecision, digest=job.digest, revision=job.revision, outcome=outcome, reason=reason)
        return self._transport.post(f"/v1/jobs/{job.id}/decision", decision, Job)

    def end_job(self, job: Job) -> Job:
        """Withdraw or cancel a job. A round that runs is stopped: its price stands, and nothing of it leaves.

        Raises:
            DecisionOutdated: it has ended already.
        """
        return self._transport.post(f"/v1/jobs/{job.id}/end", Nothing(), Job)

    def pause_job(self, job: Job) -> Job:
        """Let no further round of a job begin. Not resumed by its `paused_until`, it is ended.

        Raises:
            DecisionOutdated: it is not approved, or has ended.
        """
        return self._transport.post(f"/v1/jobs/{job.id}/pause", Nothing(), Job)

    def resume_job(self, job: Job) -> Job:
        """Let a paused job go on.

        Raises:
            DecisionOutdated: it is not paused.
        """
        return self._transport.post(f"/v1/jobs/{job.id}/resume", Nothing(), Job)

    def order_job(self, job: Job, priority: int) -> Job:
        """Say how early a job goes among those that wait: the higher, the earlier; 0 unless you say.

        Args:
            job: it may wait for its decision, or for a worker.
            priority: from -100 to 100.

        Raises:
            InvalidRequest: the priority is none of these.
            DecisionOutdated: the job has ended.
        """
        return self._transport.put(f"/v1/jobs/{job.id}/priority", built(JobPriority, priority=priority), Job)

    def one_job_at_a_time(self, dataset: Dataset, one_at_a_time: bool = True) -> Dataset:
        """Let training jobs run over a dataset one after the other, or side by side; what runs already goes on."""
        form = JobQueue(one_at_a_time=one_at_a_time)
        return self._transport.put(f"/v1/datasets/{dataset.id}/queue", form, Dataset)

    def code_jobs(self) -> list[CodeJob]:
        """Return all code jobs, the newest first."""
        return self._transport.get("/v1/code-jobs", list[CodeJob])

    def allow_code(self, dataset: Dataset, allowed: bool = True) -> Dataset:
        """Let functions be submitted to run over a dataset, or no longer.

        No epsilon covers what they give back: with the first output that is released, the promise to its population
        ends, for every table about these people.
        """
        return self._transport.put(f"/v1/datasets/{dataset.id}/code-jobs", built(CodeAllowed, allowed=allowed), Dataset)

    def decide_code(self, job: CodeJob, outcome: CodeStatus | str, reason: str = "") -> CodeJob:
        """Approve or deny a code job as it was read, or ask for changes.

        Args:
            job: the job; its digest and revision are sent, so nobody decides about something they did not see.
            outcome: "approved", "denied" or "changes_asked".
            reason: what the asker is told; needed unless it is approved.

        Raises:
            InvalidRequest: an input has the wrong form, or a reason is missing.
            DecisionOutdated: the job was resubmitted or decided since it was read, or has lapsed.
            JobChanged, CodeJobsOff: it could not run any more as it was submitted.
        """
        _refuse_without_reason(outcome, reason)
        decision = built(CodeDecision, digest=job.digest, revision=job.revision, outcome=outcome, reason=reason)
        return self._transport.post(f"/v1/code-jobs/{job.id}/decision", decision, CodeJob)

    def held(self, job: CodeJob) -> Held:
        """Return a code job's output that waits in the airlock, with what was checked.

        Raises:
            UnknownResource: nothing waits.
        """
        return self._transport.get(f"/v1/code-jobs/{job.id}/airlock", Held)

    def release(self, output: Held, reason: str) -> CodeJob:
        """Let an output go as it was read. No epsilon covers it: the promise to its population ends with the first.

        Args:
            output: as `held` returned it.
            reason: why, which the asker and auditors read.

        Raises:
            InvalidRequest: there is no reason.
            UnknownResource, DecisionOutdated: it no longer waits.
        """
        return self._let_go(output, CodeStatus.RELEASED, reason)

    def destroy(self, output: Held, reason: str) -> CodeJob:
        """Destroy an output; the asker reads the reason. Errors as `release`."""
        return self._let_go(output, CodeStatus.DESTROYED, reason)

    def _let_go(self, output: Held, outcome: CodeStatus, reason: str) -> CodeJob:
        decision = built(AirlockDecision, seal=output.seal, outcome=outcome, reason=reason)
        return self._transport.post(f"/v1/code-jobs/{output.job}/airlock", decision, CodeJob)

    def discussion(self, request: AccessRequest | Job | CodeJob) -> list[Remark]:
        """Return what was said and done about a request or job, the first first."""
        return self._transport.get(f"/v1/requests/{request.id}/discussion", list[Remark])

    def comment(self, request: AccessRequest | Job | CodeJob, text: str) -> Remark:
        """Say something to the asker of a request or job, and to the other owners.

        Raises:
            InvalidRequest: there is no text, or more than 4000 characters.
        """
        return self._transport.post(f"/v1/requests/{request.id}/comments", built(CommentForm, text=text), Remark)

    def changes(self, request: AccessRequest | Job | CodeJob) -> Changes:
        """Return what the newest revision of a request or job changed, field by field."""
        return self._transport.get(f"/v1/requests/{request.id}/changes", Changes)

    def notices(self, state: NoticeState | str | None = None) -> list[Notice]:
        """Return the last webhooks and mails, the newest first; those with `state="dead"` were given up."""
        wanted = {} if state is None else {"state": str(state)}
        return self._transport.get("/v1/notices", list[Notice], params=wanted)

    def send_again(self, notice: Notice) -> Notice:
        """Send a dead notice again, under its old id.

        Raises:
            DecisionOutdated: it is not dead.
        """
        return self._transport.post(f"/v1/notices/{notice.id}/attempts", _Nothing(), Notice)

    def policy(self) -> PolicyVersion:
        """Return the policy in force; its `text` is TOML."""
        return self._transport.get("/v1/policy", PolicyVersion)

    def policies(self) -> list[PolicyVersion]:
        """Return every version of the policy, the newest first."""
        return self._transport.get("/v1/policy/versions", list[PolicyVersion])

    def set_policy(self, text: str, replaces: PolicyVersion | None = None) -> PolicyVersion:
        """Put a policy in force, and return it as a version.

        Args:
            text: a TOML document; `jali.wire.policy` says what may stand in it.
            replaces: the version that was read. If another is in force by now, nothing is changed.

        Raises:
            InvalidRequest: the document is no policy; the rule, the field and the numbers are named.
            DecisionOutdated: another version is in force than `replaces`.
        """
        form = built(PolicyForm, text=text, replaces=None if replaces is None else replaces.digest)
        return self._transport.put("/v1/policy", form, PolicyVersion)

    def try_policy(self, text: str) -> DryRun:
        """Return what a policy would change in the last 100 requests. Nothing is changed; `describe()` says it.

        Raises:
            InvalidRequest: the document is no policy.
        """
        return self._transport.post("/v1/policy/dry-run", built(PolicyForm, text=text), DryRun)

    def projects(self) -> list[Project]:
        """Return all projects with their members."""
        return self._transport.get("/v1/projects", list[Project])

    def add_project(self, name: str, purpose: str, agreement: str = "", last_day: date | None = None) -> Project:
        """Add a project, and return it.

        Args:
            name: what its members call it.
            purpose: what it wants to find out.
            agreement: the ethics vote or agreement that it stands on.
            last_day: the last day (UTC) on which something may be asked for it; without it, until an owner ends it.

        Raises:
            InvalidRequest: the name is taken, or the day is over.
        """
        form = built(ProjectForm, name=name, purpose=purpose, agreement=agreement, last_day=last_day)
        return self._transport.post("/v1/projects", form, Project)

    def end_project(self, project: Project, last_day: date | None = None) -> Project:
        """End a project with a day (UTC), or now; a later day than before prolongs it. What was released remains.

        Raises:
            InvalidRequest: the day is over.
        """
        form = built(ProjectEnd, last_day=last_day)
        return self._transport.post(f"/v1/projects/{project.id}/end", form, Project)

    def add_member(self, project: Project, person: str) -> Project:
        """Let a person, by id or name, ask for a project.

        Raises:
            UnknownResource: there is no such person.
        """
        return self._transport.post(f"/v1/projects/{project.id}/members", built(MemberForm, person=person), Project)

    def remove_member(self, project: Project, person: str) -> Project:
        """Let a member, by id or name, neither ask for a project any more nor read what it has.

        Raises:
            UnknownResource: they are no member.
        """
        member = next((each.id for each in project.members if person in (each.id, each.name)), person)
        return self._transport.delete(f"/v1/projects/{project.id}/members/{quote(member, safe='')}", Project)

    def hide(self, dataset: Dataset, hidden: bool = True) -> Dataset:
        """Hide a dataset from whoever has neither a grant nor an overseeing role, or show it again.

        To them every route answers as if there were no such dataset.
        """
        return self._transport.put(f"/v1/datasets/{dataset.id}/visibility", built(Visibility, hidden=hidden), Dataset)

    def freezes(self) -> list[Freeze]:
        """Return everything that is stopped, revoked grants included, the newest first."""
        return self._transport.get("/v1/freezes", list[Freeze])

    def freeze(self, subject: str, reason: str) -> Freeze:
        """Stop spending at once: what has not begun is refused, what has begun stays spent.

        Args:
            subject: "node" for everything, or the id of a population, an account, a dataset or a grant.
            reason: what people who meet it are told.

        Raises:
            UnknownResource: there is no such thing.
            DecisionOutdated: it is frozen already.

        Example::

            owner.freeze("node", "a query looked odd; we are reading the ledger")
            owner.unfreeze("node")
        """
        return self._transport.post("/v1/freezes", built(FreezeForm, subject=subject, reason=reason), Freeze)

    def unfreeze(self, subject: str) -> Freeze:
        """Let it spend again, and return what it was stopped by. Rounds that were queued go on.

        Raises:
            UnknownResource: it is not frozen.
            InvalidRequest: it is a grant that was revoked, which is for good.
        """
        return self._transport.post(f"/v1/freezes/{subject}/end", _Nothing(), Freeze)

    def revoke(self, grant: str, reason: str) -> Freeze:
        """End a grant for good, at once, and cancel its holder's jobs on the dataset for the project.

        Args:
            grant: its id, which the granted request names.
            reason: what its holder is told.

        Raises:
            UnknownResource: there is no such grant.
            DecisionOutdated: it was revoked already.
        """
        return self._transport.post(f"/v1/grants/{grant}/revocation", built(RevokeForm, reason=reason), Freeze)

    def populations(self) -> list[PopulationBudget]:
        """Return each population's account, over all callers."""
        return self._transport.get("/v1/populations", list[PopulationBudget])

    def report(self, population: str) -> BudgetReport:
        """Return what a population has spent, also by a tighter count: a report, not a promise.

        Args:
            population: its id.

        Raises:
            UnknownResource: there is no such population.
        """
        return self._transport.get(f"/v1/populations/{quote(population, safe='')}/report", BudgetReport)

    def ledger(self, after: int = 0) -> Iterator[LedgerEntry]:
        """Return the ledger's entries in order, fetched page by page.

        Args:
            after: the position to begin behind.
        """
        place: int | None = after
        while place is not None:
            page = self._transport.get("/v1/ledger", LedgerPage, params={"after": place, "limit": PAGE})
            yield from page.entries
            if page.next_after is not None and page.next_after <= place:
                raise errors.UnexpectedReply(f"the ledger's pages do not go on behind entry {place}")
            place = page.next_after

    def audit(
        self,
        kinds: Sequence[str] = (),
        about: Sequence[str] = (),
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 1000,
    ) -> "pd.DataFrame":
        """Return what happened, the newest first: one line an entry, with the names that are known now.

        Args:
            kinds: such as `request.decided`; `signin.` stands for all that begin so.
            about: ids that entries must name, all of them.
            since: from here on; aware.
            until: before this; aware.
            limit: how many lines at most.

        Example::

            owner.audit(["grant.", "request."], since=datetime(2026, 11, 1, tzinfo=UTC))
        """
        import pandas as pd

        which = built(AuditFilter, kinds=tuple(kinds), about=tuple(about), since=since, until=until)
        lines: list[dict[str, object]] = []
        before: int | None = None
        while len(lines) < limit:
            page = self.audit_page(which, before, min(PAGE, limit - len(lines)))
            lines += [{**line(entry, page.names), "body": entry.body} for entry in page.entries]
            if page.next_before is None:
                break
            before = page.next_before
        return pd.DataFrame(lines, columns=["seq", "at", "kind", *NAMED, "body"]).set_index("seq")

    def audit_page(self, which: AuditFilter, before: int | None = None, limit: int = PAGE) -> AuditPage:
        """Return up to `limit` of the chosen entries before a position, the newest first."""
        params = {**_address(which), "limit": limit} | ({"before": before} if before else {})
        return self._transport.get("/v1/audit", AuditPage, params=params)

    def audit_file(self, which: AuditFilter) -> bytes:
        """Return all chosen entries as CSV, the oldest first; that they were taken is an entry too."""
        return self._transport.content("/v1/audit/export", _address(which))

    def evidence(self, project: Project | str, to: str | Path) -> Path:
        """Write a project's evidence to a new file that only you can read, and return where.

        Requests, decisions, releases and the ledger's entries, signed by the node. `jali verify FILE --key NODE` checks
        it without the node. It holds names, purposes and answers. That it was taken is an entry of the chain. For
        owners and auditors.

        Args:
            project: it, or its id.
            to: such as "study.zip"; a file that is there is not written over.

        Raises:
            AccessDenied: neither an owner nor an auditor asks.
            UnknownResource: there is no such project.

        Example::

            owner.evidence(owner.projects()[0], "study.zip")
        """
        file = Path(to)
        content = self.evidence_file(project)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as into:
            into.write(content)
        return file

    def evidence_file(self, project: Project | str) -> bytes:
        """Return the same as bytes."""
        name = project if isinstance(project, str) else project.id
        return self._transport.content(f"/v1/projects/{quote(name, safe='')}/evidence", {})

    def verify_ledger(self, checkpoints: Mapping[int, str] | None = None) -> Verification:
        """Download the ledger, recompute its chain here, and compare with the node's own report.

        Args:
            checkpoints: hashes by position that were noted earlier, outside the node.
        """
        said = self._transport.get("/v1/ledger/verification", ChainReport)  # first: entries may be added meanwhile
        walk = Walk(checkpoints or {})
        for entry in self.ledger():
            if not walk.step_entry(entry):
                break
        return Verification(walk.report(), said, agrees=walk.passed.get(said.entries) == said.head)


def _address(which: AuditFilter) -> dict[str, Any]:
    """Return a filter as the address of a page takes it."""
    moments = {name: at.isoformat() for name, at in (("since", which.since), ("until", which.until)) if at}
    return {"kind": list(which.kinds), "about": list(which.about), **moments}


class _Nothing(Request):
    """An empty body."""


def _refuse_without_reason(outcome: str, reason: str) -> None:
    wanted = {"denied": "a denial", "changes_asked": "asking for changes"}.get(outcome)
    if wanted and not reason.strip():
        raise errors.InvalidRequest(f"reason: {wanted} needs a reason, which the asker reads", field="reason")
