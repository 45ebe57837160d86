"""A wish, from the side of the one who wishes: followed, discussed, resubmitted, withdrawn."""

import time
from typing import Any, Self

from jali import errors, progress
from jali.discussion import ChangeList, Discussion
from jali.eda import facts, markup
from jali.transport import Transport
from jali.wire import request
from jali.wire.base import Request
from jali.wire.changes import Changes
from jali.wire.discussion import CommentForm, Remark
from jali.wire.jobs.train import Job, JobForm, Training
from jali.wire.request import (
    AccessRequestForm,
    BudgetRequestForm,
    QuestionRequestForm,
    RequestKind,
    RequestStatus,
)

Form = AccessRequestForm | BudgetRequestForm | QuestionRequestForm
ASKED_FOR = {
    RequestKind.ACCESS: "ε {0.epsilon:.4g} for {0.dataset_name}",
    RequestKind.BUDGET: "ε {0.epsilon:.4g} more for {0.dataset_name}",
    RequestKind.QUESTION: "one question of {0.dataset_name} at ε {0.epsilon:.4g}",
}


class Nothing(Request):
    """An empty body."""


class Discussed:
    """What every wish has: its owner is told what is said here, and answers in the same place. All of it is free."""

    def __init__(self, transport: Transport, subject_id: str) -> None:
        self._transport = transport
        self._about = f"/v1/requests/{subject_id}"

    @property
    def discussion(self) -> Discussion:
        """What both sides have said and done, the first first."""
        return Discussion(self._transport.get(f"{self._about}/discussion", list[Remark]))

    @property
    def changes(self) -> ChangeList:
        """What the newest revision changed, field by field; the model's layers too."""
        return self.changes_between(None, None)

    def changes_between(self, since: int | None, until: int | None) -> ChangeList:
        """Return what differs between two revisions; the newest and the one before it for None."""
        wanted = {name: number for name, number in (("since", since), ("until", until)) if number is not None}
        return ChangeList(self._transport.get(f"{self._about}/changes", Changes, params=wanted))

    def comment(self, text: str) -> Discussion:
        """Say something to the other side, and return the whole discussion.

        Raises:
            InvalidRequest: there is no text, or more than 4000 characters.
        """
        self._transport.post(f"{self._about}/comments", facts.built(CommentForm, text=text), Remark)
        return self.discussion


