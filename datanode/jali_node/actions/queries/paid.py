"""What a project has paid for about the same rows: enough to plan with, and free."""

import json

from sqlalchemy.orm import Session

from jali.wire.query import Question as Asked
from jali.wire.release import Noised
from jali_node.store import releases
from jali_node.store.catalog import Registered


def measured(session: Session, registered: Registered, asked: Asked, name: str) -> Noised | None:
    """Return the project's most exact measurement of a name, of the very rows that are asked about."""
    found = (
        Noised(**json.loads(row.measurements)[name])
        for row in releases.of_same_rows(session, registered.version.id, asked.project, asked.selection.digest)
        if name in json.loads(row.noise)
    )
    return min(found, key=lambda noised: noised.noise_stddev, default=None)


def counted_rows(session: Session, registered: Registered, asked: Asked) -> int | None:
    """Return about how many rows are asked about, if the project has paid for a count of them."""
    names = ("rows", *(f"count:{column}" for column in asked.statistic.reads))
    counts = (measured(session, registered, asked, name) for name in names)
    known = (count for count in counts if count is not None)
    best = min(known, key=lambda count: count.noise_stddev * len(count.values), default=None)
    return None if best is None else max(0, sum(best.values))
