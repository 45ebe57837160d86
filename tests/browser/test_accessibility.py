"""Every page under axe-core, and a request granted by somebody who has no mouse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.axe import violations

pytestmark = [
    pytest.mark.browser,
    # Playwright's own loop closes its pipes late
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
Ask = Callable[..., str]
PAGES = {
    "/": "Inbox",
    "/budgets": "patients",
    "/projects?name=length+of+stay": "Releases",
    "/ledger": "Verification",
    "/audit": "Audit",
    "/policies": "Propose another",
    "/people": "Your tokens and sessions",
}
TABS_MAX = 60


FOCUSED = """() => {
  const at = document.activeElement, look = getComputedStyle(at)
  return {
    name: at.ariaLabel || at.labels?.[0]?.innerText || at.innerText || '',
    reached: at.matches('a, button, input, textarea'),
    seen: !at.matches('a, button') || look.outlineStyle !== 'none' || look.boxShadow !== 'none',
  }
}"""


def reach(page: Page, name: str) -> None:
    """Press Tab until what has this name has the focus; on every link and button of the way it must be seen."""
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        assert at["seen"], f"the focus on {at['name']} is not to be seen"
        if at["reached"] and at["name"].replace("\u00a0", " ").startswith(name):
            return
    raise AssertionError(f"{TABS_MAX} tabs did not lead to {name}")


def downloaded(page: Page, name: str) -> bytes:
    with page.expect_download() as taking:
        page.get_by_role("button", name=name).click()
    return Path(taking.value.path()).read_bytes()


def test_no_page_breaks_a_rule_of_axe(visitor: Any, asked: Ask) -> None:
    page, wrong = visitor.page, {}
    for way, heading in {"/session/login": "Review desk", "/session/invitation": "Your invitation"}.items():
        page.goto(f"{visitor.clinic.portal}{way}")
        page.get_by_role("heading", name=heading).wait_for()
        wrong[way] = violations(page)
    wish = asked()
    visitor.sign_in()
    requests = {f"/request?id={wish}&tab={tab}": "Your decision" for tab in ("Summary+and+checks", "Discussion")}
    for address, heading in {**PAGES, **requests}.items():
        visitor.go(address, heading)
        wrong[address] = violations(page)
    visitor.go("/budgets", "patients")
    page.get_by_role("button", name="Freeze population").click()
    page.get_by_role("dialog").get_by_role("button", name="Freeze it").wait_for()
    wrong["the dialog"] = violations(page)
    page.keyboard.press("Escape")
    visitor.go("/policies", "Propose another")
    page.get_by_label("The policy, in TOML").fill('[[rule]]\nname = "a"\neffect = "no"')
    page.get_by_role("button", name="Check and try").click()
    page.get_by_text("one thing is wrong").wait_for()
    wrong["a policy that is none"] = violations(page)
    assert {place: found for place, found in wrong.items() if found} == {}


def test_what_an_auditor_sees_breaks_no_rule_either_and_is_for_reading(visitor: Any, asked: Ask) -> None:
    wish = asked()
    visitor.sign_in(visitor.clinic.comes_in("Aldo Auditor", "auditor"))
    visitor.go(f"/request?id={wish}", "Not decided yet")
    expect(visitor.page.get_by_text("You read as an auditor")).to_be_visible()
    assert violations(visitor.page) == []
    visitor.go("/projects?name=length+of+stay", "Evidence")
    assert violations(visitor.page) == []
    assert downloaded(visitor.page, "Download the evidence").startswith(b"PK")
    visitor.go("/audit", "Audit")
    assert downloaded(visitor.page, "Download all of it as CSV").startswith(b"seq,at,kind")


def test_a_request_is_granted_with_the_keyboard_alone(visitor: Any, asked: Ask) -> None:
    asked("by somebody without a mouse")
    owner, page = visitor.clinic.owner.owner, visitor.page
    page.goto(visitor.clinic.portal)
    reach(page, "Your API token")
    page.keyboard.type(visitor.clinic.owner_token)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Review").first.wait_for()
    reach(page, "Review")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Your decision").wait_for()
    page.get_by_role("button", name="Grant ε 1 for 90 days").wait_for()
    reach(page, "Note to the asker (optional)")
    page.keyboard.type("welcome")
    page.keyboard.press("Control+Enter")
    reach(page, "Grant ε 1 for 90 days")
    expect(page.get_by_role("heading", name="Your decision")).to_be_visible()  # no key but the button's decides
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text="Granted").wait_for()
    [granted] = [request for request in owner.requests() if request.id in page.url]
    assert granted.reason == "welcome"
    owner.revoke(granted.grant, "the tests that follow begin without a grant")


def frozen(clinic: Any) -> list[str]:
    return [freeze.subject for freeze in clinic.owner.owner.freezes() if not freeze.final]


def test_a_population_is_frozen_and_lifted_with_the_keyboard_alone(visitor: Any) -> None:
    page = visitor.page
    visitor.sign_in()
    visitor.go("/budgets", "patients")
    reach(page, "Freeze population")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Freeze it").wait_for()
    reach(page, "Reason, which people who meet it read")
    page.keyboard.type("we are reading the ledger")
    page.keyboard.press("Control+Enter")
    reach(page, "Freeze it")
    assert frozen(visitor.clinic) == []
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text="Frozen: Population patients").wait_for()
    page.get_by_role("dialog").wait_for(state="hidden")
    reach(page, "Lift the freeze")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Let it go on").wait_for()
    reach(page, "Let it go on")
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text="No longer frozen").wait_for()
    assert frozen(visitor.clinic) == []
