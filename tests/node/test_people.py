"""People come, change and go; an owner always remains; tokens are narrow, end, and are revoked."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jali.wire.person import Role, Scope
from jali_node.actions.people.add_person import add_person
from jali_node.actions.people.change_person import change_role, remove_person
from jali_node.actions.people.create_token import create_token
from jali_node.actions.people.invite import invite_by_name
from jali_node.errors import InvalidRequest

PASSWORD = "the heron eats at noon"


def test_a_person_is_added_invited_promoted_and_removed_and_each_is_in_the_chain(bureau: Any) -> None:
    before = len(bureau.ledger())
    added = bureau.post("/v1/people", {"name": "Nora New", "projects": ["study"]}, bureau.owner).json()
    invitation = bureau.post(f"/v1/people/{added['id']}/invitation", {"days": 2}, bureau.owner).json()
    assert bureau.person("Nora New")["invited_until"] == invitation["expires_at"]
    body = {"invitation": invitation["text"], "password": PASSWORD}
    session = bureau.client.post("/v1/sign-in/invitation", json=body).json()["token"]
    assert bureau.get("/v1/people", session).status_code == 403
    bureau.send("PUT", f"/v1/people/{added['id']}/role", bureau.owner, {"role": "reviewer"})
    assert bureau.get("/v1/people", session).status_code == 200, "a role counts from the next request on"
    assert bureau.person("Nora New")["ways"] == ["password"]
    gone = bureau.send("DELETE", f"/v1/people/{added['id']}", bureau.owner).json()
    assert (gone["removed_at"] is None, gone["ways"], gone["projects"]) == (False, [], [])
    new = bureau.ledger()[before:]
    assert [entry["kind"] for entry in new] == [
        "person.added", "member.added", "person.invited", "password.set", "signin.succeeded", "role.changed",
        "person.removed",
    ]  # fmt: skip
    assert "Nora" not in str(new)
    owner = bureau.get("/v1/me", bureau.owner).json()["id"]
    assert [entry["body"].get("by") for entry in new if entry["kind"].startswith("person")] == [owner] * 3


def test_being_removed_ends_every_session_token_password_and_invitation_at_once(bureau: Any) -> None:
    text = invite_by_name(bureau.node, "Dana Scientist", 7).text
    session = bureau.client.post("/v1/sign-in/invitation", json={"invitation": text, "password": PASSWORD}).json()
    open_invitation = invite_by_name(bureau.node, "Dana Scientist", 7).text
    remove_person(bureau.node, None, bureau.person("Dana Scientist")["id"])
    for token in (session["token"], bureau.scientist):
        assert bureau.get("/v1/me", token).status_code == 401
    again = {"invitation": open_invitation, "password": PASSWORD}
    assert bureau.client.post("/v1/sign-in/invitation", json=again).status_code == 401
    form = {"name": "Dana Scientist", "password": PASSWORD}
    assert bureau.client.post("/v1/sign-in/password", json=form).status_code == 401
    with pytest.raises(InvalidRequest, match="there is no person Dana"):
        create_token(bureau.node, "Dana Scientist", 1)
    with pytest.raises(InvalidRequest, match="who was removed"):
        add_person(bureau.node, "Dana Scientist", Role.OWNER)
    assert bureau.person("Dana Scientist")["removed_at"], "what they were stays on record"


def test_the_last_owner_can_neither_go_nor_become_something_else(bureau: Any) -> None:
    me = bureau.get("/v1/me", bureau.owner).json()["id"]
    for method, path, body in (
        ("DELETE", f"/v1/people/{me}", None),
        ("PUT", f"/v1/people/{me}/role", {"role": "auditor"}),
    ):
        reply = bureau.send(method, path, bureau.owner, body)
        assert (reply.status_code, reply.json()["field"]) == (400, "person")
        assert "last owner" in reply.json()["detail"]
    assert bureau.send("PUT", f"/v1/people/{me}/role", bureau.owner, {"role": "owner"}).status_code == 200
    second = add_person(bureau.node, "Otto Owner", Role.OWNER)
    assert bureau.send("DELETE", f"/v1/people/{me}", bureau.owner).status_code == 200
    with pytest.raises(InvalidRequest, match="last owner"):
        change_role(bureau.node, None, second.id, Role.REVIEWER)


def test_of_two_owners_who_leave_at_once_one_stays(build_bureau: Callable[..., Any], database_url: str) -> None:
    bureau = build_bureau(database_url=database_url)
    for number in range(3):
        first = bureau.person("Olga Owner")["id"]
        second = add_person(bureau.node, f"Otto Owner {number}", Role.OWNER).id
        outcomes: Counter[str] = Counter()
        barrier = threading.Barrier(2)

        def leave(person_id: str, role: Role | None, outcomes: Any = outcomes, barrier: Any = barrier) -> None:
            barrier.wait()
            try:
                if role is None:
                    remove_person(bureau.node, None, person_id)
                else:
                    change_role(bureau.node, None, person_id, role)
                outcomes["left"] += 1
            except InvalidRequest:
                outcomes["stayed"] += 1

        threads = [threading.Thread(target=leave, args=pair) for pair in ((first, Role.AUDITOR), (second, None))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes == {"left": 1, "stayed": 1}
        change_role(bureau.node, None, first, Role.OWNER)
        if bureau.person(f"Otto Owner {number}")["removed_at"] is None:
            remove_person(bureau.node, None, second)


def test_a_token_made_with_a_token_does_no_more_and_ends_no_later(bureau: Any) -> None:
    narrow, until = create_token(bureau.node, "Olga Owner", 2, scopes=(Scope.ADMIN, Scope.REVIEW))
    wide = bureau.post("/v1/me/tokens", {"scopes": ["review", "ask"]}, narrow)
    assert (wide.status_code, wide.json()["field"]) == (403, "scopes")
    made = bureau.post("/v1/me/tokens", {"name": "for reports", "scopes": ["review"], "days": 90}, narrow).json()
    assert datetime.fromisoformat(made["token"]["expires_at"]) == until
    assert bureau.get("/v1/ledger", made["text"]).status_code == 200
    me = bureau.get("/v1/me", made["text"]).json()
    assert me["scopes"] == ["review"]
    refused = bureau.post("/v1/me/tokens", {}, made["text"])
    assert refused.json()["detail"] == "this token is for review, and this needs admin"


def test_tokens_are_listed_without_their_text_and_revoked_by_oneself_and_by_owners(bureau: Any) -> None:
    made = [bureau.post("/v1/me/tokens", {"name": name}).json() for name in ("for a script", "for another")]
    listed = bureau.get("/v1/me/tokens").json()
    assert {token["name"] for token in listed} == {"", "for a script", "for another"}
    assert not any(one["text"] in str(listed) for one in made)
    own, theirs = (one["token"]["id"] for one in made)
    assert bureau.send("DELETE", f"/v1/me/tokens/{own}", bureau.scientist).json()["name"] == "for a script"
    dana = bureau.person("Dana Scientist")["id"]
    assert bureau.send("DELETE", f"/v1/people/{dana}/tokens/{theirs}", bureau.owner).status_code == 200
    for one in made:
        assert bureau.get("/v1/me", one["text"]).status_code == 401
    assert bureau.get("/v1/me").status_code == 200
    assert [entry["body"]["person"] for entry in bureau.ledger() if entry["kind"] == "token.revoked"] == [dana] * 2


def test_when_a_token_was_last_used_is_noted_once_an_hour(bureau: Any) -> None:
    from sqlalchemy import update

    from jali_node.tables import TokenRow

    def seen() -> Any:
        return bureau.get("/v1/me/tokens").json()[0]["seen_at"]

    assert seen() is None, "it was made just now"
    with bureau.node.database.writing() as session:
        session.execute(update(TokenRow).values(created_at=datetime.now(UTC) - timedelta(hours=2)))
    bureau.get("/v1/me")
    first = seen()
    assert first is not None
    bureau.get("/v1/me")
    assert seen() == first