class AccessRequest(Discussed):
    """A request for a quota, for more of one, or to ask one question, and what has become of it. Following it is free.

    Example::

        wish = visits.request_access(purpose="length of stay by site", epsilon=2.0)
        wish.wait(timeout_s=600)
        wish.discussion                                    # the owner asks for changes, and says why
        wish.comment("one column less will do")
        wish.resubmit(columns=["age", "site"]).changes
    """

    def __init__(self, transport: Transport, record: request.AccessRequest) -> None:
        super().__init__(transport, record.id)
        self.record = record
        """The request as the node last showed it."""

    @property
    def id(self) -> str:
        """The request's id."""
        return self.record.id

    @property
    def revision(self) -> int:
        """How often it has been submitted."""
        return self.record.revision

    @property
    def status(self) -> RequestStatus:
        """Where it stood when it was last looked at: submitted, changes_asked, granted, denied, withdrawn, expired."""
        return self.record.status

    @property
    def reason(self) -> str:
        """What the owner said."""
        return self.record.reason

    def refresh(self) -> Self:
        """Look again, and return the same object with what is new."""
        self.record = self._transport.get(self._about, request.AccessRequest)
        return self

    def resubmit(self, **changes: Any) -> Self:
        """Submit it anew as its next revision, with some fields changed, and return the same object.

        What was decided or approved of the revision before does not hold for this one.

        Args:
            changes: `purpose=` and `epsilon=`; for access also `statistics=`, `columns=`, `job_kinds=`
                and `delta=` (None for all).

        Raises:
            InvalidRequest: nothing differs, or there is no such field.
            DecisionOutdated: it has been decided, or has lapsed.
        """
        self.record = self._transport.post(
            f"{self._about}/revisions", _changed(self.record, changes), request.AccessRequest
        )
        return self

    def withdraw(self) -> Self:
        """Take it back before anybody decides, and return the same object.

        Raises:
            DecisionOutdated: it has been decided, or has lapsed.
        """
        self.record = self._transport.post(f"{self._about}/withdrawal", Nothing(), request.AccessRequest)
        return self

    def wait(self, timeout_s: float, poll_s: float = 2.0) -> Self:
        """Wait until the owner has decided, either way, or asks for changes; return the same object.

        Args:
            timeout_s: how long at most.
            poll_s: seconds between looks.

        Raises:
            DecisionPending: the time is over and there is no decision. The request stays.
        """
        started = time.monotonic()
        with progress.waiting(f"waiting for the owner's word on {self.id}", timeout_s, "s") as wait:
            while self.refresh().status is RequestStatus.SUBMITTED:
                waited_s = time.monotonic() - started
                wait.reach(min(waited_s, timeout_s))
                if waited_s >= timeout_s:
                    raise errors.DecisionPending(
                        f"the owner has not decided about {self.id} within {timeout_s:g} s; the request "
                        "stays: wait() again or look with refresh()",
                        facts={"request": self.id, "timeout_s": timeout_s},
                    )
                time.sleep(min(poll_s, timeout_s - waited_s))
            changes = self.status is RequestStatus.CHANGES_ASKED
            wait.outcome = f"changes are asked for: {self.reason}" if changes else f"{self.id} was {self.status.value}"
        return self

    def __repr__(self) -> str:
        return "\n".join([self._title(), *(f"  {line}" for line in self._lines())])

    def _repr_html_(self) -> str:
        return markup.card(self._title(), notes=self._lines())

    def _title(self) -> str:
        revision = f" · revision {self.revision}" if self.revision > 1 else ""
        wanted = ASKED_FOR[self.record.kind].format(self.record)
        return f"{self.id} · {self.status.value.replace('_', ' ')} · {wanted}{revision}"

    def _lines(self) -> list[str]:
        record = self.record
        asked = f"asked on {record.created_at:%d %B %Y, %H:%M} UTC by {record.person_name}"
        lines = [f"project {record.project_name}, {asked}", f"purpose: {record.purpose}"]
        if record.query is not None:
            lines.append(f"question: {record.query.describe()}")
        for what, names in (("statistics", record.statistics), ("columns", record.columns), ("jobs", record.job_kinds)):
            if names is not None and record.query is None:
                lines.append(f"{what}: {', '.join(names) or 'none'}")
        if record.delta is not None:
            lines.append(f"delta for unknown keys: at most {record.delta:.3g}")
        if record.waiting_for:
            lines.append(f"waits for {record.waiting_for}")
        if record.status.is_open:
            lines.extend(_deadlines(record))
        if record.reason:
            lines.append(f"the owner says: {record.reason}")
        if record.status is RequestStatus.CHANGES_ASKED:
            lines.append("answer with comment(...) or resubmit(...)")
        if record.status is RequestStatus.GRANTED and record.query is not None:
            lines.append("ask it now, as you would any question: it has a quota of its own at this price")
        if record.expires_at is not None:
            lines.append(f"until {record.expires_at:%d %B %Y}")
        return lines


