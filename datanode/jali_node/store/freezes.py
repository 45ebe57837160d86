"""Reading freezes, and what is said to whoever meets one."""

from collections.abc import Sequence
from itertools import zip_longest

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from jali_node.errors import Frozen, GrantRequired, Refused
from jali_node.store.ready import Ready
from jali_node.tables import AccountRow, Base, DatasetRow, FreezeRow, PopulationRow

NODE = "node"
"""The subject that stands for everything."""
_FREEZE, _VERSION = Base.metadata.tables["freeze"], Base.metadata.tables["version"]
_OF_VERSION = select(_VERSION.c.dataset_id).where(_VERSION.c.id == bindparam("version"))
_STOPPING = tuple(f"subject_{number}" for number in range(4))
"""The node, up to two accounts, and a grant."""
_ANY = Ready(
    select(_FREEZE.c.subject).where(
        or_(
            _FREEZE.c.subject.in_([bindparam(name) for name in _STOPPING]),
            _FREEZE.c.subject == _OF_VERSION.scalar_subquery(),
        )
    )
)


def refuse_if_any(session: Session, subjects: Sequence[str], version_id: str) -> None:
    """Refuse to go on where the node, one of these accounts and grants, or a version's dataset, is frozen.

    Raises:
        Frozen: it is, until an owner lifts it.
        GrantRequired: a grant was revoked, for good.
    """
    session.flush()
    asked = dict(zip_longest(_STOPPING, [NODE, *subjects], fillvalue=NODE))
    if not _ANY.rows(session, {**asked, "version": version_id}):
        return
    dataset_id = session.scalar(_OF_VERSION, {"version": version_id})
    found = first(session, subjects, dataset_id or "")
    assert found is not None  # noqa: S101 - it was there a statement ago
    raise refusal(session, found)


def first(session: Session, subjects: Sequence[str], dataset_id: str = "") -> FreezeRow | None:
    """Return what stops these accounts, grants and datasets, the oldest freeze first, or nothing."""
    wanted = [NODE, *subjects, dataset_id]
    return session.scalars(select(FreezeRow).where(FreezeRow.subject.in_(wanted)).order_by(FreezeRow.at)).first()


def refusal(session: Session, row: FreezeRow) -> Refused:
    """Return what is said: what is stopped, since when, why, and what to do."""
    since = f"{row.at:%Y-%m-%d %H:%M} UTC"
    if row.final:
        return GrantRequired(
            f"your access was revoked on {since}: {row.reason}; ask again with request_access(purpose=, epsilon=)",
            field="dataset",
        )
    what, name = described(session, row.subject)
    called = f"{what} {name}" if name else what
    return Frozen(
        f"{called} is frozen since {since}: {row.reason}; nothing was charged, and nothing will be until an owner of "
        "this node lifts it",
        subject=row.subject,
        what=what,
        name=name,
        since=row.at.isoformat(),
    )


def described(session: Session, subject: str) -> tuple[str, str]:
    """Return what a subject is in words, and its name if it has one."""
    if subject == NODE:
        return "this node", ""
    if dataset := session.get(DatasetRow, subject):
        return "dataset", dataset.name
    if population := session.scalars(select(PopulationRow).where(PopulationRow.account_id == subject)).first():
        return "the account of population", population.name
    return ("the quota", subject) if session.get(AccountRow, subject) else ("the grant", subject)
