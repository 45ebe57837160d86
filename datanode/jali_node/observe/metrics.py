"""Metrics for Prometheus. Labels come from fixed lists: routes as declared, methods, codes, states, ids of populations.

None tells of data. A refusal follows from public facts, grants and budgets alone, and so do how many spends were begun,
and what waits for whom. Whether an answer came from a failure, which rows may cause, is counted nowhere.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from jali.wire.jobs.code import CodeStatus
from jali.wire.jobs.train import RoundStatus
from jali.wire.notice import NoticeState
from jali.wire.problem import Code
from jali_node.ledger import book
from jali_node.policy import request_state
from jali_node.store import workers
from jali_node.store.database import Database
from jali_node.tables import (
    AccessRequestRow,
    AccountRow,
    ChainHeadRow,
    CodeJobRow,
    JobRoundRow,
    JobRow,
    NoticeRow,
    PopulationRow,
    ReleaseTimeRow,
    SpendRow,
)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})


class Metrics:
    """What one process has counted, and what the database says when it is asked."""

    def __init__(self, database: Database) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "jali_requests", "Requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "jali_request_seconds", "Seconds to a reply, of those who only look", ["route"], registry=self._registry
        )
        self._refusals = Counter("jali_refusals", "Requests refused, by code", ["code"], registry=self._registry)
        for code in Code:
            self._refusals.labels(code.value)  # a rate needs the 0 that was before the first
        self._registry.register(_Ledger(database))

    def count(self, method: str, route: str, status: int, seconds: float | None, refusal: str | None = None) -> None:
        """Count a request, and the code that it was refused with."""
        if refusal is not None:
            self._refusals.labels(refusal).inc()
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _Ledger(Collector):
    """Shares of caps, spends, entries, jobs, queues and late answers, as they are when somebody looks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[Metric]:
        """Return the figures of this moment."""
        spent = GaugeMetricFamily("jali_population_spent_share", "Spent, as a share of the cap", labels=["population"])
        held = GaugeMetricFamily(
            "jali_population_held_share", "Set aside, as a share of the cap", labels=["population"]
        )
        jobs = GaugeMetricFamily("jali_jobs", "Jobs by state", labels=["state"])
        with self._database.reading() as session:
            for population, row in session.execute(
                select(PopulationRow.id, AccountRow).join(AccountRow, AccountRow.id == PopulationRow.account_id)
            ).all():
                budget = book.present(row).budget()
                spent.add_metric([population], budget.spent / budget.cap)
                held.add_metric([population], budget.held / budget.cap)
            for state, number in session.execute(select(JobRow.status, func.count()).group_by(JobRow.status)).all():
                jobs.add_metric([state], number)
            late = session.execute(select(func.coalesce(func.sum(ReleaseTimeRow.late), 0))).scalar_one()
            entries = session.execute(select(ChainHeadRow.seq)).scalar_one()
            spends, waiting = _spends(session), _waiting(session)
            seen = len(workers.alive(session))
        return [
            spent,
            held,
            jobs,
            *spends,
            waiting,
            GaugeMetricFamily("jali_workers", "Workers that were seen lately", value=float(seen)),
            GaugeMetricFamily("jali_late_answers", "Answers that left later than their time", value=float(late)),
            GaugeMetricFamily("jali_ledger_entries", "Entries of the chain", value=float(entries)),
        ]

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the database is not asked before somebody looks."""
        return []


def _spends(session: Session) -> tuple[Metric, Metric]:
    """Return the spends that are over, by how they ended, and those on their way; a committed one is a release."""
    found = {row[0]: row[1] for row in session.execute(select(SpendRow.state, func.count()).group_by(SpendRow.state))}
    over = CounterMetricFamily(
        "jali_spends", "Spends that are over; committed: a release was stored", labels=["outcome"]
    )
    for state in (book.COMMITTED, book.SETTLED, book.FREED):
        over.add_metric([state], found.get(state, 0))
    under_way = GaugeMetricFamily("jali_spends_under_way", "Spends that are held or begun", labels=["state"])
    for state in (book.HELD, book.BEGUN):
        under_way.add_metric([state], found.get(state, 0))
    return over, under_way


def _waiting(session: Session) -> Metric:
    """Return how much waits: requests and jobs for a decision, rounds for a worker, notices for their receiver."""
    waiting = GaugeMetricFamily("jali_waiting", "How many wait in a queue", labels=["queue"])
    for queue, waits in (
        ("requests", AccessRequestRow.status.in_(request_state.OPEN)),
        ("jobs", JobRow.status.in_(request_state.OPEN)),
        ("code_jobs", CodeJobRow.status.in_(request_state.OPEN)),
        ("outputs", CodeJobRow.status == CodeStatus.HELD),
        ("rounds", JobRoundRow.status == RoundStatus.QUEUED),
        ("notices", NoticeRow.state == NoticeState.WAITING),
        ("dead_notices", NoticeRow.state == NoticeState.DEAD),
    ):
        waiting.add_metric([queue], _number(session, waits))
    return waiting


def _number(session: Session, which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(which)) or 0
