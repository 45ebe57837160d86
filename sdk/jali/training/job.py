"""A training job at one node, followed from the wish to the model. All of it is kept there, nothing is lost here."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jali import errors
from jali import progress as bars
from jali.access import JobRequest, Nothing
from jali.eda.remote import Remote
from jali.eda.shown import feature_names, picture_shape
from jali.training import card
from jali.training.card import Origin
from jali.training.coordinator import ENDED, done
from jali.training.quotes import QuoteText
from jali.wire.graph import Shape
from jali.wire.jobs.train import Job, JobForm, JobProgress, JobStatus, Metrics, Round, RoundForm, RoundStatus
from jali.wire.money import digest

RUN = "alone"
"""The name of the run: every session that follows the job asks for the same rounds, and gets the stored replies."""
POLL_S = 1.0


class TrainingJob:
    """A job of one's own. Following it is free; the owner decides, and the node trains.

    Example::

        job = visits.train(model, target="income", features=["age", "site"], epsilon=1.0, epochs=20)
        job.quote                        # price, noise and steps
        job.review_url                   # where the owner decides
        model = job.wait(3600).model()   # call wait() again after an interruption, or visits.job(job.id)
        job.metrics                      # on held-out rows, at their own price
    """

    def __init__(self, remote: Remote, record: Job, form: JobForm | None = None) -> None:
        self._remote = remote
        self._form = form
        self.record = record
        self._replies: dict[int, Round] = {}

    @property
    def id(self) -> str:
        """The job's id."""
        return self.record.id

    @property
    def status(self) -> JobStatus:
        """Where it stood when it was last looked at."""
        return self.record.status

    @property
    def quote(self) -> QuoteText:
        """What it costs, planned from public figures alone."""
        return QuoteText(self.record.training, {self._remote.info.name: self.record.quote})

    @property
    def review_url(self) -> str:
        """Where its owner decides: the portal's page, or the node's address where the owner names no portal."""
        info = self._remote.info
        if info.portal:
            return f"{info.portal.rstrip('/')}/request?id={self.id}"
        return f"{self._remote.transport.url}/v1/jobs/{self.id}"

    @property
    def request(self) -> JobRequest:
        """The job as a wish, to be discussed with its owner: `comment()`, `resubmit()`."""
        return JobRequest(self._remote.transport, self.record, self._form)

    @property
    def metrics(self) -> Metrics:
        """How the model does on held-out rows, with noise; `describe()` says it.

        Raises:
            NotOffered: none were asked for.
            JobEnded: it has not been measured yet.
        """
        if not self.record.training.held_out:
            raise errors.NotOffered("no metrics were asked for: train(..., held_out=0.2) keeps rows aside for them")
        found = self._reply(self.record.training.last).metrics
        if found is None:
            raise errors.JobEnded("the job has not been measured yet: wait() for it", facts={"job": self.id})
        return found

    def model(self) -> Any:
        """Return the trained model as a `torch.nn.Module`, in evaluation mode.

        Raises:
            JobEnded: it is not trained yet.
        """
        from jali.training.graph import load

        weights = self._weights(self.record.training.rounds)
        return load(self.record.training.graph, base64.b64decode(weights))

    def save(self, folder: str | Path, *, onnx: bool | None = None) -> Path:
        """Write the trained model into a folder and return it: weights, graph, card, and ONNX with `jali[onnx]`. Free.

        Raises:
            JobEnded: it is not trained yet.
            ModuleNotFoundError: ONNX takes `pip install 'jali[onnx]'`; nothing was written.
        """
        from jali.training import results

        training, info = self.record.training, self._remote.info
        weights = [self._weights(number) for number in range(1, training.rounds + 1)]
        digests = [digest(each) for each in weights]
        origins = {info.name: Origin(info.node_id, self.record, self._remote.card, digests)}
        text = card.card(training, origins, self.metrics if training.held_out else None)
        model = base64.b64decode(weights[-1])
        return results.save(folder, training.graph, model, card.facts(training, origins), text, onnx=onnx)

    def _weights(self, number: int) -> str:
        weights = self._reply(number).weights
        if weights is None:
            why = f"the job has no model yet, it is {self.status}: wait() for it"
            raise errors.JobEnded(why, facts={"job": self.id})
        return weights

    def refresh(self) -> "TrainingJob":
        """Look again, and return the same object with what is new."""
        self.record = self._remote.transport.get(f"/v1/jobs/{self.id}", Job)
        return self

    def wait(self, timeout_s: float = 3600.0) -> "TrainingJob":
        """Wait until the owner has approved it, and it has been trained and measured; return the same object.

        Args:
            timeout_s: after which it stops waiting. The job stays: wait() again.

        Raises:
            JobEnded: the owner denied or cancelled it, or it failed.
            DecisionPending: not decided in time, or the owner asks for changes.
            RoundPending: not trained in time; it says what it waits for.
        """
        end = time.monotonic() + timeout_s
        with bars.waiting("waiting for the owner's approval", timeout_s, "s") as wait:
            while not self._decided():
                if time.monotonic() >= end:
                    raise errors.DecisionPending(
                        f"not decided within {timeout_s:g} s, it waits for {self.record.waiting_for or 'an owner'}; "
                        "the job stays: wait() again",
                        facts={"job": self.id, "timeout_s": timeout_s},
                    )
                wait.reach(timeout_s - (end - time.monotonic()))
                time.sleep(min(POLL_S, max(0.0, end - time.monotonic())))
            wait.outcome = "approved"
        last = self.record.training.last
        with bars.waiting("training", last, "steps") as wait:
            for number in range(1, last + 1):
                self._replies[number] = done(
                    self._remote.transport, self.id, number, RoundForm(run=RUN), end, "the job stays: wait() again"
                )
                wait.reach(number)
            wait.outcome = "trained"
        return self.refresh()

    def events(self) -> Iterator[JobProgress]:
        """Follow it: yield how far it has come, now and whenever that changes, until it has ended.

        Only what is public: states, rounds, what was spent, and what it waits for. Rounds begin when somebody asks for
        them, as `wait()` does.

        Raises:
            NotOffered: the node is older than this.

        Example::

            for progress in job.events():
                print(progress.describe())
        """
        if "job:events" not in self._remote.info.capabilities:
            raise errors.NotOffered(f"{self._remote.info.name} does not tell progress as it comes: use refresh()")
        before = None
        while before is None or not before.ended:
            for progress in self._remote.transport.events(f"/v1/jobs/{self.id}/events", JobProgress):
                if progress != before:
                    before = progress
                    yield progress
            if before is not None and not before.ended:
                time.sleep(POLL_S)

    def end(self) -> "TrainingJob":
        """Withdraw it before the decision, cancel it after.

        What was not begun is freed. A round that runs is stopped: its price stands, and nothing of it leaves.
        """
        return self._moved("end")

    def pause(self) -> "TrainingJob":
        """Let no further round begin until `resume()`; one that runs is finished.

        The whole price stays held, so a pause has an end: `record.paused_until`. Not resumed by then, the job is ended.

        Raises:
            DecisionOutdated: it is not approved, or has ended.
        """
        return self._moved("pause")

    def resume(self) -> "TrainingJob":
        """Let it go on.

        Raises:
            DecisionOutdated: it is not paused.
        """
        return self._moved("resume")

    def retry(self, model: Any = None, shape: Shape | None = None) -> "TrainingJob":
        """Submit the same training once more, as a new job that is decided and charged anew, and return that.

        For what has ended: it was denied, cancelled or lapsed, or it failed because what was approved had changed. A
        round that was merely interrupted needs no retry, a worker takes it up again at no further price.

        Args:
            model: another `torch.nn.Module` to begin with; the one that was submitted if not given.
            shape: in which form it reads the features, as `train` takes it.

        Raises:
            InvalidRequest: the job was found by its id, so that nobody here has its first weights: give `model`.
        """
        training = self.record.training
        if model is not None:
            from jali.training.graph import trace

            facts, features = self._remote.facts, training.features
            graph, first = trace(model, len(feature_names(facts, features)), shape or picture_shape(facts, features))
            form = JobForm(
                training=training.model_copy(update={"graph": graph}), weights=base64.b64encode(first).decode()
            )
        elif self._form is not None:
            form = JobForm(training=training, weights=self._form.weights)
        else:
            raise errors.InvalidRequest("a node does not hand out first weights: give retry(model)", field="model")
        return submitted(self._remote, form)

    def _moved(self, step: str) -> "TrainingJob":
        self.record = self._remote.transport.post(f"/v1/jobs/{self.id}/{step}", Nothing(), Job)
        return self

    def _decided(self) -> bool:
        """Look again, and return whether it may be trained."""
        self.refresh()
        if self.status in ENDED:
            raise errors.JobEnded(f"the job was {self.status}. {self.record.reason}".strip(), facts={"job": self.id})
        if self.status is JobStatus.CHANGES_ASKED:
            raise errors.DecisionPending(
                f"the owner asks for changes: {self.record.reason} Answer with job.request.resubmit(...)",
                facts={"job": self.id},
            )
        return self.status is not JobStatus.SUBMITTED

    def _reply(self, number: int) -> Round:
        if number not in self._replies:
            found = self._remote.transport.get(f"/v1/jobs/{self.id}/rounds/{number}", Round)
            if found.status is not RoundStatus.DONE:
                return found
            self._replies[number] = found
        return self._replies[number]

    def __repr__(self) -> str:
        record = self.record
        lines = [record.training.describe(), f"purpose: {record.training.purpose}"]
        if record.waiting_for:
            lines.append(f"waits for {record.waiting_for}; decided at {self.review_url}")
        if record.reason:
            lines.append(f"the owner says: {record.reason}")
        done = f"{record.rounds_done} of {record.training.rounds} rounds done"
        title = f"{self.id} · {record.status.value.replace('_', ' ')} · ε {record.quote.price:.4g} · {done}"
        return "\n".join([title, *(f"  {line}" for line in lines)])


def submitted(remote: Remote, form: JobForm) -> TrainingJob:
    """Send the wish; free until the owner approves."""
    return TrainingJob(remote, remote.transport.post("/v1/jobs", form, Job), form)


def found(remote: Remote, job_id: str) -> TrainingJob:
    """Return a job that was submitted before.

    Raises:
        UnknownResource: there is none, or it is somebody else's, or for another dataset.
    """
    record = remote.transport.get(f"/v1/jobs/{job_id}", Job)
    if record.training.dataset != remote.card.id:
        raise errors.UnknownResource(
            f"{job_id} trains on {record.dataset_name}, not on {remote.card.name}", field="job"
        )
    return TrainingJob(remote, record)
