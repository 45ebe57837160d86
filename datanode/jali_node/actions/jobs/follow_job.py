"""How far a job has come: what was begun and what was stored, and what the next round waits for.

All of it follows from public figures and from who has done what, never from rows. How long a round takes is not said:
whoever waits for it sees that anyway, and no figure from inside a round leaves before the round's own reply.
"""

from sqlalchemy import select

from jali.wire.jobs.train import JobProgress, JobStatus, RoundStatus, Training
from jali.wire.money import from_fixed
from jali_node.actions.jobs.job_plan import price_of, shown_status, stored, visible, waiting_for
from jali_node.ledger import accountant, training_price
from jali_node.ledger.accountant import Charge
from jali_node.node import Node
from jali_node.people.caller import Caller
from jali_node.tables import JobRoundRow

GOING = (JobStatus.APPROVED, JobStatus.QUEUED, JobStatus.RUNNING)


def follow_job(node: Node, caller: Caller, job_id: str) -> JobProgress:
    """Return how far a job has come.

    Raises:
        UnknownResource: there is none, or it is somebody else's.
    """
    with node.database.reading() as session:
        row = visible(session, caller, job_id)
        training, found = Training.model_validate_json(row.training), stored(session, row)
        rounds = session.execute(
            select(JobRoundRow.number, JobRoundRow.status).where(JobRoundRow.job_id == row.id)
        ).all()
        begun = [number for number, status in rounds if status in (RoundStatus.RUNNING, RoundStatus.DONE)]
        status = shown_status(session, row)
        plan, terms = found.plan, found.terms
        taught = sum(number <= plan.rounds for number in begun)
        cost = Charge(tuple(0 for _ in terms.orders))
        if taught:
            cost = training_price.whole_charge(plan.q, plan.noise_multiplier, plan.steps_per_round, taught, terms)
        if len(begun) > taught and found.metrics is not None:
            cost = accountant.together(cost, found.metrics)
        return JobProgress(
            status=status,
            rounds_done=sum(number <= plan.rounds and each == RoundStatus.DONE for number, each in rounds),
            rounds=training.rounds,
            steps_a_round=training.steps,
            parts_done=sum(each == RoundStatus.DONE for _, each in rounds),
            parts=training.last,
            spent=from_fixed(accountant.price(cost, terms)) if begun else 0.0,
            price=from_fixed(price_of(found)),
            waiting_for=waiting_for(session, row, found, status),
            ended=status not in (JobStatus.SUBMITTED, JobStatus.CHANGES_ASKED, *GOING),
        )
