"""What the node says before anyone signs in."""

from fastapi import APIRouter

from jali.wire import WIRE_VERSION
from jali.wire.node import NodeInfo
from jali.wire.signin import Provider, SignIn
from jali_node.routes.signed_in import ServingNode
from jali_node.statistics import STATISTICS

router = APIRouter(tags=["node"])
CAPABILITIES = (*(f"statistic:{module.KIND}" for module in STATISTICS), "job:train", "job:events", "job:code")


@router.get("/v1/node")
def about(node: ServingNode) -> NodeInfo:
    """Say who this node is and what it can do."""
    return NodeInfo(
        node_id=node.node_id,
        name=node.settings.name,
        wire=WIRE_VERSION,
        capabilities=CAPABILITIES,
        portal=node.settings.notices.portal or "",
        sign_in=SignIn(
            password=node.settings.passwords,
            providers=tuple(
                Provider(name=name, title=provider.title or name) for name, provider in node.settings.oidc.items()
            ),
        ),
    )
