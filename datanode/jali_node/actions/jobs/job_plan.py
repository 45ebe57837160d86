"""What a stored job means: its training, its digest, its plan. All from public facts."""

import json
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.dataset import UnitKind
from jali.wire.jobs.train import Job, JobForm, JobQuote, JobStatus, RoundStatus, Training
from jali.wire.money import digest, from_fixed
from jali.wire.person import Role
from jali_node.actions.approvals import agree
from jali_node.actions.datasets.snapshots import snapshot
from jali_node.actions.jobs import queue
from jali_node.actions.wishes import subject
from jali_node.engine.engines import files_only
from jali_node.errors import JobChanged, UnknownResource
from jali_node.jobs import train
from jali_node.jobs.effort import effort, refuse_if_impossible
from jali_node.ledger import accountant, book, refusal, training_price
from jali_node.ledger.account import Account
from jali_node.ledger.accountant import Charge
from jali_node.ledger.terms import Terms
from jali_node.people.caller import Caller
from jali_node.policy import request_state
from jali_node.sandbox.limits import Limits
from jali_node.store import catalog, clock, freezes, workers
from jali_node.store.catalog import Registered
from jali_node.tables import AccountRow, DatasetRow, FreezeRow, JobRoundRow, JobRow, PersonRow, ProjectRow, SpendRow
from jali_node.training.plan import TrainingPlan


@dataclass(frozen=True)
class Planned:
    """A training as it would run on one dataset version."""

    registered: Registered
    plan: TrainingPlan
    terms: Terms

    @property
    def whole(self) -> Charge:
        """The cost of everything: all rounds, and the metrics."""
        plan = self.plan
        cost = training_price.whole_charge(plan.q, plan.noise_multiplier, plan.steps_per_round, plan.rounds, self.terms)
        return cost if self.metrics is None else accountant.together(cost, self.metrics)

    @property
    def metrics(self) -> Charge | None:
        """The cost of measuring, where it is asked for."""
        event = self.plan.metrics_event
        return None if event is None else accountant.charge(event, self.terms)

    def fitting(self, account: Account) -> int:
        """Return the dearest price (1e-12) at which an account that it does not fit would have room for it."""
        plan = self.plan
        facts = (plan.q, plan.noise_multiplier, plan.steps_per_round, plan.rounds)
        return training_price.fitting_price(account, *facts, beside=self.metrics)


def planned(session: Session, registered: Registered, training: Training) -> Planned:
    """Plan a training for a dataset version.

    Raises:
        UnknownColumn, WrongColumnType, BoundsUnknown, InvalidRequest, EpsilonTooSmall: it does not fit the card.
    """
    files_only(snapshot(registered), "training")
    account = session.get_one(AccountRow, registered.population.account_id)
    terms = book.terms(account)
    card, units = registered.card, registered.population.units
    plan = train.plan(training, card.all_columns, units, terms, card.max_rows)
    refuse_if_impossible(training.graph, plan, Limits())
    return Planned(registered, plan, terms)


def stored(session: Session, row: JobRow) -> Planned:
    """Return a job's plan as it was quoted; it is never solved again, so noise and price stay what was approved."""
    registered = catalog.version(session, row.version_id)
    account = session.get_one(AccountRow, registered.population.account_id)
    return Planned(registered, TrainingPlan(**json.loads(row.plan)), book.terms(account))


def job_digest(form: JobForm, version_id: str, plan: str) -> str:
    """Return what decisions of earlier releases were bound to; now `subject.bound` says it."""
    return digest({"form": form.digest, "version": version_id, "plan": plan})


def form_of(row: JobRow) -> JobForm:
    """Return the wish as it was sent."""
    return JobForm(training=Training.model_validate_json(row.training), weights=row.weights)


def refuse_if_changed(row: JobRow) -> None:
    """Hold what is about to run against what was approved.

    Raises:
        JobChanged: something of it is no longer what the owner decided about.
    """
    if row.digest not in (subject.bound(row), job_digest(form_of(row), row.version_id, row.plan)):
        raise JobChanged("the job is no longer what was approved; submit it again", field="digest")


def visible(session: Session, caller: Caller, job_id: str, *, lock: bool = False) -> JobRow:
    """Return a job that the caller may read.

    Raises:
        UnknownResource: there is none, or it is somebody else's.
    """
    row = _found(session, job_id, lock=lock)
    if row is None or not (caller.oversees or row.person_id == caller.id):
        raise UnknownResource("there is no such job, or it is not yours", field="job")
    return row


