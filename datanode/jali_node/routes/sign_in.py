"""The ways in. Nobody is signed in here yet."""

from fastapi import APIRouter, status

from jali.wire.signin import Acceptance, Detour, DetourForm, DetourReturn, PasswordForm, SessionToken
from jali_node.actions.people import sign_in
from jali_node.actions.people.invite import accept
from jali_node.actions.people.sign_in_elsewhere import come_back, set_out
from jali_node.routes.signed_in import PROBLEMS, Address, ServingNode

router = APIRouter(prefix="/v1/sign-in", tags=["sign-in"], responses=PROBLEMS)


@router.post("/password", status_code=status.HTTP_201_CREATED)
def by_password(node: ServingNode, form: PasswordForm, address: Address) -> SessionToken:
    """Begin a session for a name and a password."""
    return sign_in.sign_in(node, form, address)


@router.post("/invitation", status_code=status.HTTP_201_CREATED)
def by_invitation(node: ServingNode, form: Acceptance, address: Address) -> SessionToken:
    """Take up an invitation with a password, and begin a session."""
    return accept(node, form, address)


@router.post("/detour", status_code=status.HTTP_201_CREATED)
def out(node: ServingNode, form: DetourForm, address: Address) -> Detour:
    """Say where a browser signs in with an OIDC provider."""
    return set_out(node, form, address)


@router.post("/return", status_code=status.HTTP_201_CREATED)
def back(node: ServingNode, form: DetourReturn) -> SessionToken:
    """Begin a session for whom the provider vouches for."""
    return come_back(node, form)
