"""How long after its charge an answer leaves: found on made-up rows, before anything is charged, once for a class.

Nothing here reads a row of the dataset: a class that is asked for the first time is answered on the version's twin.
"""

import dataclasses
import logging
import math
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jali.wire.selection import Selection
from jali_node.actions.datasets.snapshots import link_of
from jali_node.actions.datasets.twins import twin_of
from jali_node.actions.queries.question import Question
from jali_node.engine import twin
from jali_node.engine.linked import POSTGRESQL, SPARK
from jali_node.engine.warehouse import Snapshot
from jali_node.errors import NodeUnavailable
from jali_node.node import Node
from jali_node.statistics.work import work_class
from jali_node.tables import ReleaseTimeRow

RUNS = 3
DOUBLED = 2
FLOOR_S = 0.02
"""For commits and for waiting behind the machine's other work."""
STEP_S = 0.01
ELSEWHERE = {POSTGRESQL: (20, 0.25), SPARK: (20, 10.0)}
"""Made-up rows are read by the embedded engine: so many times slower, and so many seconds at least, are others."""
log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Slot:
    """A class of plans on one version, and its time."""

    version: str
    work: str
    after_s: float | None


def slot_of(node: Node, question: Question) -> Slot:
    """Return when the answer leaves, finding it out where nobody has asked for this class on this version before.

    Where timed release is turned off, that is as soon as it is ready.

    Raises:
        NodeUnavailable: the node cannot answer it on made-up rows either; nothing was charged.
    """
    version, work = question.registered.version.id, work_class(question.plan, question.registered.card.columns)
    if not node.settings.timed_release:
        return Slot(version, work, None)
    after_ns = _known(node, version, work)
    if after_ns is None:
        _keep(node, version, work, round(_found_s(node, question) * 1e9))
        after_ns = _known(node, version, work) or 0
    return Slot(version, work, after_ns / 1e9)


def count_late(session: Session, slot: Slot) -> None:
    """Record that an answer leaves later than its time, which its rows may have caused."""
    log.warning("an answer about version %s was not ready after %.2f s", slot.version, slot.after_s)
    here = (ReleaseTimeRow.version_id == slot.version) & (ReleaseTimeRow.work == slot.work)
    session.execute(update(ReleaseTimeRow).where(here).values(late=ReleaseTimeRow.late + 1))


def _found_s(node: Node, question: Question) -> float:
    """Return the longest of a few trials on the twin, scaled up to the public size, doubled, rounded up."""
    registered, card = question.registered, question.registered.card
    size = registered.shown().size
    try:
        made_up = twin_of(node, registered)
        trials = [_trial_s(node, question, made_up) for _ in range(RUNS)]
    except Exception as error:
        log.warning("made-up rows of version %s could not be read: %s", registered.version.id, type(error).__name__)
        raise NodeUnavailable(
            "the node could not answer such a question about made-up rows of the declared size, so it was not asked "
            "about real ones; nothing was spent"
        ) from error
    longest = max(trials) * max(1.0, size / twin.rows_for(size, len(card.columns)))
    if link := link_of(registered.version.path):
        times, least_s = ELSEWHERE[link.engine]
        longest = max(times * longest, least_s)
    return math.ceil(round((DOUBLED * longest + FLOOR_S) / STEP_S, 6)) * STEP_S


def _trial_s(node: Node, question: Question, made_up: Snapshot) -> float:
    """Return how long a plan takes; with a condition both with and without it, as if it were met by all rows."""
    selection, begun = question.query.selection, node.departures.clock.now()
    every = [selection, *([selection.model_copy(update={"where": None})] if selection.where is not None else [])]
    for rows in every:
        _answer(node, question, made_up, rows)
    return node.departures.clock.now() - begun


def _answer(node: Node, question: Question, made_up: Snapshot, rows: Selection) -> None:
    question.plan.noised(node.warehouse.tallies(made_up, question.plan.tallies, rows))


def _known(node: Node, version: str, work: str) -> int | None:
    with node.database.reading() as session:
        row = session.get(ReleaseTimeRow, (version, work))
        return row.after_ns if row else None


def _keep(node: Node, version: str, work: str, after_ns: int) -> None:
    """Store a class's time; another process may have stored its own in between, which then holds."""
    row = ReleaseTimeRow(version_id=version, work=work, after_ns=after_ns, late=0, found_at=datetime.now(UTC))
    try:
        with node.database.writing() as session:
            here = (ReleaseTimeRow.version_id == version) & (ReleaseTimeRow.work == work)
            if session.scalars(select(ReleaseTimeRow).where(here)).one_or_none() is None:
                session.add(row)
    except IntegrityError:
        log.info("another process has found this time first")
