"""What may be done to a job that goes on: pausing it, letting it go on, ending it. Each is asked about first."""

from collections.abc import Callable

from jali.wire.jobs.train import Job, JobStatus
from jali_portal import wording
from jali_portal.components import confirm, markup
from jali_portal.components.confirm import Step
from jali_portal.desk import Desk

GOING = (JobStatus.APPROVED, JobStatus.QUEUED, JobStatus.RUNNING)


def draw(desk: Callable[[], Desk], job: Job, title: str) -> None:
    """Draw the buttons, for whoever may press them."""
    if job.status not in GOING or not desk().owns:
        return
    if job.paused_until is None:
        confirm.button("Pause", lambda: _pausing(desk, job, title), key=f"pause-{job.id}", width="stretch")
    else:
        markup.note(wording.paused(job.paused_until))
        confirm.button("Resume", lambda: _resuming(desk, job, title), key=f"resume-{job.id}", width="stretch")
    confirm.button("End the job", lambda: _ending(desk, job, title), key=f"end-{job.id}", width="stretch")


def _pausing(desk: Callable[[], Desk], job: Job, title: str) -> Step:
    def act(reason: str) -> str:
        desk().owner.pause_job(job)
        return wording.JOB_PAUSED

    return Step(job.id, "Pause this job?", title, wording.PAUSING_A_JOB, "Pause it", act)


def _resuming(desk: Callable[[], Desk], job: Job, title: str) -> Step:
    def act(reason: str) -> str:
        desk().owner.resume_job(job)
        return wording.JOB_RESUMED

    return Step(job.id, "Let this job go on?", title, wording.RESUMING_A_JOB, "Let it go on", act)


def _ending(desk: Callable[[], Desk], job: Job, title: str) -> Step:
    def act(reason: str) -> str:
        desk().owner.end_job(job)
        return wording.JOB_ENDED

    return Step(job.id, "End this job for good?", title, wording.ENDING_A_JOB, "End it for good", act)
