"""Tokens and sessions that are still good: listed and ended, one's own, and by owners anybody's."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jali.wire.person import Token
from jali_node import audit
from jali_node.errors import InvalidRequest, UnknownResource
from jali_node.node import Node
from jali_node.people import tokens
from jali_node.people.caller import Caller
from jali_node.store import clock, people
from jali_node.tables import TokenRow

ENDING_MIN = 4


def list_tokens(node: Node, caller: Caller, person_id: str | None = None) -> list[Token]:
    """Return the caller's tokens and sessions that have not ended, the newest first; or a person's, for owners.

    Raises:
        AccessDenied: the caller is not an owner.
        UnknownResource: there is no such person.
    """
    with node.database.reading() as session:
        return listed(session, _theirs(session, caller, person_id))


def listed(session: Session, person_id: str) -> list[Token]:
    """Return a person's tokens and sessions that have not ended."""
    alive = select(TokenRow).where(TokenRow.person_id == person_id, TokenRow.expires_at > clock.now(session))
    return [tokens.shown(row) for row in session.scalars(alive.order_by(TokenRow.created_at.desc(), TokenRow.id))]


def revoke_token(node: Node, caller: Caller, token_id: str, person_id: str | None = None) -> Token:
    """End one of the caller's tokens or sessions, at once; or one of a person's, for owners.

    Raises:
        AccessDenied: the caller is not an owner.
        UnknownResource: there is no such token of theirs.
    """
    with node.database.writing() as session:
        theirs = _theirs(session, caller, person_id)
        row = session.get(TokenRow, token_id)
        if row is None or row.person_id != theirs:
            raise UnknownResource("there is no such token, or it is somebody else's", field="token")
        return ended(session, row, caller.id)


def revoke_token_of(node: Node, name: str, token_id: str) -> Token:
    """End a person's token for whoever sits at the node's own machine; the end of its id will do.

    Raises:
        InvalidRequest: there is no such person, or not just one such token.
    """
    with node.database.writing() as session:
        person = people.by_name(session, name)
        rows = session.scalars(select(TokenRow).where(TokenRow.person_id == person.id)).all()
        meant = [row for row in rows if len(token_id) >= ENDING_MIN and row.id.endswith(token_id)]
        if len(meant) != 1:
            raise InvalidRequest(f"expected the end of one token's id, got that of {len(meant)}", field="token")
        return ended(session, meant[0], None)


def ended(session: Session, row: TokenRow, by: str | None) -> Token:
    """End a token within a transaction, and return what it was."""
    was = tokens.shown(row)
    session.delete(row)
    audit.record(session, audit.TOKEN_REVOKED, token=row.id, person=row.person_id, by=by)
    return was


def _theirs(session: Session, caller: Caller, person_id: str | None) -> str:
    if person_id is None:
        return caller.id
    caller.must_own()
    return people.by_id(session, person_id).id
