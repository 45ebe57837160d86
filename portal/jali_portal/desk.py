"""What a signed-in owner reads and decides, over the node's API alone."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from jali import errors
from jali.account import Account
from jali.owner import Owner, Verification
from jali.people import People
from jali.transport import Transport
from jali.wire.audit import AuditFilter, AuditPage
from jali.wire.budget import PopulationBudget
from jali.wire.changes import Changes
from jali.wire.dataset import Dataset
from jali.wire.discussion import CommentForm, Remark
from jali.wire.jobs.code import CodeJob
from jali.wire.jobs.train import Job, JobStatus
from jali.wire.ledger import LedgerPage
from jali.wire.node import NodeInfo
from jali.wire.notice import Notice, NoticeState
from jali.wire.person import Me, Role
from jali.wire.request import AccessRequest, RequestStatus
from jali_portal.viewmodels.accounts import AccountBook

DAYS = 90
"""For what has no end of its own: more of a quota, which keeps its day."""
_ID = re.compile(r"[a-z]{2,8}_[0-9a-f]{1,64}")


class Desk:
    """One owner's desk.

    Args:
        transport: the way to the node, with the owner's token.
        me: the owner.
        node: what the node says about itself.
        accounts: what has been read of the ledger so far; shared by all desks of a portal.
        begun_here: whether the token is a session's that was begun for this desk, and ends with it.
    """

    def __init__(
        self, transport: Transport, me: Me, node: NodeInfo, accounts: AccountBook, begun_here: bool = False
    ) -> None:
        self._begun_here = begun_here
        self.me = me
        self.node = node
        self._transport = transport
        self._owner = Owner(transport)
        self._accounts = accounts

    @property
    def owns(self) -> bool:
        """Whether whoever sits here may change what is an owner's: budgets, projects, policies, people."""
        return self.me.role is Role.OWNER

    @property
    def decides(self) -> bool:
        """Whether they may decide about requests; an auditor only reads."""
        return self.me.role in (Role.OWNER, Role.REVIEWER)

    @property
    def audits(self) -> bool:
        """Whether they only read, and may take what others would verify."""
        return self.me.role is Role.AUDITOR

    @property
    def owner(self) -> Owner:
        """What owners read and change."""
        return self._owner

    def requests(self) -> list[AccessRequest]:
        """Return all requests for access, the newest first."""
        return self._owner.requests()

    def request(self, request_id: str) -> AccessRequest:
        """Return one request as it is now.

        Raises:
            UnknownResource: there is none.
        """
        return self._transport.get(f"/v1/requests/{checked_id(request_id)}", AccessRequest)

    def jobs(self) -> list[Job]:
        """Return all training jobs, the newest first."""
        return self._owner.jobs()

    def job(self, job_id: str) -> Job:
        """Return one job as it is now.

        Raises:
            UnknownResource: there is none.
        """
        return self._transport.get(f"/v1/jobs/{checked_id(job_id)}", Job)

    def decide_job(self, job: Job, outcome: JobStatus, reason: str) -> Job:
        """Approve or deny a job as it was read."""
        return self._owner.decide_job(job, outcome, reason)

    def code_jobs(self) -> list[CodeJob]:
        """Return all code jobs, the newest first."""
        return self._owner.code_jobs() if "job:code" in self.node.capabilities else []

    def code_job(self, job_id: str) -> CodeJob:
        """Return one code job as it is now.

        Raises:
            UnknownResource: there is none.
        """
        return self._transport.get(f"/v1/code-jobs/{checked_id(job_id)}", CodeJob)

    def dataset(self, dataset_id: str) -> Dataset:
        """Return a dataset's card."""
        return self._transport.get(f"/v1/datasets/{checked_id(dataset_id)}", Dataset)

    def datasets(self) -> list[Dataset]:
        """Return every dataset's card."""
        return self._transport.get("/v1/datasets", list[Dataset])

    def populations(self) -> list[PopulationBudget]:
        """Return the populations' accounts."""
        return self._owner.populations()

    def population(self, population_id: str) -> PopulationBudget:
        """Return one population's account.

        Raises:
            UnknownResource: there is none.
        """
        for population in self.populations():
            if population.id == population_id:
                return population
        raise errors.UnknownResource("there is no such population", field="population")

    def grant(
        self, request: AccessRequest, epsilon: float, expires_days: int, reason: str, refresh_days: int | None = None
    ) -> AccessRequest:
        """Grant a request as it was read."""
        return self._owner.decide(
            request, RequestStatus.GRANTED, reason, epsilon, expires_days or DAYS, refresh_days=refresh_days
        )

    def decide(self, request: AccessRequest, outcome: RequestStatus, reason: str) -> AccessRequest:
        """Deny a request as it was read, or ask for changes, for a reason."""
        return self._owner.decide(request, outcome, reason)

    def changes(self, request_id: str, since: int, until: int) -> Changes:
        """Return what differs between two revisions of a request or job."""
        path = f"/v1/requests/{checked_id(request_id)}/changes"
        return self._transport.get(path, Changes, params={"since": since, "until": until})

    def discussion(self, request_id: str) -> list[Remark]:
        """Return what was said and done about a request or job, the first first."""
        return self._transport.get(f"/v1/requests/{checked_id(request_id)}/discussion", list[Remark])

    def comment(self, request_id: str, text: str) -> Remark:
        """Say something to the asker."""
        return self._transport.post(f"/v1/requests/{checked_id(request_id)}/comments", CommentForm(text=text), Remark)

    def dead_notices(self) -> list[Notice]:
        """Return the webhooks and mails that were given up."""
        return self._owner.notices(NoticeState.DEAD)

    def send_again(self, notice: Notice) -> Notice:
        """Send a notice that was given up once more."""
        return self._owner.send_again(notice)

    def accounts(self) -> AccountBook:
        """Return what the ledger says of every account; only entries that are new are fetched."""
        self._accounts.read_on(self._owner.ledger)
        return self._accounts

    def ledger_page(self, after: int, limit: int) -> LedgerPage:
        """Return some entries of the ledger."""
        return self._transport.get("/v1/ledger", LedgerPage, params={"after": after, "limit": limit})

    def audit(self, which: AuditFilter, before: int | None, limit: int) -> AuditPage:
        """Return some of the chosen entries, the newest first."""
        return self._owner.audit_page(which, before, limit)

    def audit_file(self, which: AuditFilter) -> bytes:
        """Return all chosen entries as CSV."""
        return self._owner.audit_file(which)

    def verify_ledger(self, checkpoints: Mapping[int, str]) -> Verification:
        """Walk the whole chain here, and compare with the node's own walk."""
        return self._owner.verify_ledger(checkpoints)

    @property
    def people(self) -> People:
        """The people of the node."""
        return self._owner.people

    @property
    def account(self) -> Account:
        """One's own tokens and password."""
        return Account(self._transport)

    def close(self) -> None:
        """End the session on the node, if it was begun for this desk, and close the connections."""
        if self._begun_here:
            with suppress(errors.JaliError):
                self.account.sign_out()
        self._transport.close()

    def __reduce__(self) -> Any:
        raise TypeError("a desk holds a token and is never written anywhere")


def checked_id(text: str) -> str:
    """Return an id that came in an address, if it can be one.

    Raises:
        UnknownResource: it cannot.
    """
    if not _ID.fullmatch(text):
        raise errors.UnknownResource("there is no request of this id", field="id")
    return text
