"""The page "People and tokens", over the real node."""

from typing import Any

import pytest

from jali.wire.person import Role, Scope
from jali_node.actions.people.add_person import add_person
from jali_node.actions.people.create_token import create_token


def codes(page: Any) -> list[str]:
    return [code.value for code in page.code]


def test_everybody_is_listed_and_somebody_new_is_invited_with_a_text_that_is_shown_once(portal: Any) -> None:
    page = portal.page("people")
    said = portal.texts(page)
    for words in ("Olga Owner (you)", "Dana Scientist", "Data scientist", "study", "token only"):
        assert words in said
    page.text_input(key="add-name").set_value("Nora <b>New</b>")
    page.selectbox(key="add-role").set_value(Role.REVIEWER)
    page = portal.press(page, "Add and invite")
    [text] = codes(page)
    assert text.startswith("jali_invitation_")
    said = portal.texts(page)
    assert "Nora &lt;b&gt;New&lt;/b&gt;" in said
    assert "invited until" in said
    assert codes(page.run()) == [], "it is not shown again"
    body = {"invitation": text, "password": "the heron eats at noon"}
    assert portal.house.client.post("/v1/sign-in/invitation", json=body).status_code == 201


def test_a_role_is_changed_a_person_removed_and_the_last_owner_kept(portal: Any) -> None:
    dana = portal.house.get("/v1/me").json()["id"]
    page = portal.page("people")
    page.selectbox(key="change-person").set_value(dana).run()
    page.segmented_control(key="change-what").set_value("Change role").run()
    page.selectbox(key="change-role").set_value(Role.AUDITOR)
    page = portal.press(page, "Change role: Dana Scientist")
    assert "Dana Scientist is auditor from now on" in portal.texts(page)
    page.segmented_control(key="change-what").set_value("Remove").run()
    page = portal.press(page, "Remove: Dana Scientist")
    assert "Dana Scientist is removed" in portal.texts(page)
    assert portal.house.get("/v1/me").status_code == 401
    page = portal.press(page, "Remove: Olga Owner")
    assert "Nothing was changed: this is the last owner" in portal.texts(page)


def test_a_token_is_made_shown_once_and_ended(portal: Any) -> None:
    page = portal.page("people")
    page.text_input(key="token-name").set_value("nightly report")
    page.multiselect(key="token-scopes").set_value([Scope.REVIEW])
    page = portal.press(page, "Make a token")
    [text] = codes(page)
    assert portal.house.get("/v1/me", text).json()["scopes"] == ["review"]
    assert codes(page.run()) == []
    [token] = [one for one in portal.house.get("/v1/me/tokens", portal.house.owner).json() if one["name"]]
    page.selectbox(key="revoke-id").set_value(token["id"])
    page = portal.press(page, "End it now")
    assert "nightly report" in portal.texts(page)
    assert portal.house.get("/v1/me", text).status_code == 401


def test_a_reviewer_reads_the_people_and_a_narrow_token_is_told_so(portal: Any) -> None:
    add_person(portal.house.node, "Rosa Reviewer", Role.REVIEWER)
    portal.sign_in(create_token(portal.house.node, "Rosa Reviewer", 1)[0])
    page = portal.page("people")
    assert "Olga Owner" in portal.texts(page)
    assert not [button for button in page.button if button.label.startswith(("Add", "Invite"))]
    portal.sign_in(create_token(portal.house.node, "Rosa Reviewer", 1, scopes=(Scope.REVIEW,))[0])
    assert "Sign in by password" in portal.texts(portal.page("people"))


@pytest.mark.parametrize("refusal", [(503, "node_unavailable"), (403, "access_denied")])
def test_what_the_node_refuses_is_told(portal: Any, refusal: tuple[int, str]) -> None:
    page = portal.page("people")
    portal.refusals["/v1/me/tokens"] = refusal
    page = portal.press(page, "Make a token")
    assert not page.exception
