"""One model, trained at several nodes: submitted everywhere, approved by each owner, averaged round by round."""

import base64
import itertools
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from jali import errors
from jali import progress as bars
from jali.access import JobRequest, Nothing
from jali.eda.remote import Remote
from jali.eda.shown import feature_names, picture_shape
from jali.training import card, coordinator
from jali.training.card import SEVERAL, Origin
from jali.training.graph import load, trace
from jali.training.metrics import together
from jali.training.quotes import QuoteText
from jali.training.runs import Run, RunFile
from jali.training.wishes import wish
from jali.wire.features import Way
from jali.wire.graph import Shape
from jali.wire.jobs.train import Job, JobForm, JobQuote, JobStatus, Metrics, Training
from jali.wire.targets import Aim

POLL_S = 1.0


class FederatedJob:
    """A training job at several nodes. Following it is free; each owner decides at their own node.

    Example::

        job = fed["visits"].train(model, target=("visits", 2), features=["chronic", "health"], epsilon=1.0,
                                  rounds=5, purpose="who sees a doctor often")
        job.wait(timeout_s=3600)          # until every owner has approved
        model = job.run("run.json").model()
    """

    def __init__(self, members: Mapping[str, Remote], jobs: Mapping[str, Job], forms: Mapping[str, JobForm]) -> None:
        self._members = dict(members)
        self.jobs = dict(jobs)
        self._forms = dict(forms)
        self._run: Run | None = None

    @property
    def training(self) -> Training:
        """What was submitted, as the first node has it."""
        return next(iter(self.jobs.values())).training

    @property
    def requests(self) -> dict[str, JobRequest]:
        """The job at each node, to be discussed with its owner: `comment()`, `discussion`, `changes`."""
        return {
            node: JobRequest(self._members[node].transport, job, self._forms[node]) for node, job in self.jobs.items()
        }

    def resubmit(self, model: Any = None, shape: Shape | None = None, **changes: Any) -> "FederatedJob":
        """Submit it anew at every node, with some fields changed, and return the same object.

        What an owner approved of the revision before does not hold for this one.

        Args:
            model: another `torch.nn.Module`; the one that was submitted if not given.
            shape: in which form it reads the features, as `train` takes it.
            changes: fields of `Training`, such as `rounds=`, `features=`, `purpose=`.

        Raises:
            InvalidRequest: nothing differs, or a field has the wrong form.
            DecisionOutdated: an owner has decided already.
        """
        weights: str | None = None
        if model is not None:
            facts = next(iter(self._members.values())).facts
            features = self._features(changes)
            graph, first = trace(model, len(feature_names(facts, features)), shape or picture_shape(facts, features))
            changes, weights = {**changes, "graph": graph}, base64.b64encode(first).decode()
        for node, request in self.requests.items():
            request.resubmit(weights, **changes)
            self.jobs[node] = request.record
            self._forms[node] = JobForm(training=request.record.training, weights=weights or self._forms[node].weights)
        return self

    def _features(self, changes: Mapping[str, Any]) -> Sequence[str | Way]:
        features: Sequence[str | Way] = changes.get("features", self.training.features)
        return features

    def refresh(self) -> "FederatedJob":
        """Look again at every node, and return the same object with what is new."""
        for node, job in self.jobs.items():
            self.jobs[node] = self._members[node].transport.get(f"/v1/jobs/{job.id}", Job)
        return self

    def wait(self, timeout_s: float) -> "FederatedJob":
        """Wait until every owner has approved.

        Raises:
            JobEnded: one has denied.
            DecisionPending: the time is over; it names the nodes whose owners have not decided.
        """
        started = time.monotonic()
        with bars.waiting("waiting for the owners' approval", timeout_s, "s") as wait:
            while waiting := self._undecided():
                waited_s = time.monotonic() - started
                wait.reach(min(waited_s, timeout_s))
                if waited_s >= timeout_s:
                    raise errors.DecisionPending(
                        f"not decided within {timeout_s:g} s at {', '.join(waiting)}; the job stays: wait() again"
                    )
                time.sleep(POLL_S)
            wait.outcome = f"approved at {len(self.jobs)} nodes"
        return self

    def _undecided(self) -> list[str]:
        """Look again, and return the nodes whose owners have not decided."""
        self.refresh()
        for node, job in self.jobs.items():
            if job.status in coordinator.ENDED:
                raise errors.JobEnded(f"{node}: the job was {job.status}. {job.reason}".strip())
            if job.status is JobStatus.CHANGES_ASKED:
                raise errors.DecisionPending(
                    f"{node}: the owner asks for changes: {job.reason} Answer with resubmit(...)",
                    facts={"node": node, "job": job.id},
                )
        return [node for node, job in self.jobs.items() if job.status is JobStatus.SUBMITTED]

    def run(
        self,
        path: str | Path,
        *,
        deadline_s: float = 600.0,
        progress: coordinator.Progress | None = None,
    ) -> "FederatedJob":
        """Train all rounds, or go on with those that the file does not hold yet.

        Args:
            path: where the run persists; call again with the same file after an interruption.
            deadline_s: how long one round may take.
            progress: called with node, round and what has happened; a bar is shown if not given.

        Raises:
            RoundPending, JobEnded: see `jali.errors`; the run stays in its file.
        """
        file = RunFile(Path(path))
        if file.load() is None:
            file.save(self._fresh())
        transports = {node: remote.transport for node, remote in self._members.items()}
        if progress is not None:
            self._run = coordinator.run_rounds(transports, file, deadline_s=deadline_s, progress=progress)
            return self
        rounds, done = self.training.last, itertools.count(1)
        with bars.waiting("training", rounds * len(transports), "replies") as wait:

            def reached(node: str, number: int, what: str) -> None:
                if what == "done":
                    wait.reach(next(done))

            self._run = coordinator.run_rounds(transports, file, deadline_s=deadline_s, progress=reached)
            wait.outcome = f"{self.training.rounds} rounds at {len(transports)} nodes done"
        return self

    def model(self) -> Any:
        """Return the trained model as a `torch.nn.Module`.

        Raises:
            JobEnded: it has not been run to its end.
        """
        return load(self.training.graph, base64.b64decode(self._ended().weights))

    @property
    def metrics(self) -> Metrics:
        """How the model does on the held-out rows of all nodes together, with noise; `describe()` says it.

        `metrics_at` has each node's own. Its `epsilon` is the sum over the nodes: a person may be at all of them.

        Raises:
            NotOffered: none were asked for.
            JobEnded: it has not been run to its end.
        """
        return together(self.metrics_at.values())

    @property
    def metrics_at(self) -> dict[str, Metrics]:
        """How the model does on each node's held-out rows, as that node released it.

        Raises:
            NotOffered: none were asked for.
            JobEnded: it has not been run to its end.
        """
        if not self.training.held_out:
            raise errors.NotOffered("no metrics were asked for: train(..., held_out=0.2) keeps rows aside for them")
        return {node: Metrics.model_validate_json(text) for node, text in self._ended().metrics.items()}

    def save(self, folder: str | Path, *, onnx: bool | None = None) -> Path:
        """Write the trained model into a folder and return it. Free: all of it was released.

        The folder holds `model.safetensors`, `graph.json`, `training.json` (versions, privacy, the digest of each
        reply, which the nodes' ledgers hold too), `README.md` (the same for people) and, with `jali[onnx]`,
        `model.onnx`.

        Args:
            folder: is made if it is not there; files of these names are replaced.
            onnx: True to insist on `model.onnx`, False to leave it away.

        Raises:
            JobEnded: it has not been run to its end.
            ModuleNotFoundError: ONNX takes `pip install 'jali[onnx]'`; nothing was written.
        """
        from jali.training import results

        run = self._ended()
        origins = {
            node: Origin(
                remote.info.node_id, self.jobs[node], remote.card, [each[node] for each in run.digests if node in each]
            )
            for node, remote in self._members.items()
        }
        facts = card.facts(self.training, origins)
        text = card.card(self.training, origins, self.metrics if self.training.held_out else None)
        return results.save(folder, self.training.graph, base64.b64decode(run.weights), facts, text, onnx=onnx)

    def _ended(self) -> Run:
        if self._run is None or not self._run.done:
            raise errors.JobEnded("the job has no model yet: run() it to its end first")
        return self._run

    def end(self) -> "FederatedJob":
        """Withdraw or cancel it at every node; what was not begun is freed."""
        for node, job in self.jobs.items():
            if job.status not in (*coordinator.ENDED, JobStatus.DONE):
                self.jobs[node] = self._members[node].transport.post(f"/v1/jobs/{job.id}/end", Nothing(), Job)
        return self

    def _fresh(self) -> Run:
        form = next(iter(self._forms.values()))
        return Run(
            id=uuid.uuid4().hex,
            jobs={node: job.id for node, job in self.jobs.items()},
            shares={node: float(self._members[node].card.population.units) for node in self.jobs},
            rounds=self.training.rounds,
            weights=form.weights,
            measures=self.training.held_out > 0,
        )

    def __repr__(self) -> str:
        lines = [
            f"  {node}: {job.status}, {job.rounds_done} of {job.training.rounds} rounds, ε {job.quote.price:.4g}"
            for node, job in self.jobs.items()
        ]
        return "\n".join([self.training.describe(), *lines, SEVERAL])


