"""A training job, as its reviewer reads it."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from jali.wire.features import described
from jali.wire.jobs.train import Job, JobStatus
from jali_portal import wording, words

STATUS = {
    JobStatus.SUBMITTED: "Waiting",
    JobStatus.CHANGES_ASKED: "Changes asked",
    JobStatus.DENIED: "Denied",
    JobStatus.WITHDRAWN: "Withdrawn",
    JobStatus.EXPIRED: "Lapsed",
    JobStatus.APPROVED: "Granted",
    JobStatus.QUEUED: "Granted",
    JobStatus.RUNNING: "Running",
    JobStatus.DONE: "Done",
    JobStatus.FAILED: "Failed",
    JobStatus.CANCELLED: "Cancelled",
}


@dataclass(frozen=True)
class TrainingPage:
    """The page's facts, in words; `graph` as the model's drawing takes it."""

    title: str
    status: str
    facts: tuple[tuple[str, str], ...]
    purpose: str
    reads: tuple[tuple[str, str], ...]
    how: tuple[tuple[str, str], ...]
    graph: tuple[dict[str, Any], ...]
    progress: str
    decision: tuple[tuple[str, str], ...]


def page(job: Job, now: datetime, zone: tzinfo) -> TrainingPage:
    """Return the page of a job."""
    training, quote = job.training, job.quote
    return TrainingPage(
        title=f"{job.person_name} asks to train a model on {job.dataset_name}",
        status=STATUS[job.status],
        facts=(
            ("Asked by", job.person_name),
            ("Project", job.project_name),
            ("Dataset", job.dataset_name),
            ("Asked", words.moment(job.created_at, now, zone)),
            ("Price of everything", words.epsilon(quote.price)),
            ("Digest of all that will run", job.digest[:16]),
            *((("Waits for", job.waiting_for),) if job.waiting_for else ()),
        ),
        purpose=training.purpose,
        reads=(
            ("Predicts", training.target.describe()),
            ("From", words.listed([described(feature) for feature in training.features])),
        ),
        how=(
            ("Rounds", f"{training.rounds}, after each of which {training.leaving} leave"),
            ("Protected", f"each {quote.protected}"),
            ("Steps in a round", f"{training.steps}, each over {training.a_step(quote.unit.plural)}"),
            ("Walks by", f"{training.walk}, learning rate {training.learning_rate:g}, {training.schedule.describe()}"),
            (f"Each {quote.unit}'s pull", f"clipped to {training.clip_norm:g}"),
            ("Noise", f"{quote.noise_multiplier:.3g} times that, in each step"),
            ("Numbers learned", f"{training.graph.parameter_count:,}"),
            ("Arithmetic", quote.numerics),
            ("Sandbox", wording.sandbox(job.sandbox_tier)),
            *_measured(job),
            *_effort(job),
        ),
        graph=tuple(
            {
                "id": node.id,
                "kind": node.kind.replace("_", " "),
                "inputs": [name for name in node.inputs if name != "input"],
                "settings": node.model_dump(exclude={"id", "kind", "inputs"}),
            }
            for node in training.graph.nodes
        ),
        progress=f"{job.rounds_done} of {words.counted(training.rounds, 'round')} done",
        decision=_decision(job, now, zone),
    )


def _measured(job: Job) -> tuple[tuple[str, str], ...]:
    if not job.training.held_out:
        return ()
    price, many = words.epsilon(job.quote.metrics_price), job.quote.unit.plural
    return (("Measured", f"on about {job.training.held_out:.0%} of the {many}, held out by a keyed hash, for {price}"),)


def _effort(job: Job) -> tuple[tuple[str, str], ...]:
    effort = job.quote.effort
    if effort is None:
        return ()
    mind = tuple(("Mind", said) for said in effort.warnings)
    return (("What it takes", effort.describe()), *mind)


def _decision(job: Job, now: datetime, zone: tzinfo) -> tuple[tuple[str, str], ...]:
    if job.status is JobStatus.CHANGES_ASKED:
        return (("Asked to change", job.reason),)
    if job.decided_at is None:
        return ()
    told = (("Told the asker", job.reason),) if job.reason else ()
    rule = (("By", wording.DECIDED_BY_RULE),) if job.decided_by is None else ()
    earlier = tuple(("Approved first", words.moment(yes.at, now, zone)) for yes in job.approvals[:-1])
    return (*earlier, ("Decided", words.moment(job.decided_at, now, zone)), *rule, *told)
