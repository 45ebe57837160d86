"""A node's policy: who may ask what, as a document that its owners write, and what would change under another one.

A document is TOML: `[[rule]]` tables, and `[approval]`. An explicit deny wins, then an explicit ask, then an allow.

>>> policy = parsed('''
... [approval]
... two_persons_above_epsilon = 1.0
... [[rule]]
... name = "nights"
... effect = "deny"
... hours = "18:00-08:00"
... zone = "Europe/Zurich"
... ''')
>>> policy.rules[0].name, policy.approval.two_persons_above_epsilon
('nights', 1.0)
"""

import re
import tomllib
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from jali.wire.base import Reply, Request
from jali.wire.money import EPSILON_MAX
from jali.wire.person import Role
from jali.wire.statistics import STATISTICS

TEXT_MAX = 100_000
RULES_MAX = 200
NAMES_MAX = 1000
LAST = 100
"""How many of the last requests a dry run looks at."""
STATISTIC_KINDS = tuple(str(statistic.model_fields["kind"].default) for statistic in STATISTICS)
JOB_KINDS = ("train",)


class PolicyInvalid(ValueError):
    """A document that is no policy; `field` is where, the message names the rule, the field and the numbers."""

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail)
        self.detail, self.field = detail, field


class Effect(StrEnum):
    """What a rule says."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Weekday(StrEnum):
    """Days, in the order in which `datetime.weekday` counts them."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_HOURS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)")


def _hours(text: str) -> str:
    if not _HOURS.fullmatch(text):
        raise ValueError("expected hours such as 08:00-18:00")
    return text


def _known_zone(key: str) -> str:
    try:
        ZoneInfo(key)
    except (LookupError, OSError, ValueError) as error:  # no such zone, a folder of zones, a path out of them
        raise ValueError("expected a time zone such as Europe/Zurich") from error
    return key


def _known_statistic(kind: str) -> str:
    if kind not in STATISTIC_KINDS:
        raise ValueError(f"expected one of {', '.join(STATISTIC_KINDS)}")
    return kind


Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], Field(min_length=1, max_length=NAMES_MAX)]
Statistics = Annotated[tuple[Annotated[str, AfterValidator(_known_statistic)], ...], Field(min_length=1)]
Hours = Annotated[str, AfterValidator(_hours)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]
Amount = Annotated[float, Field(ge=0, le=EPSILON_MAX, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=0, le=2**62, strict=True)]
SPANS = ("epsilon", "total", "total_share", "parameters")
"""Amounts that a rule bounds as `x_above` and `x_at_most`."""