def forms(
    members: Mapping[str, Remote],
    model: Any,
    *,
    target: str | tuple[str, float] | Aim,
    features: Sequence[str | Way],
    epsilon: float,
    rounds: int,
    purpose: str,
    steps: int = 20,
    batch: int | Literal["all"] = 512,
    **others: Any,
) -> dict[str, JobForm]:
    """Return the wish to train a model, as each node is sent it. Nothing is sent.

    Args:
        members: one dataset at each node.
        model: a `torch.nn.Module` over the features.
        target: what is predicted, as `jali.training.wishes.wish` takes it.
        features: columns, in the order of the model's inputs, by name or as `jali.training.columns` shows them.
        epsilon: the stand-alone price of all rounds, at each node.
        rounds: how often nodes train and are averaged.
        purpose: what the model is for, at least 10 characters.
        steps: DP-SGD steps in a round.
        batch: the expected number of rows in a step, or of entities where these are the population's unit, or "all".
        others: `learning_rate`, `clip_norm`, `held_out`, `metrics_epsilon`, `shape`, `optimizer`, `momentum`,
            `schedule` and `average`, as `wish` takes them.

    Raises:
        NotTransportable: the model cannot travel as data; it names the line.
    """
    first = next(iter(members.values()))
    form = wish(
        first.facts,
        first.card,
        first.project(None).id,
        model,
        target=target,
        features=features,
        epsilon=epsilon,
        rounds=rounds,
        purpose=purpose,
        steps=steps,
        batch=batch,
        **others,
    )
    return {
        node: JobForm(
            training=form.training.model_copy(
                update={"dataset": remote.card.id, "project": remote.project(None).id},
            ),
            weights=form.weights,
        )
        for node, remote in members.items()
    }


class TrainingQuote(QuoteText):
    """What a training would cost at each node. It cost nothing and read no row."""

    several = SEVERAL


def quoted(members: Mapping[str, Remote], wishes: Mapping[str, JobForm]) -> TrainingQuote:
    """Return what each node would charge; free."""
    quotes = {node: members[node].transport.post("/v1/jobs/quotes", form, JobQuote) for node, form in wishes.items()}
    return TrainingQuote(next(iter(wishes.values())).training, quotes)


def submitted(members: Mapping[str, Remote], wishes: Mapping[str, JobForm]) -> FederatedJob:
    """Send the wish to every node; free until an owner approves."""
    jobs = {node: members[node].transport.post("/v1/jobs", form, Job) for node, form in wishes.items()}
    return FederatedJob(members, jobs, wishes)
