"""Oneself, one's tokens, and the people of this node."""

from fastapi import APIRouter, status

from jali.wire.person import (
    Erasure,
    ErasureForm,
    IdentityForm,
    Invitation,
    InvitationForm,
    Me,
    NewToken,
    Person,
    PersonForm,
    RoleForm,
    Token,
    TokenForm,
)
from jali.wire.signin import Ended, NewPassword
from jali_node.actions.people.add_person import add_person_for
from jali_node.actions.people.change_person import bind_identity, change_role, remove_person
from jali_node.actions.people.create_token import create_own_token
from jali_node.actions.people.erase_person import erase_person
from jali_node.actions.people.invite import invite
from jali_node.actions.people.revoke_token import list_tokens, revoke_token
from jali_node.actions.people.set_password import set_password
from jali_node.actions.people.show_me import show_me
from jali_node.actions.people.show_people import list_people
from jali_node.actions.people.sign_in import sign_out
from jali_node.routes.signed_in import PROBLEMS, Address, ServingNode, SignedIn

router = APIRouter(prefix="/v1", tags=["people"], responses=PROBLEMS)


@router.get("/me")
def me(node: ServingNode, caller: SignedIn) -> Me:
    """Return the person behind the token."""
    return show_me(node, caller)


@router.delete("/me/session")
def leave(node: ServingNode, caller: SignedIn) -> Ended:
    """End the session that the request came with."""
    return sign_out(node, caller)


@router.put("/me/password")
def change_password(node: ServingNode, caller: SignedIn, form: NewPassword, address: Address) -> Ended:
    """Change one's own password; every session ends."""
    return set_password(node, caller, form, address)


@router.get("/me/tokens")
def own_tokens(node: ServingNode, caller: SignedIn) -> list[Token]:
    """Return one's own tokens and sessions."""
    return list_tokens(node, caller)


@router.post("/me/tokens", status_code=status.HTTP_201_CREATED)
def make_token(node: ServingNode, caller: SignedIn, form: TokenForm) -> NewToken:
    """Make a token for oneself; its text is shown once."""
    return create_own_token(node, caller, form)


@router.delete("/me/tokens/{token_id}")
def revoke_own_token(node: ServingNode, caller: SignedIn, token_id: str) -> Token:
    """End one of one's own tokens or sessions."""
    return revoke_token(node, caller, token_id)


@router.get("/people")
def people(node: ServingNode, caller: SignedIn) -> list[Person]:
    """Return everybody; for whoever oversees the node."""
    return list_people(node, caller)


@router.post("/people", status_code=status.HTTP_201_CREATED)
def add(node: ServingNode, caller: SignedIn, form: PersonForm) -> Person:
    """Add a person; for owners."""
    return add_person_for(node, caller, form)


@router.delete("/people/{person_id}")
def remove(node: ServingNode, caller: SignedIn, person_id: str) -> Person:
    """Remove a person; for owners."""
    return remove_person(node, caller, person_id)


@router.post("/people/{person_id}/erasure")
def take_out(node: ServingNode, caller: SignedIn, person_id: str, form: ErasureForm) -> Erasure:
    """Erase a person's name from everything but the chain, which holds none; for owners."""
    return erase_person(node, caller, person_id, form.also)


@router.put("/people/{person_id}/role")
def set_role(node: ServingNode, caller: SignedIn, person_id: str, form: RoleForm) -> Person:
    """Give a person another role; for owners."""
    return change_role(node, caller, person_id, form.role)


@router.post("/people/{person_id}/invitation", status_code=status.HTTP_201_CREATED)
def make_invitation(node: ServingNode, caller: SignedIn, person_id: str, form: InvitationForm) -> Invitation:
    """Make out an invitation, whose text is shown once; for owners."""
    return invite(node, caller, person_id, form.days)


@router.post("/people/{person_id}/identities", status_code=status.HTTP_201_CREATED)
def add_identity(node: ServingNode, caller: SignedIn, person_id: str, form: IdentityForm) -> Person:
    """Say who a person is to a provider; for owners."""
    return bind_identity(node, caller, person_id, form)


@router.get("/people/{person_id}/tokens")
def tokens_of(node: ServingNode, caller: SignedIn, person_id: str) -> list[Token]:
    """Return a person's tokens and sessions; for owners."""
    return list_tokens(node, caller, person_id)


@router.delete("/people/{person_id}/tokens/{token_id}")
def revoke_token_of(node: ServingNode, caller: SignedIn, person_id: str, token_id: str) -> Token:
    """End one of a person's tokens or sessions; for owners."""
    return revoke_token(node, caller, token_id, person_id)
