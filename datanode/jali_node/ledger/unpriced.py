"""What leaves without a guarantee. It has no price, so no account can pay for it: the chain says that it was begun, and
where it left, and from that entry on nothing is promised to the population any more.

Nothing is recorded in between: how long the chain is everybody may know, and how long a run took may tell about rows.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from jali_node.ledger import chain
from jali_node.store import freezes
from jali_node.tables import EntryRow, PopulationRow

BEGUN, RELEASED, DESTROYED = "code.begun", "code.released", "code.destroyed"
EVENT = {"kind": "non_private", "v": 1}
"""An event whose loss has no bound, as other accountants know it."""


@dataclass(frozen=True)
class Run:
    """What is about to read rows: the job, what it was approved as, and whose rows they are."""

    job: str
    digest: str
    population: str
    account: str
    version: str


def begin(session: Session, run: Run, attempt: int) -> int:
    """Record that rows may be read from now on; only after this is durable may they be. Return the entry.

    Raises:
        Frozen: the node, the account or the dataset is stopped; nothing is written.
    """
    facts = {"job": run.job, "digest": run.digest, "version": run.version, "population": run.population}
    entry = _appended(session, BEGUN, {**facts, "attempt": attempt, "event": EVENT})
    session.info["begun"] = True  # the checkpoint beside the database must know of it before a row is read
    freezes.refuse_if_any(session, [run.account], run.version)  # under the chain's lock
    return entry


def release(session: Session, population: PopulationRow, job: str, sealed: dict[str, Any], by: str) -> int:
    """Record that an output leaves, and that the promise ends here, if it had not ended before. Return the entry."""
    facts = {"job": job, "population": population.id, "event": EVENT, **sealed, "by": by}
    entry = _appended(session, RELEASED, facts)
    if population.promise_ended_entry is None:
        population.promise_ended_entry = entry
        population.promise_ended_at = session.get_one(EntryRow, entry).at
    return entry


def destroy(session: Session, job: str, seal: str, by: str | None) -> int:
    """Record that an output was destroyed, by whom, or by the calendar."""
    return _appended(session, DESTROYED, {"job": job, "seal": seal, "by": by})


def _appended(session: Session, kind: str, body: dict[str, Any]) -> int:
    chain.append(session, kind, body)
    return chain.end(session)[0]
