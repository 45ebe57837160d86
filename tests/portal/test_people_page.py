"""The page "People and tokens", over the real node."""

from typing import Any

import pytest

from jali.wire.person import Role, Scope
from jali_node.actions.people.add_person import add_person
from jali_node.actions.people.create_token import create_token


def codes(page: Any) -> list[str]:
    return [code.value for code in page.code]


def test_everybody_is_listed_and_somebody_new_is_invited_with_a_text_that_is_shown_once(lobby: Any) -> None:
    page = lobby.page("people")
    said = lobby.texts(page)
    for words in ("Olga Owner (you)", "Dana Scientist", "Data scientist", "study", "token only"):
        assert words in said
    page.text_input(key="add-name").set_value("Nora <b>New</b>")
    page.selectbox(key="add-role").set_value(Role.REVIEWER)
    page = lobby.press(page, "Add and invite")
    [text] = codes(page)
    assert text.startswith("jali_invitation_")
    said = lobby.texts(page)
    assert "Nora &lt;b&gt;New&lt;/b&gt;" in said
    assert "invited until" in said
    assert codes(page.run()) == [], "it is not shown again"
    body = {"invitation": text, "password": "the heron eats at noon"}
    assert lobby.house.client.post("/v1/sign-in/invitation", json=body).status_code == 201


def test_a_role_is_changed_a_person_removed_and_the_last_owner_kept(lobby: Any) -> None:
    dana = lobby.house.get("/v1/me").json()["id"]
    page = lobby.page("people")
    page.selectbox(key="change-person").set_value(dana).run()
    page.segmented_control(key="change-what").set_value("Change role").run()
    page.selectbox(key="change-role").set_value(Role.AUDITOR)
    page = lobby.press(page, "Change role: Dana Scientist")
    assert "Dana Scientist is auditor from now on" in lobby.texts(page)
    page.segmented_control(key="change-what").set_value("Remove").run()
    page = lobby.press(page, "Remove: Dana Scientist")
    assert "Dana Scientist is removed" in lobby.texts(page)
    assert lobby.house.get("/v1/me").status_code == 401
    page = lobby.press(page, "Remove: Olga Owner")
    assert "Nothing was changed: this is the last owner" in lobby.texts(page)


def test_a_name_is_erased_after_it_was_asked_about_and_what_still_stands_is_said(portal: Any) -> None:
    dana = portal.house.get("/v1/me").json()["id"]
    portal.house.request(1.0, purpose="Dana wants it; ask D.S. as well")
    page = portal.page("people")
    page.selectbox(key="change-person").set_value(dana).run()
    page.segmented_control(key="change-what").set_value("Erase name").run()
    page.text_input(key="erase-also").set_value("D.S., ").run()
    page = portal.press(page, "Erase: Dana Scientist")
    assert "Nobody can undo that" in portal.texts(page)
    assert portal.house.get("/v1/me").status_code == 200, "nothing is done before it is confirmed"
    page = portal.press(page, "Erase it for good")
    said = portal.texts(page)
    assert "Erased: erased-" in said
    assert "perhaps for somebody else: Dana (1)" in said
    assert portal.house.get("/v1/me").status_code == 401
    [wish] = portal.house.get("/v1/requests", portal.house.owner).json()
    assert "D.S." not in wish["purpose"]
    page = portal.page("people")
    assert "Dana Scientist" not in portal.texts(page)


def test_a_token_is_made_shown_once_and_ended(lobby: Any) -> None:
    page = lobby.page("people")
    page.text_input(key="token-name").set_value("nightly report")
    page.multiselect(key="token-scopes").set_value([Scope.REVIEW])
    page = lobby.press(page, "Make a token")
    [text] = codes(page)
    assert lobby.house.get("/v1/me", text).json()["scopes"] == ["review"]
    assert codes(page.run()) == []
    [token] = [one for one in lobby.house.get("/v1/me/tokens", lobby.house.owner).json() if one["name"]]
    page.selectbox(key="revoke-id").set_value(token["id"])
    page = lobby.press(page, "End it now")
    assert "nightly report" in lobby.texts(page)
    assert lobby.house.get("/v1/me", text).status_code == 401


def test_a_reviewer_reads_the_people_and_a_narrow_token_is_told_so(lobby: Any) -> None:
    add_person(lobby.house.node, "Rosa Reviewer", Role.REVIEWER)
    lobby.sign_in(create_token(lobby.house.node, "Rosa Reviewer", 1)[0])
    page = lobby.page("people")
    assert "Olga Owner" in lobby.texts(page)
    assert not [button for button in page.button if button.label.startswith(("Add", "Invite"))]
    lobby.sign_in(create_token(lobby.house.node, "Rosa Reviewer", 1, scopes=(Scope.REVIEW,))[0])
    assert "Sign in by password" in lobby.texts(lobby.page("people"))


@pytest.mark.parametrize("refusal", [(503, "node_unavailable"), (403, "access_denied")])
def test_what_the_node_refuses_is_told(lobby: Any, refusal: tuple[int, str]) -> None:
    page = lobby.page("people")
    lobby.refusals["/v1/me/tokens"] = refusal
    page = lobby.press(page, "Make a token")
    assert not page.exception
