"""Signing in with a real OIDC provider, and what comes of every lie that it or a browser could tell."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from jali_node.actions.people.invite import invite_by_name
from jali_node.tables import DetourRow

BACK = "http://127.0.0.1:49152/back"


def out(bureau: Any, redirect_uri: str = BACK, name: str = "uni") -> Any:
    return bureau.client.post("/v1/sign-in/detour", json={"provider": name, "redirect_uri": redirect_uri})


def back(bureau: Any, detour: dict[str, str], brought: dict[str, str], **other: str) -> Any:
    body = {"ticket": detour["ticket"], "state": brought["state"], "code": brought["code"], **other}
    return bureau.client.post("/v1/sign-in/return", json=body)


def signed_in(bureau: Any, provider: Any, user: str = "dana", **other: str) -> Any:
    detour = out(bureau).json()
    return back(bureau, detour, provider.visit(detour["url"], user), **other)


@pytest.fixture
def known(build_bureau: Callable[..., Any], provider: Any) -> Any:
    """Return a node that trusts the provider, to which Dana is known by an invitation."""
    bureau = build_bureau(oidc={"uni": provider.settings})
    invitation = invite_by_name(bureau.node, "Dana Scientist", 7).text
    reply = signed_in(bureau, provider, invitation=invitation)
    assert reply.status_code == 201, reply.text
    return bureau


def test_a_person_is_bound_by_an_invitation_and_known_from_then_on(known: Any, provider: Any) -> None:
    assert known.client.get("/v1/node").json()["sign_in"]["providers"] == [{"name": "uni", "title": "The University"}]
    reply = signed_in(known, provider)
    session = reply.json()["token"]
    assert known.get("/v1/me", session).json()["name"] == "Dana Scientist"
    assert known.person("Dana Scientist")["ways"] == [provider.issuer]
    kinds = [entry["kind"] for entry in known.ledger()]
    assert kinds[-4:] == ["person.invited", "identity.bound", "signin.succeeded", "signin.succeeded"]
    assert known.send("DELETE", "/v1/me/session", session).json() == {"ended": 1}
    assert known.get("/v1/me", session).status_code == 401


def test_the_browser_is_sent_out_with_pkce_state_and_nonce_of_this_sign_in_alone(known: Any) -> None:
    from urllib.parse import parse_qs, urlsplit

    first, second = (parse_qs(urlsplit(out(known).json()["url"]).query) for _ in range(2))
    assert first["code_challenge_method"] == ["S256"]
    assert first["response_type"] == ["code"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]


def test_nobody_is_created_by_signing_in_and_is_told_how_to_be_let_in(known: Any, provider: Any) -> None:
    people = known.get("/v1/people", known.owner).json()
    reply = signed_in(known, provider, "ivan")
    assert (reply.status_code, reply.json()["code"]) == (403, "access_denied")
    assert f"--issuer {provider.issuer} --subject {reply.json()['facts']['subject']}" in reply.json()["detail"]
    assert known.get("/v1/people", known.owner).json() == people
    subject = reply.json()["facts"]
    dana = known.person("Dana Scientist")["id"]
    assert known.send("POST", f"/v1/people/{dana}/identities", known.owner, subject).status_code == 201
    assert signed_in(known, provider, "ivan").json()["name"] == "Dana Scientist", "an owner may bind them"


def test_a_rule_lets_in_whoever_has_a_claim_and_nobody_who_was_removed(
    build_bureau: Callable[..., Any], provider: Any
) -> None:
    rule = {"claim": "groups", "value": "reviewers", "role": "reviewer", "projects": ["study"]}
    bureau = build_bureau(oidc={"uni": {**provider.settings, "admit": [rule]}})
    assert signed_in(bureau, provider, "ivan").status_code == 403
    session = signed_in(bureau, provider, "rosa").json()["token"]
    rosa = bureau.person("Rosa Reviewer")
    assert (rosa["role"], rosa["projects"], rosa["ways"]) == ("reviewer", ["study"], [provider.issuer])
    assert signed_in(bureau, provider, "rosa").json()["name"] == "Rosa Reviewer"
    assert len(bureau.get("/v1/people", bureau.owner).json()) == 3
    bureau.send("DELETE", f"/v1/people/{rosa['id']}", bureau.owner)
    assert bureau.get("/v1/me", session).status_code == 401
    assert signed_in(bureau, provider, "rosa").status_code == 403


@pytest.mark.slow
def test_a_rule_gives_nobody_somebody_else_s_name(build_bureau: Callable[..., Any], provider: Any) -> None:
    rule = {"claim": "name", "value": "Dana Scientist"}
    bureau = build_bureau(oidc={"uni": {**provider.settings, "admit": [rule]}})
    reply = signed_in(bureau, provider, "dana")
    assert reply.status_code == 403
    assert "somebody else's here" in reply.json()["detail"]


LIES = (
    "another nonce", "no nonce", "another audience", "meant for another party", "expired", "without an end",
    "from the future", "another issuer", "no subject", "a subject that is no text", "another access token",
    "another key", "no signature", "a MAC with the client's secret", "a MAC with the public key", "a changed payload",
)  # fmt: skip


def test_no_lie_in_an_id_token_is_believed_and_each_failure_is_in_the_chain(known: Any, provider: Any) -> None:
    for lie in LIES:
        before = len(known.ledger())
        provider.lie(lie)
        reply = signed_in(known, provider)
        assert (reply.status_code, reply.json()["code"]) == (401, "not_signed_in"), (lie, reply.text)
        assert [entry["kind"] for entry in known.ledger()[before:]] == ["signin.failed"], lie
    assert signed_in(known, provider).status_code == 201, "honest again"


def test_a_ticket_a_code_and_a_state_are_good_once_and_only_together(known: Any, provider: Any) -> None:
    detour = out(known).json()
    brought = provider.visit(detour["url"])
    assert back(known, detour, brought).status_code == 201
    assert "finished already" in back(known, detour, brought).json()["detail"], "the ticket is used up"
    other = out(known).json()
    replayed = back(known, other, {**brought, "state": other["state"]})
    assert (replayed.status_code, "does not know the code" in replayed.json()["detail"]) == (401, True)
    mine, victims = out(known).json(), out(known).json()
    stolen = provider.visit(victims["url"])
    injected = back(known, mine, {**stolen, "state": mine["state"]})
    assert injected.status_code == 401, "the code is bound to the verifier of who set out"
    fresh = out(known).json()
    forged = back(known, fresh, {**provider.visit(fresh["url"]), "state": "x" * 43})
    assert (forged.status_code, "of another sign-in" in forged.json()["detail"]) == (401, True)
    again = back(known, fresh, {**provider.visit(fresh["url"])})
    assert again.status_code == 401, "a ticket that met a wrong state is used up"


@pytest.mark.slow
def test_an_answer_of_another_issuer_is_not_taken_to_ours(known: Any, provider: Any) -> None:
    assert signed_in(known, provider, iss="https://evil.example").status_code == 401
    assert signed_in(known, provider, iss=provider.issuer).status_code == 201


@pytest.mark.slow
def test_a_ticket_lasts_ten_minutes_and_is_then_forgotten(known: Any, provider: Any) -> None:
    detour = out(known).json()
    brought = provider.visit(detour["url"])
    with known.node.database.writing() as session:
        session.execute(update(DetourRow).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert back(known, detour, brought).status_code == 401
    out(known)
    with known.node.database.writing() as session:
        session.execute(update(DetourRow).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    out(known)
    with known.node.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(DetourRow)) == 1


@pytest.mark.slow
def test_an_invitation_survives_a_sign_in_that_failed_and_serves_one(known: Any, provider: Any) -> None:
    invitation = invite_by_name(known.node, "Olga Owner", 7).text
    provider.lie("another audience")
    assert signed_in(known, provider, "rosa", invitation=invitation).status_code == 401
    somebody_elses = signed_in(known, provider, "dana", invitation=invitation)
    assert (somebody_elses.status_code, somebody_elses.json()["field"]) == (400, "subject")
    assert signed_in(known, provider, "rosa", invitation=invitation).json()["name"] == "Olga Owner"
    assert signed_in(known, provider, "ivan", invitation=invitation).status_code == 401


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/back",
        "http://192.0.2.1/back",
        "http://localhost:8000/back",
        "http://127.0.0.1.evil.example/back",
        "javascript:alert(1)",
        "http://127.0.0.1:1/back?next=evil",
    ],
)
def test_browsers_are_sent_back_to_portals_that_owners_named_and_to_their_own_machine_only(
    known: Any, address: str
) -> None:
    reply = out(known, address)
    assert (reply.status_code, reply.json()["field"]) == (400, "redirect_uri")


def test_a_provider_that_is_not_there_or_is_somebody_else_is_told(
    build_bureau: Callable[..., Any], provider: Any
) -> None:
    bureau = build_bureau(
        oidc={
            "gone": {"issuer": "http://127.0.0.1:1", "client_id": "x"},
            "other": {"issuer": provider.issuer.replace("127.0.0.1", "localhost"), "client_id": "x"},
        }
    )
    for name, words in (("gone", "does not answer now"), ("other", "does not answer")):
        reply = out(bureau, name=name)
        assert (reply.status_code, reply.json()["code"]) == (503, "node_unavailable")
        assert words in reply.json()["detail"]
    assert out(bureau, name="none").json()["detail"] == "there is no such provider; this node knows gone, other"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"issuer": "http://id.example"}, "expected an https address"),
        ({"redirects": ["http://portal.example/session/provider"]}, "expected an https address"),
        ({"scopes": ["profile"]}, "expected openid"),
        ({"admit": [{"claim": "groups", "value": "bosses", "role": "owner"}]}, "owners are made by owners"),
        ({"client_secret_file": "/run/secrets/oidc"}, "not both"),
    ],
)
def test_a_provider_that_is_written_down_wrongly_is_refused_at_the_start(change: Any, words: str) -> None:
    from pydantic import ValidationError

    from jali_node.providers import ProviderSettings

    good = {"issuer": "https://id.example", "client_id": "jali", "client_secret": "not shown"}
    with pytest.raises(ValidationError, match=words) as refused:
        ProviderSettings.model_validate({**good, **change})
    assert "not shown" not in str(refused.value)
