"""Whether a rule speaks of what is asked. Pure: facts in, yes or no out, and the reason in words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from jali.wire.policy import SPANS, Effect, Rule, Weekday

DAY = timedelta(days=1)
WEEK = tuple(Weekday)
WORDS = {
    "epsilon": "it costs epsilon",
    "total": "the quota has spent",
    "total_share": "the spent share of the quota is",
    "parameters": "the model's parameters are",
}


@dataclass(frozen=True)
class Asked:
    """What somebody asks: a question (`statistic` says which) or a job (`job_kind`).

    Persons, projects and datasets are known by their ids and their names. `total` is what the quota that would pay has
    spent before, `cap` what it may; both in epsilon, None where no quota pays.
    """

    person: frozenset[str]
    role: str
    project: frozenset[str]
    dataset: frozenset[str]
    columns: frozenset[str]
    epsilon: float
    statistic: str | None = None
    job_kind: str | None = None
    parameters: int = 0
    total: float | None = None
    cap: float | None = None

    def amount(self, what: str) -> float | None:
        """Return one of the amounts that rules bound."""
        if what == "total_share":
            return None if self.total is None or not self.cap else self.total / self.cap
        found: float | None = getattr(self, what)
        return found


def speaks(rule: Rule, asked: Asked, at: datetime) -> bool:
    """Say whether every condition that a rule names holds at a time (aware)."""
    return (
        _concerns(rule, asked)
        and _named(rule.persons, asked.person)
        and _named(rule.roles, {asked.role})
        and _named(rule.projects, asked.project)
        and _named(rule.datasets, asked.dataset)
        and _reads(rule, asked)
        and all(_within(rule, what, asked) for what in SPANS)
        and _in_time(rule, at)
    )


def words(rule: Rule, asked: Asked) -> str:
    """Return why a rule speaks, in the owner's words or in those of its conditions."""
    if rule.reason:
        return rule.reason
    named = [
        *([f"columns {', '.join(sorted(asked.columns & set(rule.columns)))}"] if rule.columns else []),
        *([f"statistic {asked.statistic}"] if rule.statistics and asked.statistic else []),
        *([f"jobs of kind {asked.job_kind}"] if rule.job_kinds and asked.job_kind else []),
        *(_amount(rule, what, asked) for what in SPANS if rule.bounds(what)),
        *([f"hours {rule.hours}"] if rule.hours else []),
        *([f"on {', '.join(rule.weekdays)}"] if rule.weekdays else []),
        *([f"in {rule.zone}"] if rule.zone else []),
    ]
    return ", ".join(named) or "it names you, your project or this dataset"


def _concerns(rule: Rule, asked: Asked) -> bool:
    if asked.job_kind is None:
        return not rule.of_jobs_only and (rule.statistics is None or asked.statistic in rule.statistics)
    if rule.effect is Effect.ALLOW and rule.job_kinds is None:
        return False
    return not rule.of_questions_only and (rule.job_kinds is None or asked.job_kind in rule.job_kinds)


def _named(wanted: tuple[str, ...] | None, known: set[str] | frozenset[str]) -> bool:
    return wanted is None or not known.isdisjoint(wanted)


def _reads(rule: Rule, asked: Asked) -> bool:
    """A deny or an ask holds for any of its columns; an allow holds where nothing else is read."""
    if rule.columns is None:
        return True
    if rule.effect is Effect.ALLOW:
        return asked.columns <= set(rule.columns)
    return not asked.columns.isdisjoint(rule.columns)


def _within(rule: Rule, what: str, asked: Asked) -> bool:
    above, at_most = rule.span(what)
    if above is None and at_most is None:
        return True
    amount = asked.amount(what)
    return amount is not None and (above is None or amount > above) and (at_most is None or amount <= at_most)


def _amount(rule: Rule, what: str, asked: Asked) -> str:
    above, at_most = rule.span(what)
    limits = [
        *([f"above {above:g}"] if above is not None else []),
        *([f"at most {at_most:g}"] if at_most is not None else []),
    ]
    return f"{WORDS[what]} {asked.amount(what):g}, {' and '.join(limits)}"


def _in_time(rule: Rule, at: datetime) -> bool:
    """Read the wall clock in the rule's zone: an hour that is skipped never comes, one that is repeated comes twice."""
    if rule.zone is None:
        return True
    local = at.astimezone(ZoneInfo(rule.zone))
    clock, day = f"{local:%H:%M}", local.date()
    begin, end = (rule.hours or "00:00-24:00").split("-")
    if begin < end:
        inside = begin <= clock < end
    else:  # over midnight: in the small hours it is still the day before
        inside = clock >= begin or clock < end
        day -= DAY if clock < end else timedelta()
    return inside and (rule.weekdays is None or WEEK[day.weekday()] in rule.weekdays)