def governed(session: Session, caller: Caller, job_id: str, *, lock: bool = False) -> JobRow:
    """Return a job that the caller may run or end, and whose weights they may read: any for an owner,
    for others their own while they are a member of its project.

    Raises:
        UnknownResource: there is none, or it is somebody else's.
    """
    row = _found(session, job_id, lock=lock)
    own = row is not None and row.person_id == caller.id and row.project_id in caller.projects
    if row is None or not (own or caller.role is Role.OWNER):
        raise UnknownResource("there is no such job, or it is not yours", field="job")
    return row


def _found(session: Session, job_id: str, *, lock: bool) -> JobRow | None:
    query = select(JobRow).where(JobRow.id == job_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()


def job_round(session: Session, job_id: str, number: int) -> JobRoundRow | None:
    """Return a job's round, locked until the transaction ends."""
    query = select(JobRoundRow).where(JobRoundRow.job_id == job_id, JobRoundRow.number == number)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()


def frozen(session: Session, row: JobRoundRow) -> FreezeRow | None:
    """Return what stops a round that has not begun; one that has goes on, since it is spent."""
    spend = session.get_one(SpendRow, row.spend_id)
    if spend.state != book.HELD:
        return None
    return freezes.first(session, json.loads(spend.accounts), session.get_one(JobRow, row.job_id).dataset_id)


def price_of(found: Planned) -> int:
    """Return the stand-alone price (1e-12) of everything together."""
    return accountant.price(found.whole, found.terms)


def fits(session: Session, found: Planned) -> bool:
    """Say whether the population's account has room for everything."""
    return book.present(session.get_one(AccountRow, found.registered.population.account_id)).fits(found.whole)


def quoted(session: Session, found: Planned, training: Training) -> JobQuote:
    """Return a plan's price, and whether the population's account has room for it."""
    account = book.present(session.get_one(AccountRow, found.registered.population.account_id))
    price = price_of(found)
    has_room = account.fits(found.whole)
    one = accountant.price(accountant.charge(found.plan.round_event, found.terms), found.terms)
    return JobQuote(
        price=from_fixed(price),
        metrics_price=0.0 if found.metrics is None else from_fixed(accountant.price(found.metrics, found.terms)),
        per_round=from_fixed(one),
        noise_multiplier=found.plan.noise_multiplier,
        sampling_rate=found.plan.q,
        delta=account.budget().delta,
        numerics=found.plan.numerics,
        unit=UnitKind.ROW if found.plan.max_rows is None else UnitKind.ENTITY,
        max_rows=found.plan.max_rows,
        fits=has_room,
        fitting=None if has_room else refusal.rounded_down(found.fitting(account)),
        effort=effort(
            training.graph, found.plan, found.registered.population.units, found.registered.card.max_rows or 1, Limits()
        ),
    )


def shown(session: Session, row: JobRow) -> Job:
    """Return a job as both sides see it."""
    training = Training.model_validate(json.loads(row.training))
    found = stored(session, row)
    rounds = session.scalars(select(JobRoundRow.status).where(JobRoundRow.job_id == row.id)).all()
    status = shown_status(session, row)
    lapsed = status is JobStatus.EXPIRED and row.status != JobStatus.EXPIRED
    return Job(
        id=row.id,
        training=training,
        dataset_name=session.get_one(DatasetRow, row.dataset_id).name,
        project_name=session.get_one(ProjectRow, row.project_id).name,
        person=row.person_id,
        person_name=session.get_one(PersonRow, row.person_id).name,
        digest=row.digest,
        status=status,
        revision=row.revision,
        answer_by=row.answer_by,
        undecided_until=row.undecided_until,
        quote=quoted(session, found, training),
        rounds_done=min(training.rounds, sum(status == RoundStatus.DONE for status in rounds)),
        created_at=row.created_at,
        decided_at=row.undecided_until if lapsed else row.decided_at,
        decided_by=row.decided_by,
        reason=request_state.LAPSED if lapsed else row.reason,
        approvals=agree.approvals(session, row.id),
        waiting_for=waiting_for(session, row, found, status),
        priority=row.priority,
        paused_until=row.paused_until,
        sandbox_tier=workers.best_tier(session),
    )


def shown_status(session: Session, row: JobRow) -> JobStatus:
    """Return where a job stands now: one that nobody has decided in time has lapsed, whether or not that is written."""
    lapsed = request_state.lapsed(row.status, row.undecided_until, clock.now(session))
    return JobStatus.EXPIRED if lapsed else JobStatus(row.status)


def waiting_for(session: Session, row: JobRow, found: Planned, status: JobStatus) -> str:
    """Say whose decision a job waits for, or what its next round does."""
    if status is JobStatus.CHANGES_ASKED:
        return "the asker, who is to change it"
    if status is JobStatus.SUBMITTED:
        return agree.waiting_for(session, row.id, price_of(found))
    if status in (JobStatus.APPROVED, JobStatus.QUEUED, JobStatus.RUNNING):
        return queue.waiting_for(session, row)
    return ""
