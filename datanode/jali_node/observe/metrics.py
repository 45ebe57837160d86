"""Metrics for Prometheus. Labels come from a fixed list: routes as declared, methods, statuses, ids of populations."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from jali_node.ledger import book
from jali_node.store.database import Database
from jali_node.tables import AccountRow, ChainHeadRow, JobRow, PopulationRow, ReleaseTimeRow

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
        self._registry.register(_Ledger(database))

    def count(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """Count a request."""
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _Ledger(Collector):
    """Shares of caps, entries, jobs and late answers, as they are when somebody looks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[GaugeMetricFamily]:
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
        return [
            spent,
            held,
            jobs,
            GaugeMetricFamily("jali_late_answers", "Answers that left later than their time", value=float(late)),
            GaugeMetricFamily("jali_ledger_entries", "Entries of the chain", value=float(entries)),
        ]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return nothing: the database is not asked before somebody looks."""
        return []
