"""A code job at one node, followed from the wish to the output that a person released."""

import time
from typing import Any, Self

import numpy as np

from jali import errors
from jali import progress as bars
from jali.access import Discussed, Nothing
from jali.code import author
from jali.code.author import Code
from jali.eda import markup, mock
from jali.eda.facts import built
from jali.eda.remote import Remote
from jali.running.encode import decoded
from jali.wire.jobs.code import ENDS_PROMISE, CodeForm, CodeJob, CodeLimits, CodeStatus, Released
from jali.wire.output import Failure, shape_of

POLL_S = 1.0
ENDED = {
    CodeStatus.DENIED, CodeStatus.WITHDRAWN, CodeStatus.EXPIRED, CodeStatus.DESTROYED, CodeStatus.FAILED,
    CodeStatus.CANCELLED,
}  # fmt: skip


class CodeRun(Discussed):
    """A code job of one's own. A person reads the code before it runs, and its output before it leaves.

    Example::

        job = visits.run_code(weights_by_site, columns=["site", "weight"], purpose="to plan beds")
        job.tryout           # what it gave on mock rows
        job.review_url       # where a person decides
        job.wait(86_400).result()
    """

    def __init__(self, remote: Remote, record: CodeJob) -> None:
        super().__init__(remote.transport, record.id)
        self._remote = remote
        self.record = record

    @property
    def id(self) -> str:
        """The job's id."""
        return self.record.id

    @property
    def status(self) -> CodeStatus:
        """Where it stood when it was last looked at. While its output waits for a person, it counts as running."""
        return self.record.status

    @property
    def tryout(self) -> str:
        """What it gave on mock rows."""
        return self.record.form.tryout.output

    @property
    def review_url(self) -> str:
        """Where a person decides: the portal's page, or the node's address where the owner names no portal."""
        info = self._remote.info
        if info.portal:
            return f"{info.portal.rstrip('/')}/request?id={self.id}"
        return f"{self._remote.transport.url}/v1/code-jobs/{self.id}"

    def refresh(self) -> Self:
        """Look at it again, and return it; free."""
        self.record = self._transport.get(f"/v1/code-jobs/{self.id}", CodeJob)
        return self

    def wait(self, timeout_s: float = 600) -> Self:
        """Wait until a person has let its output go; return the same object.

        Args:
            timeout_s: after which it stops waiting. The job stays: wait() again.

        Raises:
            JobEnded: it was denied or cancelled, it never began, or its output was destroyed.
            DecisionPending: nobody has decided in time, or changes are asked for.
        """
        end = time.monotonic() + timeout_s
        with bars.waiting("waiting for the run and for two decisions", timeout_s, "s") as wait:
            while self.refresh().status is not CodeStatus.RELEASED:
                self._refuse_if_over()
                if time.monotonic() >= end:
                    raise errors.DecisionPending(
                        f"not released within {timeout_s:g} s, it waits for {self.record.waiting_for}; the job stays: "
                        "wait() again",
                        facts={"job": self.id, "timeout_s": timeout_s},
                    )
                wait.reach(timeout_s - (end - time.monotonic()))
                time.sleep(min(POLL_S, max(0.0, end - time.monotonic())))
            wait.outcome = "released"
        return self

    def result(self) -> Any:
        """Return what was released: a DataFrame, a Series, or plain Python.

        Raises:
            UnknownResource: nothing was released yet.
            JobEnded: what was released is how it failed; the sentence says it.
        """
        output = self.released().output
        if isinstance(output, Failure):
            line = f", line {output.line} of the function" if output.line else ""
            raise errors.JobEnded(f"it failed{line}: {output.type}: {output.message}", facts={"job": self.id})
        return decoded(output)

    def released(self) -> Released:
        """Return the same as it was released, with its digest and the ledger's entry.

        Raises:
            UnknownResource: nothing was released yet.
        """
        return self._transport.get(f"/v1/code-jobs/{self.id}/result", Released)

    def resubmit(self, fn: "Code | None" = None, **changes: Any) -> Self:
        """Submit it anew as its next revision, with some fields changed; return the same object.

        Args:
            fn: another function, which is tried on mock rows first; the same one if not given.
            changes: fields of `CodeForm`, such as `purpose=`, `params=`, `columns=`; what runs otherwise is tried anew.

        Raises:
            InvalidRequest: nothing differs, or a field has the wrong form.
            DecisionOutdated: it has been decided, or has lapsed.
        """
        before = self.record.form
        form = built(CodeForm, **{**before.model_dump(), **changes})
        if fn is not None or (form.columns, form.params) != (before.columns, before.params):
            rows = mock.from_card(self._remote.card, before.tryout.rows, np.random.default_rng(0))
            found = author.tried(self._remote.facts, fn or before.source, form.columns, form.params, rows)
            form = form.model_copy(update={"source": found.source.text, "tryout": found.form})
        self.record = self._transport.post(f"/v1/code-jobs/{self.id}/revisions", form, CodeJob)
        return self

    def end(self) -> Self:
        """Withdraw it before the decision, cancel it after; what it gave back and was not released is destroyed."""
        self.record = self._transport.post(f"/v1/code-jobs/{self.id}/end", Nothing(), CodeJob)
        return self

    def _refuse_if_over(self) -> None:
        if self.status in ENDED:
            raise errors.JobEnded(f"the job was {self.status}. {self.record.reason}".strip(), facts={"job": self.id})
        if self.status is CodeStatus.CHANGES_ASKED:
            raise errors.DecisionPending(
                f"changes are asked for: {self.record.reason} Answer with comment(...) or resubmit(...)",
                facts={"job": self.id},
            )

    def __repr__(self) -> str:
        record = self.record
        revision = f" · revision {record.revision}" if record.revision > 1 else ""
        lines = [record.form.describe(), f"purpose: {record.form.purpose}", ENDS_PROMISE]
        if record.waiting_for:
            lines.append(f"waits for {record.waiting_for}; decided at {self.review_url}")
        if record.reason:
            lines.append(f"the owner says: {record.reason}")
        if record.status is CodeStatus.RELEASED:
            lines.append(f"released: {shape_of(self.released().output)}; take it with .result()")
        return "\n".join(
            [f"{self.id} · {record.status.value.replace('_', ' ')}{revision}", *(f"  {line}" for line in lines)]
        )

    def _repr_html_(self) -> str:
        title, *lines = repr(self).split("\n")
        return markup.card(title, notes=lines)


def submitted(remote: Remote, form: CodeForm) -> CodeRun:
    """Send the wish; nothing is read until a person has agreed."""
    return CodeRun(remote, remote.transport.post("/v1/code-jobs", form, CodeJob))


def found(remote: Remote, job_id: str) -> CodeRun:
    """Return a job that was submitted before.

    Raises:
        UnknownResource: there is none, or it is somebody else's, or for another dataset.
    """
    record = remote.transport.get(f"/v1/code-jobs/{job_id}", CodeJob)
    if record.form.dataset != remote.card.id:
        raise errors.UnknownResource(f"{job_id} is about {record.dataset_name}, not {remote.card.name}", field="job")
    return CodeRun(remote, record)


def limited(**limits: int | None) -> CodeLimits:
    """Return limits, as usual where nothing is said."""
    return built(CodeLimits, **{name: value for name, value in limits.items() if value is not None})