class JobRequest(Discussed):
    """A training job at one node, as a wish. Following and discussing it is free.

    Example::

        job = node.jobs()[0]
        job.resubmit(rounds=3, features=["age", "site"])
    """

    def __init__(self, transport: Transport, record: Job, form: JobForm | None = None) -> None:
        super().__init__(transport, record.id)
        self.record = record
        self._form = form

    @property
    def id(self) -> str:
        """The job's id."""
        return self.record.id

    def resubmit(self, weights: str | None = None, **changes: Any) -> Self:
        """Submit it anew as its next revision, with some fields of its `training` changed; return the same object.

        Args:
            weights: the first weights (safetensors in base64); those that this session submitted if not given.
            changes: fields of `Training`, such as `rounds=`, `features=`, `graph=`.

        Raises:
            InvalidRequest: nothing differs, a field has the wrong form, or no weights are known.
            DecisionOutdated: it has been decided, or has lapsed.
        """
        first = weights if weights is not None else self._form.weights if self._form else None
        if first is None:
            raise errors.InvalidRequest("weights: a node does not hand out first weights: give them", field="weights")
        training = facts.built(Training, **{**self.record.training.model_dump(), **changes})
        self._form = facts.built(JobForm, training=training, weights=first)
        self.record = self._transport.post(f"/v1/jobs/{self.id}/revisions", self._form, Job)
        return self

    def __repr__(self) -> str:
        record = self.record
        revision = f" · revision {record.revision}" if record.revision > 1 else ""
        title = f"{self.id} · {record.status.value.replace('_', ' ')} · ε {record.quote.price:.4g}{revision}"
        lines = [record.training.describe(), f"purpose: {record.training.purpose}"]
        if record.waiting_for:
            lines.append(f"waits for {record.waiting_for}")
        if record.status.is_open:
            lines.extend(_deadlines(record))
        if record.reason:
            lines.append(f"the owner says: {record.reason}")
        return "\n".join([title, *(f"  {line}" for line in lines)])

    def _repr_html_(self) -> str:
        title, *lines = repr(self).split("\n")
        return markup.card(title, notes=lines)


def submitted(transport: Transport, form: Form) -> AccessRequest:
    """Send a request."""
    return AccessRequest(transport, transport.post("/v1/requests", form, request.AccessRequest))


def listed(transport: Transport) -> list[AccessRequest]:
    """Return the caller's own requests."""
    records = transport.get("/v1/requests", list[request.AccessRequest])
    return [AccessRequest(transport, record) for record in records]


def jobs(transport: Transport) -> list[JobRequest]:
    """Return the caller's own jobs."""
    return [JobRequest(transport, record) for record in transport.get("/v1/jobs", list[Job])]


def _deadlines(record: request.AccessRequest | Job) -> list[str]:
    days = [
        *([f"the owner means to answer by {record.answer_by:%d %B %Y}"] if record.answer_by else []),
        *([f"it lapses on {record.undecided_until:%d %B %Y} if nobody decides"] if record.undecided_until else []),
    ]
    return ["; ".join(days)] if days else []


def _changed(record: request.AccessRequest, changes: dict[str, Any]) -> Form:
    """Return the form of a request's next revision."""
    if record.query is not None:
        _refuse_unknown(changes, ("purpose", "epsilon"))
        epsilon = facts.price(changes.get("epsilon", record.epsilon)).epsilon
        query = record.query.model_copy(update={"epsilon": epsilon})
        return facts.built(
            QuestionRequestForm,
            kind=RequestKind.QUESTION,
            query=query,
            purpose=changes.get("purpose", record.purpose),
        )
    kept = {"purpose": record.purpose, "epsilon": record.epsilon}
    if record.raises is not None:
        _refuse_unknown(changes, tuple(kept))
        return facts.built(BudgetRequestForm, kind=RequestKind.BUDGET, grant=record.raises, **{**kept, **changes})
    kept |= {
        "statistics": record.statistics,
        "columns": record.columns,
        "job_kinds": record.job_kinds,
        "delta": record.delta,
    }
    _refuse_unknown(changes, tuple(kept))
    names = {
        name: None if value is None else tuple(value)
        for name, value in {**kept, **changes}.items()
        if name in ("statistics", "columns", "job_kinds")
    }
    return facts.built(
        AccessRequestForm, dataset=record.dataset, project=record.project, **{**kept, **changes, **names}
    )


def _refuse_unknown(changes: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in changes:
        if name not in known:
            raise errors.InvalidRequest(
                f"{name}: a revision of this request changes {', '.join(known)}; got {name}", field=name
            )
