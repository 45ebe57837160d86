"""Workers that were seen. One name is one process at a time: what it began is taken up again under its name."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from jali_node.tables import WorkerRow

PROCESS = 2
"""The tier of any process of its own: see `jali_node.sandbox`."""
LEASE = timedelta(seconds=15)
"""A worker that was not seen for so long is taken for dead."""


def enlist(session: Session, worker_id: str, process: str, host: str, tier: int | None) -> WorkerRow | None:
    """Give a name to a process; where another process has it and was seen lately, return that one and change nothing.

    Args:
        worker_id: the name.
        process: random, this process's alone.
        host: where it runs.
        tier: of the sandbox that its rounds run in, where it is known.
    """
    row = session.get(WorkerRow, worker_id, with_for_update=True, populate_existing=True)
    now = datetime.now(UTC)
    if row is not None and row.process != process and row.seen_at + LEASE > now:
        return row
    if row is None:
        row = WorkerRow(id=worker_id)
        session.add(row)
    row.process, row.host, row.tier, row.started_at, row.seen_at = process, host[:200], tier, now, now
    return None


def beat(session: Session, worker_id: str, process: str) -> bool:
    """Note that a worker lives; return whether the name is still its own."""
    row = session.get(WorkerRow, worker_id, with_for_update=True, populate_existing=True)
    if row is None or row.process != process:
        return False
    row.seen_at = datetime.now(UTC)
    return True


def leave(session: Session, worker_id: str, process: str) -> None:
    """Give the name back: whoever takes it next need not wait."""
    row = session.get(WorkerRow, worker_id, with_for_update=True, populate_existing=True)
    if row is not None and row.process == process:
        row.seen_at = datetime.now(UTC) - LEASE


def tier(session: Session, worker_id: str) -> int:
    """Return the tier of a worker's sandbox; the lowest where it is not known."""
    row = session.get(WorkerRow, worker_id)
    return PROCESS if row is None or row.tier is None else row.tier


def best_tier(session: Session) -> int | None:
    """Return the highest tier among the workers that were seen lately; nothing where there is none."""
    return max((PROCESS if row.tier is None else row.tier for row in alive(session)), default=None)


def last_seen(session: Session) -> datetime | None:
    """Return when any worker was seen last."""
    return session.scalar(select(func.max(WorkerRow.seen_at)))


def alive(session: Session) -> list[WorkerRow]:
    """Return the workers that were seen lately, by name."""
    recent = select(WorkerRow).where(WorkerRow.seen_at > datetime.now(UTC) - LEASE).order_by(WorkerRow.id)
    return list(session.scalars(recent))
