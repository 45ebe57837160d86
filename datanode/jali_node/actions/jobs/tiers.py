"""Which sandbox a training needs: the tier that the owner set, and what the workers reach."""

from sqlalchemy.orm import Session

from jali_node.errors import InvalidRequest
from jali_node.node import Node
from jali_node.store import workers


def refuse_if_too_low(session: Session, node: Node) -> None:
    """Raise where workers run and none of them reaches the owner's tier.

    Raises:
        InvalidRequest: it names both tiers.
    """
    if said := too_low(session, node):
        raise InvalidRequest(
            f"a training here needs {said}; the owner starts a worker on a machine that reaches it, or lowers it",
            field="sandbox_tier_min",
        )


def too_low(session: Session, node: Node) -> str:
    """Say which tier is needed and which one is reached, where that is less; nothing where it suffices."""
    best, least = workers.best_tier(session), node.settings.sandbox_tier_min
    if best is None or best >= least:
        return ""
    return f"a sandbox of tier {least} (sandbox_tier_min), and this node's workers reach tier {best}"
