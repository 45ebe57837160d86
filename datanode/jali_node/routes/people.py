"""Who am I?"""

from fastapi import APIRouter

from jali.wire.person import Me
from jali_node.actions.people.show_me import show_me
from jali_node.routes.signed_in import PROBLEMS, ServingNode, SignedIn

router = APIRouter(prefix="/v1/me", tags=["people"], responses=PROBLEMS)


@router.get("")
def me(node: ServingNode, caller: SignedIn) -> Me:
    """Return the person behind the token."""
    return show_me(node, caller)
