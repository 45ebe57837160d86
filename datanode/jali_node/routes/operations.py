"""For whoever runs the node: is it alive, is it ready, what has it counted."""

from typing import Any

from fastapi import APIRouter, Request, Response

from jali_node.actions.operations.readiness import refuse_unless_ready
from jali_node.observe.metrics import Metrics
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn
from jali_node.store.workers import best_tier

router = APIRouter(tags=["operations"])
UNREADY: dict[int | str, dict[str, Any]] = {503: PROBLEMS[503]}
TEXT = "text/plain; version=1.0.0; charset=utf-8"


@router.get("/health")
async def health() -> dict[str, str]:
    """Say that the process answers. It asks nothing else, so it answers without its database too."""
    return {"status": "ok"}


@router.get("/ready", responses=UNREADY)
def ready(node: ServingNode) -> dict[str, str]:
    """Say that questions can be answered: the database is there and of this release, and tables are where they were.

    Where workers run, `sandbox_tier` is the highest that any of them reaches.
    """
    refuse_unless_ready(node)
    with node.database.reading() as session:
        tier = best_tier(session)
    return {"status": "ready"} if tier is None else {"status": "ready", "sandbox_tier": str(tier)}


@router.get("/metrics", responses=PROBLEMS, response_class=Response)
def metrics(caller: SignedIn, request: Request) -> Response:
    """Return what was counted, in Prometheus' text format. For owners."""
    caller.must_own()
    counted: Metrics = request.app.state.metrics
    return Response(counted.text(), media_type=TEXT)