class Part(BaseModel):
    """A part of a document: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(Part):
    """One sentence: where every condition that it names holds, it says `effect`.

    Persons, projects and datasets go by name or id. `columns` holds for a deny or an ask where the answer reads any of
    them, for an allow where it reads no other. `epsilon` is a request's price, `total` what the asker's quota has spent
    before it (in its present window, where it refreshes), `total_share` the same as a share of the quota. `hours` are
    those of the wall clocks in `zone`, the second left out; `weekdays` are the days on which they begin. `parameters`
    is a model's size. A rule that names `statistics` or a total speaks of questions alone, one that names `parameters`
    of jobs; an allow reaches jobs only where it names `job_kinds`. `reason` is what the asker is told.
    """

    name: Name
    effect: Effect
    reason: str = Field(default="", max_length=500)
    persons: Names | None = None
    roles: Annotated[tuple[Role, ...], Field(min_length=1)] | None = None
    projects: Names | None = None
    datasets: Names | None = None
    statistics: Statistics | None = None
    columns: Names | None = None
    job_kinds: Annotated[tuple[Literal["train"], ...], Field(min_length=1)] | None = None
    epsilon_above: Amount | None = None
    epsilon_at_most: Amount | None = None
    total_above: Amount | None = None
    total_at_most: Amount | None = None
    total_share_above: Share | None = None
    total_share_at_most: Share | None = None
    parameters_above: Size | None = None
    parameters_at_most: Size | None = None
    hours: Hours | None = None
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1)] | None = None
    zone: Zone | None = None

    def span(self, what: str) -> tuple[float | None, float | None]:
        """Return above what, and at most what, an amount must be."""
        return getattr(self, f"{what}_above"), getattr(self, f"{what}_at_most")

    def bounds(self, what: str) -> bool:
        """Say whether the rule names an amount."""
        return self.span(what) != (None, None)

    @property
    def of_questions_only(self) -> bool:
        """Whether a condition makes sense for questions alone."""
        return (
            self.bounds("total") or self.bounds("total_share") or (self.statistics is not None and not self.job_kinds)
        )

    @property
    def of_jobs_only(self) -> bool:
        """Whether a condition makes sense for jobs alone."""
        return self.bounds("parameters") or (self.job_kinds is not None and not self.statistics)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        for what in SPANS:
            above, at_most = self.span(what)
            if above is not None and at_most is not None and above >= at_most:
                raise ValueError(f"expected {what}_above < {what}_at_most, got {above:g} and {at_most:g}")
        if (self.hours or self.weekdays) and self.zone is None:
            raise ValueError("hours and weekdays need a zone, such as Europe/Zurich")
        if self.zone is not None and not (self.hours or self.weekdays):
            raise ValueError("a zone needs hours or weekdays")
        if self.hours and self.hours[:5] == self.hours[6:]:
            raise ValueError(f"expected hours that end at another time than they begin, got {self.hours}")
        if self.of_questions_only and self.of_jobs_only:
            raise ValueError("one condition is about questions and one about jobs: write two rules")
        if self.effect is Effect.ALLOW and self.bounds("parameters") and not self.job_kinds:
            raise ValueError("an allow reaches jobs only where it names job_kinds")
        return self


class Approval(Part):
    """How many persons a yes takes."""

    two_persons_above_epsilon: Annotated[float, Field(ge=0, le=EPSILON_MAX, allow_inf_nan=False)] | None = None


class Policy(Part):
    """A whole document. Without rules, grants alone decide."""

    approval: Approval = Approval()
    rules: tuple[Rule, ...] = Field(default=(), max_length=RULES_MAX, alias="rule")

    @model_validator(mode="after")
    def _one_rule_of_a_name(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"expected rules of different names, got {twice[0]!r} {names.count(twice[0])} times")
        return self


NO_POLICY = Policy()


def parsed(text: str) -> Policy:
    """Return a document as a policy.

    Raises:
        PolicyInvalid: it is not TOML, or says something that no policy can say.
    """
    read = _read(text)
    if isinstance(read, Policy):
        return read
    raise read[0]


def complaints(text: str) -> tuple[PolicyInvalid, ...]:
    """Return all that is wrong with a document as such, in its order; nothing if it is a policy.

    >>> [wrong.field for wrong in complaints("[[rule]]\\nname = 'a'\\neffect = 'no'\\nhour = '1'")]
    ['rule.0.effect', 'rule.0.hour']
    """
    read = _read(text)
    return () if isinstance(read, Policy) else read


def _read(text: str) -> "Policy | tuple[PolicyInvalid, ...]":
    if len(text) > TEXT_MAX:
        return (PolicyInvalid(f"expected at most {TEXT_MAX} characters, got {len(text)}", "text"),)
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return (PolicyInvalid(f"the policy cannot be read as TOML: {error}", "text"),)
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        return tuple(_complaint(found, content) for found in error.errors())


def _complaint(found: Any, content: dict[str, Any]) -> PolicyInvalid:
    """Say what is wrong as an owner finds it: the rule by its name, the field, and the numbers."""
    place = found["loc"]
    said = found["msg"].removeprefix("Value error, ")
    given = found["input"]
    if isinstance(given, int | float | str) and ", got " not in said:
        said = f"{said}, got {given if not isinstance(given, str) else repr(given[:60])}"
    if len(place) < 2 or place[0] != "rule":
        return PolicyInvalid(": ".join([*filter(None, [".".join(map(str, place))]), said]), _field(place))
    table = content["rule"][place[1]]
    name = table.get("name") if isinstance(table, dict) else None
    called = f"rule {name!r}" if isinstance(name, str) else f"rule {int(place[1]) + 1}"
    inside = ".".join(map(str, place[2:]))
    return PolicyInvalid(f"{called}, {inside}: {said}" if inside else f"{called}: {said}", _field(place))


def _field(place: tuple[int | str, ...]) -> str:
    return ".".join(map(str, place)) or "text"


class PolicyForm(Request):
    """A document to put in force, or to try. `replaces` is the digest of the one that was read, if that matters."""

    text: str = Field(max_length=TEXT_MAX)
    replaces: str | None = Field(default=None, min_length=64, max_length=64)


class PolicyVersion(Reply):
    """A document that is or was in force. Number 0 is the empty one of a node that has never been given any."""

    number: int
    digest: str
    text: str
    by: str | None = None
    at: datetime | None = None


class Tried(Reply):
    """One of the last requests: what was said to it, and what would be."""

    at: datetime
    person_name: str
    project_name: str
    dataset_name: str
    what: str
    columns: tuple[str, ...]
    epsilon: float
    was: Effect
    was_rule: str = ""
    would_be: Effect
    rule: str = ""
    reason: str = ""

    @property
    def changes(self) -> bool:
        """Whether another answer would be given."""
        return self.was is not self.would_be

    def describe(self) -> str:
        """Say in one line what becomes of it."""
        rule = f" ({self.rule})" if self.rule else ""
        return (
            f"{self.at:%Y-%m-%d %H:%M} UTC {self.person_name}, {self.project_name}: {self.what} of {self.dataset_name} "
            f"at epsilon {self.epsilon:g}: {self.was.value} -> {self.would_be.value}{rule}"
        )


class DryRun(Reply):
    """A document held against the last requests, the newest first. Nothing was changed."""

    digest: str
    requests: tuple[Tried, ...]

    @property
    def changed(self) -> tuple[Tried, ...]:
        """Those that would be answered otherwise."""
        return tuple(tried for tried in self.requests if tried.changes)

    def describe(self) -> str:
        """Say in lines what would change."""
        first = f"{len(self.changed)} of the last {len(self.requests)} requests would be answered otherwise"
        return "\n".join([first, *(tried.describe() for tried in self.changed)])
