"""Signing in with an OIDC provider: out by one request, back by another, and who that is here."""

import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from jali.wire.person import NAME_MAX
from jali.wire.signin import Detour, DetourForm, DetourReturn, SessionToken
from jali_node import audit
from jali_node.actions.people.add_person import insert_person
from jali_node.actions.people.change_person import bound
from jali_node.actions.people.invite import taken_up
from jali_node.actions.people.sign_in import begun
from jali_node.errors import AccessDenied, InvalidRequest, NotSignedIn
from jali_node.node import Node
from jali_node.people import provider, throttle, tokens
from jali_node.people.provider import Secrets
from jali_node.providers import Admission, ProviderSettings
from jali_node.store import people
from jali_node.tables import DetourRow, IdentityRow, PersonRow

LASTS = timedelta(minutes=10)
NAMES = ("name", "preferred_username", "email")
"""The claims that a person let in by a rule may get their name from."""


def set_out(node: Node, form: DetourForm, address: str) -> Detour:
    """Say where a browser signs in with a provider, and remember what it must bring back.

    Raises:
        InvalidRequest: there is no such provider, or it does not send browsers back there.
        TooManyAttempts: from this address.
        NodeUnavailable: the provider does not answer.
    """
    chosen = _provider(node, form.provider)
    if not chosen.sends_back_to(form.redirect_uri):
        raise InvalidRequest("expected one of the provider's redirects, or http://127.0.0.1:...", field="redirect_uri")
    now = datetime.now(UTC)
    with node.database.writing() as session:
        throttle.take(session, None, address, now)
    made_up = Secrets(*(secrets.token_urlsafe(32) for _ in range(3)))
    url, ticket = provider.address(chosen, form.redirect_uri, made_up), secrets.token_urlsafe(32)
    with node.database.writing() as session:
        session.execute(delete(DetourRow).where(DetourRow.expires_at <= now))
        session.add(
            DetourRow(
                sha256=tokens.hashed(ticket),
                provider=form.provider,
                redirect_uri=form.redirect_uri,
                state=made_up.state,
                nonce=made_up.nonce,
                verifier=made_up.verifier,
                expires_at=now + LASTS,
            )
        )
    return Detour(url=url, state=made_up.state, ticket=ticket, expires_at=now + LASTS)


def come_back(node: Node, form: DetourReturn) -> SessionToken:
    """Begin a session for whom the provider vouches for. A ticket is good for one try.

    Raises:
        NotSignedIn: the ticket is used or too old, or what the browser brought does not belong to it.
        AccessDenied: the provider knows them, and nobody here does.
        NodeUnavailable: the provider does not answer.
    """
    now = datetime.now(UTC)
    row = _used_up(node, form.ticket)
    if row is None or row.expires_at <= now:
        raise NotSignedIn("this sign-in was finished already, or took longer than 10 minutes; begin again")
    chosen = _provider(node, row.provider)
    try:
        if not hmac.compare_digest(form.state.encode(), row.state.encode()):
            raise provider.refused("it is of another sign-in")
        made_up = Secrets(row.state, row.nonce, row.verifier)
        claims = provider.claims(chosen, row.redirect_uri, made_up, form.code, form.iss, now)
        with node.database.writing() as session:
            person = _known(session, chosen, claims, form.invitation, now)
            return begun(session, node.settings, person, row.provider, now)
    except (NotSignedIn, AccessDenied):
        with node.database.writing() as session:
            audit.record(session, audit.SIGN_IN_FAILED, way=row.provider, person=None)
        raise


def _known(
    session: Session, chosen: ProviderSettings, claims: dict[str, Any], invitation: str | None, now: datetime
) -> PersonRow:
    """Return who it is here: by an invitation, as bound before, or let in by a rule."""
    subject = claims["sub"]
    if invitation:
        person = taken_up(session, invitation, now)
        bound(session, person, chosen.issuer, subject, None)
        return person
    identity = session.get(IdentityRow, (chosen.issuer, subject))
    if identity is not None:
        known = session.get_one(PersonRow, identity.person_id)
        if known.removed_at is not None:
            raise AccessDenied("you were removed from this node; an owner can bind you to somebody new")
        return known
    rule = next((rule for rule in chosen.admit if _meets(rule, claims)), None)
    if rule is None:
        raise AccessDenied(
            "the provider knows you, and nobody here does: ask an owner for an invitation, or for "
            f"jali node user bind YOUR-NAME --issuer {chosen.issuer} --subject {subject}",
            issuer=chosen.issuer,
            subject=subject,
        )
    return _let_in(session, chosen, rule, claims)


def _let_in(session: Session, chosen: ProviderSettings, rule: Admission, claims: dict[str, Any]) -> PersonRow:
    name = next((str(claims[claim]).strip()[:NAME_MAX] for claim in NAMES if str(claims.get(claim) or "").strip()), "")
    if not name or people.is_taken(session, name):
        raise AccessDenied(
            "the provider's name for you is missing or somebody else's here; ask an owner for an invitation",
            issuer=chosen.issuer,
            subject=claims["sub"],
        )
    person = insert_person(session, name, rule.role, rule.projects)
    bound(session, person, chosen.issuer, claims["sub"], None)
    return person


def _meets(rule: Admission, claims: dict[str, Any]) -> bool:
    held = claims.get(rule.claim)
    return rule.value in held if isinstance(held, list) else held == rule.value


def _used_up(node: Node, ticket: str) -> DetourRow | None:
    """Return what was remembered for a ticket, and forget it."""
    with node.database.writing() as session:
        query = delete(DetourRow).where(DetourRow.sha256 == tokens.hashed(ticket)).returning(DetourRow)
        return session.scalars(query).one_or_none()


def _provider(node: Node, name: str) -> ProviderSettings:
    if name not in node.settings.oidc:
        known = ", ".join(sorted(node.settings.oidc)) or "none"
        raise InvalidRequest(f"there is no such provider; this node knows {known}", field="provider")
    return node.settings.oidc[name]
