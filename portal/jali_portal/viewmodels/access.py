"""A request for access, as its reviewer reads it."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from jali.wire.dataset import Column, ColumnType, Dataset, Picture
from jali.wire.request import AccessRequest, RequestKind, RequestStatus
from jali_portal import wording, words
from jali_portal.viewmodels import inbox
from jali_portal.viewmodels.inbox import STATUS

CATEGORIES_SHOWN = 6
TITLES = {
    RequestKind.ACCESS: "for access to",
    RequestKind.BUDGET: "for more budget on",
    RequestKind.QUESTION: "to put one question to",
}
AMOUNTS = {
    RequestKind.ACCESS: "Quota asked for",
    RequestKind.BUDGET: "To add to the quota",
    RequestKind.QUESTION: "Price of the question",
}


@dataclass(frozen=True)
class ColumnLine:
    """One column: its name, what it means, which values it may show, and whether it is asked for."""

    name: str
    meaning: str
    values: str
    asked: bool


@dataclass(frozen=True)
class Access:
    """The page's facts, in words."""

    title: str
    status: str
    facts: tuple[tuple[str, str], ...]
    purpose: str
    dataset_title: str
    dataset_description: str
    statistics: tuple[str, ...]
    columns: tuple[ColumnLine, ...]
    breadth: str
    decision: tuple[tuple[str, str], ...]


def access(request: AccessRequest, dataset: Dataset, now: datetime, zone: tzinfo, me: str) -> Access:
    """Return the page of a request about a dataset."""
    asked = None if request.columns is None else set(request.columns)
    population = dataset.population
    return Access(
        title=f"{request.person_name} asks {TITLES[request.kind]} {request.dataset_name}",
        status=STATUS[request.status],
        facts=(
            ("Asked by", request.person_name),
            ("Project", request.project_name),
            ("Dataset", request.dataset_name),
            ("About", f"some {population.units:,} {population.unit.value}s of the population {population.name}"),
            ("Asked", words.moment(request.created_at, now, zone)),
            (AMOUNTS[request.kind], words.epsilon(request.epsilon)),
            *inbox.target(request.answer_by, request.undecided_until, request.status.is_open, now, zone),
            *inbox.still_waiting(request.waiting_for, request.approvals, now, zone, me),
        ),
        purpose=request.purpose,
        dataset_title=dataset.title,
        dataset_description=dataset.description,
        statistics=tuple(wording.statistic(kind) for kind in request.statistics or ()),
        columns=tuple(_line(column, asked) for column in dataset.all_columns),
        breadth=_breadth(request, len(dataset.all_columns)),
        decision=_decision(request, now, zone, me),
    )


def _breadth(request: AccessRequest, columns: int) -> str:
    if request.query is not None:
        return f"One question: {request.query.describe()}"
    which = "Every statistic" if request.statistics is None else words.counted(len(request.statistics), "statistic")
    over = "all" if request.columns is None else f"{len(request.columns)} of"
    jobs = "" if request.job_kinds is None else f"; jobs: {', '.join(request.job_kinds) or 'none'}"
    delta = "" if request.delta is None else f"; delta for unknown keys at most {request.delta:.3g}"
    return f"{which} over {over} {words.counted(columns, 'column')}{jobs}{delta}"


def _line(column: Column | Picture, asked: set[str] | None) -> ColumnLine:
    return ColumnLine(column.name, column.meaning, _values(column), asked is None or column.name in asked)


def _values(column: Column | Picture) -> str:
    if isinstance(column, Picture):
        return column.describe()
    if column.type is ColumnType.CATEGORY:
        first = ", ".join(column.categories[:CATEGORIES_SHOWN])
        more = len(column.categories) - CATEGORIES_SHOWN
        return first + (f" and {more} more" if more > 0 else "")
    if column.lower is None or column.upper is None:
        return "numbers, no bounds declared"
    unit = f" {column.unit}" if column.unit else ""
    kind = "whole numbers, " if column.type is ColumnType.INTEGER else ""
    return f"{kind}{words.number(column.lower)} to {words.number(column.upper)}{unit}"


def _decision(request: AccessRequest, now: datetime, zone: tzinfo, me: str) -> tuple[tuple[str, str], ...]:
    if request.status is RequestStatus.SUBMITTED:
        return ()
    lines = [*inbox.history(request.approvals[:-1], now, zone, me), ("Decision", STATUS[request.status])]
    if request.decided_at is not None:
        lines.append(("Decided", words.moment(request.decided_at, now, zone)))
    if request.decided_by is not None:
        lines.append(("By", "you" if request.decided_by == me else f"another owner ({request.decided_by[-8:]})"))
    if request.expires_at is not None:
        over = request.expires_at <= now
        lines.append(("Expired" if over else "Valid until", words.day(request.expires_at, zone)))
    return (*lines, *((("Told the asker", request.reason),) if request.reason else ()))
