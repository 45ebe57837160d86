"""Budgets as their stewards watch them: what each population has spent, who spent it, and what is stopped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from jali.wire.budget import BudgetReport, PopulationBudget
from jali.wire.dataset import Dataset
from jali.wire.freeze import NODE, Freeze
from jali.wire.jobs.train import Job, JobStatus
from jali.wire.request import AccessRequest, RequestKind, RequestStatus
from jali_portal import wording, words
from jali_portal.viewmodels.accounts import Account, AccountBook

UNDER_WAY = (JobStatus.APPROVED, JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True)
class Holding:
    """A grant: who may ask what until when, what of it is spent, and whether it still holds.

    `share` is its part of all that the population's cap allows.
    """

    id: str
    person: str
    project: str
    dataset: str
    who: tuple[str, str, str]
    quota: str
    share: str
    until: str
    state: str

    @property
    def holds(self) -> bool:
        """Whether something may still be asked under it."""
        return self.state in (OPEN, FROZEN)


OPEN, FROZEN, USED_UP, OVER, REVOKED = "Open", "Frozen", "Used up", "Over", "Revoked"


@dataclass(frozen=True)
class Slice:
    """A part of a population's bar: how it is drawn, what it is, its share and the same as a price."""

    kind: str
    name: str
    share: float
    price: str


@dataclass(frozen=True)
class Table:
    """A dataset of a population."""

    id: str
    name: str
    stopped: str
    code: bool = False


@dataclass(frozen=True)
class Purse:
    """A population's budget."""

    id: str
    name: str
    about: str
    stopped: str
    slices: tuple[Slice, ...]
    figures: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    open: tuple[Holding, ...]
    ended: tuple[Holding, ...]
    without_grant: str


@dataclass(frozen=True)
class Facts:
    """What the page is made of, as the node told it."""

    populations: Sequence[PopulationBudget]
    datasets: Sequence[Dataset]
    requests: Sequence[AccessRequest]
    jobs: Sequence[Job]
    freezes: Mapping[str, Freeze]
    book: AccountBook

    @property
    def running(self) -> list[Job]:
        """The jobs that are approved and have not ended."""
        return [job for job in self.jobs if job.status in UNDER_WAY]

    @property
    def grants(self) -> dict[str, AccessRequest]:
        """What was granted first, by the grant's id."""
        first = (wish for wish in self.requests if wish.kind is not RequestKind.BUDGET)
        return {wish.grant: wish for wish in first if wish.status is RequestStatus.GRANTED and wish.grant}

    def stopped(self, subject: str, now: datetime, zone: tzinfo) -> str:
        """Say since when, by whom and why something is stopped; nothing where it is not."""
        found = self.freezes.get(subject)
        return wording.stopped(found, words.moment(found.at, now, zone)) if found else ""


def purses(facts: Facts, now: datetime, zone: tzinfo) -> tuple[Purse, ...]:
    """Return each population's budget, by name."""
    ordered = sorted(facts.populations, key=lambda population: population.name.casefold())
    return tuple(_purse(facts, population, now, zone) for population in ordered)


def figures(facts: Facts, found: Sequence[Purse]) -> tuple[tuple[str, str], ...]:
    """Return the page's figures."""
    return (
        ("Populations", str(len(found))),
        ("Open grants", str(sum(len(purse.open) for purse in found))),
        ("Jobs under way", str(len(facts.running))),
        ("Frozen", str(sum(not freeze.final for freeze in facts.freezes.values()))),
    )


def _purse(facts: Facts, population: PopulationBudget, now: datetime, zone: tzinfo) -> Purse:
    account = facts.book.account(population.account)
    holdings = [_holding(facts, quota, account, now, zone) for quota in facts.book.quotas(population.account).values()]
    holdings.sort(key=lambda holding: (holding.person.casefold(), holding.project, holding.id))
    tables = [table for table in facts.datasets if table.population.id == population.id]
    money = population.budget
    return Purse(
        id=population.id,
        name=population.name,
        about=wording.promise(
            population.units, population.unit, money.cap, money.delta, money.window, money.promise_ended
        ),
        stopped=facts.stopped(population.account, now, zone),
        slices=_slices(population, account),
        figures=_figures(population),
        tables=tuple(
            Table(table.id, table.name, facts.stopped(table.id, now, zone), table.code_jobs) for table in tables
        ),
        open=tuple(holding for holding in holdings if holding.holds),
        ended=tuple(holding for holding in holdings if not holding.holds),
        without_grant=_without_grant(account),
    )


def _figures(population: PopulationBudget) -> tuple[tuple[str, str], ...]:
    budget = population.budget
    return (
        ("Cap", words.epsilon(budget.cap)),
        ("Spent", f"{words.epsilon(budget.spent)} by all answers together"),
        ("Held", f"{words.epsilon(budget.held)} for jobs under way" if budget.held else "nothing"),
        ("Left", f"{words.epsilon(budget.left)} in one question"),
    )


