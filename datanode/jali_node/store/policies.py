"""Reading the policy in force and those before it."""

from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.policy import NO_POLICY, Policy, PolicyInvalid, parsed
from jali_node.errors import NodeUnavailable
from jali_node.tables import PolicyRow


def newest(session: Session) -> PolicyRow | None:
    """Return the version in force, None where the owners have never written any."""
    return session.scalars(select(PolicyRow).order_by(PolicyRow.number.desc()).limit(1)).one_or_none()


def in_force(session: Session) -> Policy:
    """Return the policy in force.

    Raises:
        NodeUnavailable: this release cannot read it, so nothing is decided by it.
    """
    row = newest(session)
    return NO_POLICY if row is None else _parsed(row.text)


@lru_cache(maxsize=8)
def _parsed(text: str) -> Policy:
    try:
        return parsed(text)
    except PolicyInvalid as error:
        raise NodeUnavailable(
            "this release cannot read the policy in force; an owner can replace it with jali node policy set"
        ) from error
