"""The ways in and the page about people, in a real browser, with a real provider."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.oidc.provider import PASSWORD as AT_THE_PROVIDER

pytestmark = [
    pytest.mark.browser,
    # Playwright's own loop closes its pipes late
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
Take = Callable[[Page, str], Path]
PASSWORD = "the heron eats at noon"


def test_an_owner_invites_a_reviewer_who_sets_a_password_and_comes_in(visitor: Any, screenshot: Take) -> None:
    page = visitor.page
    visitor.sign_in()
    page.get_by_role("link", name="People and tokens").click()
    page.get_by_role("heading", name="Add a person").wait_for()
    page.get_by_label("Name", exact=True).fill("Rosa Reviewer")
    page.get_by_role("combobox", name="Role").first.click()
    page.get_by_role("option", name="Reviewer").click()
    page.get_by_role("button", name="Add and invite").click()
    page.get_by_role("status").filter(has_text="An invitation for Rosa Reviewer").wait_for()
    screenshot(page, "people")
    invitation = page.locator("code", has_text="jali_invitation_").inner_text()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Take up your invitation").click()
    screenshot(page, "invitation")
    page.get_by_label("Your invitation").fill(invitation)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    page.get_by_role("heading", name="Inbox").wait_for()
    expect(page.get_by_text("Rosa Reviewer")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Your name").fill("Rosa Reviewer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="Inbox").wait_for()
    assert invitation not in visitor.readable
    assert PASSWORD not in visitor.readable


def test_a_provider_leads_in_and_a_reload_stays_in(visitor: Any, screenshot: Take) -> None:
    page = visitor.page
    people = visitor.clinic.owner.owner.people
    invited = people.invite(people.add("Paula Provided", role="reviewer"))
    page.goto(f"{visitor.clinic.portal}/session/invitation")
    page.get_by_label("Your invitation").fill(invited.text)
    page.get_by_role("button", name="Use The University instead").click()
    page.get_by_label("User").fill("rosa")
    page.get_by_label("Password").fill(AT_THE_PROVIDER)
    page.get_by_role("button", name="Enter").click()
    page.get_by_role("heading", name="Inbox").wait_for()
    page.reload()
    expect(page.get_by_text("Paula Provided")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with The University").click()
    page.get_by_role("heading", name="Inbox").wait_for()
    assert page.url.rstrip("/") == visitor.clinic.portal
