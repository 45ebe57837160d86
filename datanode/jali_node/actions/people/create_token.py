"""A token: shown once, for oneself or, at the node's own machine, for anybody."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from jali.wire.person import DAYS_MAX, NewToken, Scope, TokenForm
from jali_node import audit
from jali_node.errors import AccessDenied, InvalidRequest
from jali_node.node import Node
from jali_node.people import tokens
from jali_node.people.caller import Caller
from jali_node.store import people


def create_token(
    node: Node, person_name: str, days: int, name: str = "", scopes: Iterable[Scope] = tuple(Scope)
) -> tuple[str, datetime]:
    """Return a new token's text, which is kept nowhere, and when it ends.

    Raises:
        InvalidRequest: there is no such person, or the days are out of range.
    """
    if not 1 <= days <= DAYS_MAX:
        raise InvalidRequest(f"expected 1 <= days <= {DAYS_MAX}, got {days}", field="days")
    now = datetime.now(UTC)
    with node.database.writing() as session:
        person = people.by_name(session, person_name)
        row, text = tokens.issue(session, person.id, now + timedelta(days=days), now, name=name, scopes=scopes)
        audit.record(session, audit.TOKEN_ISSUED, token=row.id, person=person.id)
        return text, row.expires_at


def create_own_token(node: Node, caller: Caller, form: TokenForm) -> NewToken:
    """Make a token for the caller. One that is made with a token can do no more than that, and ends no later.

    Raises:
        AccessDenied: the caller's token is not for these scopes.
    """
    lacking = [scope for scope in form.scopes if scope not in caller.scopes]
    if lacking:
        raise AccessDenied(f"a token cannot make one for {', '.join(lacking)}, which it is not for", field="scopes")
    now = datetime.now(UTC)
    until = now + timedelta(days=form.days)
    if not caller.session and caller.until is not None:
        until = min(until, caller.until)
    with node.database.writing() as session:
        row, text = tokens.issue(session, caller.id, until, now, name=form.name.strip(), scopes=form.scopes)
        audit.record(session, audit.TOKEN_ISSUED, token=row.id, person=caller.id, by=caller.id)
        return NewToken(token=tokens.shown(row), text=text)
