"""The ways in. Nobody is signed in here yet."""

from fastapi import APIRouter, status

from jali.wire.signin import Acceptance, PasswordForm, SessionToken
from jali_node.actions.people import sign_in
from jali_node.actions.people.invite import accept
from jali_node.routes.signed_in import PROBLEMS, Address, ServingNode

router = APIRouter(prefix="/v1/sign-in", tags=["sign-in"], responses=PROBLEMS)


@router.post("/password", status_code=status.HTTP_201_CREATED)
def by_password(node: ServingNode, form: PasswordForm, address: Address) -> SessionToken:
    """Begin a session for a name and a password."""
    return sign_in.sign_in(node, form, address)


@router.post("/invitation", status_code=status.HTTP_201_CREATED)
def by_invitation(node: ServingNode, form: Acceptance) -> SessionToken:
    """Take up an invitation with a password, and begin a session."""
    return accept(node, form)