def _slices(population: PopulationBudget, account: Account | None) -> tuple[Slice, ...]:
    """Return the bar's parts; they sum to 1. Without the account, all that is known is what is left."""
    budget = population.budget
    left = account.share_left if account else budget.left / budget.cap
    held = account.share_of(account.held) if account else 0.0
    return (
        Slice("spent", "Spent", max(0.0, 1 - left - held), words.epsilon(budget.spent)),
        Slice("held", "Held", held, words.epsilon(budget.held)),
        Slice("left", "Left", left, words.epsilon(budget.left)),
    )


def _holding(facts: Facts, quota: Account, account: Account | None, now: datetime, zone: tzinfo) -> Holding:
    grant = quota.grant or ""
    wish = facts.grants.get(grant)
    every = f" every {words.counted(wish.refresh_days, 'day')}" if wish and wish.refresh_days else ""
    spent = quota.terms.together(quota.spent)
    share = account.share_of(account.by[grant]) if account and grant in account.by else 0.0
    return Holding(
        id=grant,
        person=wish.person_name if wish else f"grant …{grant[-6:]}",
        project=wish.project_name if wish else "",
        dataset=wish.dataset_name if wish else "",
        who=(wish.person, wish.project, wish.dataset) if wish else ("", "", ""),
        quota=f"{words.epsilon(min(spent, quota.cap))} of {words.epsilon(quota.cap)}{every}",
        share=words.share(share),
        until=words.day(wish.expires_at, zone) if wish and wish.expires_at else "",
        state=_state(facts, quota, wish, now),
    )


def _state(facts: Facts, quota: Account, wish: AccessRequest | None, now: datetime) -> str:
    stopped = facts.freezes.get(quota.grant or "")
    if stopped is not None:
        return REVOKED if stopped.final else FROZEN
    if wish is not None and wish.expires_at is not None and wish.expires_at <= now:
        return OVER
    return OPEN if quota.room > 0 else USED_UP


def _without_grant(account: Account | None) -> str:
    """Say what was spent without a grant: by jobs that an owner approved, and by the node itself."""
    if account is None:
        return ""
    costs = [cost for whose, cost in account.by.items() if not whose.startswith("grt_")]
    share = sum(account.share_of(cost) for cost in costs)
    return wording.spent_without_grant(words.share(share)) if share > 0 else ""


def report(found: BudgetReport) -> str:
    """Return the tighter figure in words; the page says that it is a report."""
    return wording.NO_REPORT if found.tighter is None else wording.counted_tightly(found.tighter, found.lifetime)


def stopping(facts: Facts, found: Sequence[Purse], subject: str) -> tuple[str, ...]:
    """Say what stops when a subject is frozen: who waits, and which jobs.

    Args:
        facts: what the page is made of.
        found: the page's populations.
        subject: `node`, or the id of a population, a dataset or a grant.
    """
    populations = {table.id: table.population.id for table in facts.datasets}
    wish = facts.grants.get(subject)
    holdings = [holding for purse in found for holding in purse.open]
    people = {
        holding.person
        for holding in holdings
        if subject in (NODE, holding.id, holding.who[2], populations.get(holding.who[2]))
    }
    jobs = [
        job
        for job in facts.running
        if subject in (NODE, job.training.dataset, populations.get(job.training.dataset))
        or (wish is not None and _of_grant(job, wish))
    ]
    return (
        wording.freezes(subject == NODE, sorted(people)),
        wording.waiting_jobs([said(job) for job in jobs]),
        wording.BEGUN_STANDS,
    )


def ending(facts: Facts, grant: str, now: datetime) -> tuple[str, ...]:
    """Say what ends when a grant is revoked: its holder's jobs too, unless another grant of theirs holds."""
    wish = facts.grants.get(grant)
    if wish is None:
        return (wording.REVOKES, wording.REVOKED_STANDS)
    others = (other for name, other in facts.grants.items() if name != grant and _same(other, wish))
    if any(_holds(facts, other, now) for other in others):
        return (wording.REVOKES, wording.ANOTHER_GRANT_HOLDS, wording.REVOKED_STANDS)
    jobs = [job for job in facts.jobs if _of_grant(job, wish) and (job.status.is_open or job.status in UNDER_WAY)]
    return (wording.REVOKES, wording.cancelled_jobs([said(job) for job in jobs]), wording.REVOKED_STANDS)


def _same(one: AccessRequest, other: AccessRequest) -> bool:
    return (one.person, one.project, one.dataset) == (other.person, other.project, other.dataset)


def _holds(facts: Facts, wish: AccessRequest, now: datetime) -> bool:
    stopped = facts.freezes.get(wish.grant or "")
    return wish.expires_at is not None and wish.expires_at > now and not (stopped and stopped.final)


def _of_grant(job: Job, wish: AccessRequest) -> bool:
    training = job.training
    return (job.person, training.project, training.dataset) == (wish.person, wish.project, wish.dataset)


def said(job: Job) -> str:
    """Return a job in words: whose, on what, and how far it is."""
    done = f"{job.rounds_done} of {words.counted(job.training.rounds, 'round')} done"
    return f"{job.person_name}'s training on {job.dataset_name} ({done})"
