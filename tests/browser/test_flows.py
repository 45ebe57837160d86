"""What an owner does, in a real browser, before a real node. No request may leave the machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jali import errors

pytestmark = [
    pytest.mark.browser,
    # Playwright's own loop closes its pipes late
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
Ask = Callable[..., str]
Take = Callable[[Page, str], Path]


def test_sign_in_and_reload_stays_signed_in(visitor: Any, screenshot: Take) -> None:
    visitor.page.goto(visitor.clinic.portal)
    assert visitor.page.url.endswith("/session/login")
    screenshot(visitor.page, "sign-in")
    visitor.sign_in()
    visitor.page.reload()
    visitor.page.get_by_role("heading", name="Inbox").wait_for()
    expect(visitor.page.get_by_text("Olga Owner")).to_be_visible()
    assert visitor.clinic.owner_token not in visitor.readable
    [cookie] = [cookie for cookie in visitor.page.context.cookies() if cookie["name"].startswith("jali_portal")]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert cookie["value"] not in visitor.readable


def test_a_request_is_read_with_its_cost_and_granted_and_the_scientist_may_ask(
    visitor: Any, asked: Ask, screenshot: Take
) -> None:
    node = visitor.clinic.scientist
    with pytest.raises(errors.Refused):
        node["visits"]["age"].mean(epsilon=0.2)
    purpose = "length of stay ![](http://evil.test/x.png) <img src=http://evil.test/y.png>"
    asked(purpose)
    visitor.sign_in()
    screenshot(visitor.page, "inbox")
    visitor.page.get_by_role("link", name="Review").first.click()
    visitor.page.get_by_role("heading", name="Privacy cost").wait_for()
    expect(visitor.page.get_by_text(purpose)).to_be_visible()
    expect(visitor.page.get_by_text("Left now")).to_be_visible()
    expect(visitor.page.get_by_text("After, at least")).to_be_visible()
    screenshot(visitor.page, "request")
    quota = visitor.page.get_by_role("spinbutton", name="Quota to grant, in ε")
    quota.fill("0.50")
    quota.press("Enter")
    visitor.page.get_by_role("button", name="Grant ε 0.5 for 90 days").click()
    visitor.page.get_by_role("status").filter(has_text="Granted").wait_for()
    screenshot(visitor.page, "granted")
    assert float(node["visits"]["age"].mean(epsilon=0.2)) > 0
    with pytest.raises(errors.BudgetExhausted):
        node["visits"]["age"].mean(epsilon=0.49)


def test_a_denial_needs_a_reason(visitor: Any, asked: Ask) -> None:
    wish = asked("everything there is")
    visitor.sign_in()
    visitor.open(wish)
    visitor.page.get_by_role("radio", name="Deny").or_(visitor.page.get_by_text("Deny", exact=True)).first.click()
    deny = visitor.page.get_by_role("button", name="Deny the request")
    deny.click()
    visitor.page.get_by_role("alert").filter(has_text="needs a reason").wait_for()
    visitor.page.get_by_label("Reason, which the asker reads").fill("say which question")
    deny.click()
    visitor.page.get_by_role("status").filter(has_text="Denied").wait_for()
    [denied] = [request for request in visitor.clinic.scientist.requests() if request.id == wish]
    assert "say which question" in repr(denied)


def test_changes_are_asked_for_resubmitted_compared_and_granted_by_keyboard(
    visitor: Any, asked: Ask, screenshot: Take
) -> None:
    wish = asked("length of <b>stay</b> by site", 2.0)
    visitor.sign_in()
    visitor.open(wish)
    visitor.page.get_by_text("Ask for changes", exact=True).click()
    visitor.page.get_by_label("What to change, which the asker reads").fill("half of it will do")
    visitor.page.keyboard.press("Control+Enter")  # it is no shortcut to a decision
    visitor.page.get_by_role("button", name="Ask for these changes").focus()
    visitor.page.keyboard.press("Enter")
    visitor.page.get_by_role("status").filter(has_text="Changes are asked for").wait_for()
    [mine] = [request for request in visitor.clinic.scientist.requests() if request.id == wish]
    assert "the owner says: half of it will do" in repr(mine)
    mine.comment("agreed")
    mine.resubmit(epsilon=1.0, columns=["age"])
    visitor.open(wish)
    visitor.page.get_by_role("tab", name="Changes").click()
    expect(visitor.page.get_by_text("2 changes from revision 1 to 2")).to_be_visible()
    row = visitor.page.locator("tr", has_text="epsilon")
    expect(row.locator("td")).to_have_text(["epsilon", "2.0", "1.0"])
    screenshot(visitor.page, "request-changes")
    visitor.page.wait_for_url("**tab=Changes**")
    visitor.page.get_by_role("tab", name="Discussion").click()
    expect(visitor.page.get_by_text("agreed", exact=True)).to_be_visible()
    expect(visitor.page.get_by_text("You asked for changes")).to_be_visible()
    screenshot(visitor.page, "request-discussion")
    visitor.page.get_by_label("Comment, which the asker reads").fill("thank you")
    visitor.page.keyboard.press("Control+Enter")
    visitor.page.get_by_role("status").filter(has_text="Your comment is there").wait_for()
    assert mine.refresh().status.value == "submitted"  # what sends a comment decides nothing
    visitor.page.get_by_role("button", name="Grant ε 1 for 90 days").focus()
    visitor.page.keyboard.press("Enter")
    visitor.page.get_by_role("status").filter(has_text="Granted").wait_for()
    assert mine.refresh().status.value == "granted"
    assert [remark.text for remark in mine.discussion if remark.text] == ["half of it will do", "agreed", "thank you"]


def test_the_next_request_is_opened_by_a_key_and_filters_survive_a_reload(visitor: Any, asked: Ask) -> None:
    asked("something to be found by its kind")
    visitor.sign_in()
    visitor.page.get_by_label("Search").fill("dana")
    visitor.page.get_by_label("Search").press("Enter")
    visitor.page.wait_for_url("**search=dana**")
    visitor.page.reload()
    expect(visitor.page.get_by_label("Search")).to_have_value("dana")
    visitor.page.get_by_role("button", name="Review the next one").wait_for()
    visitor.page.locator("h1").first.click()
    visitor.page.keyboard.press("n")
    visitor.page.get_by_role("heading", name="Privacy cost").wait_for()


def test_a_reload_of_a_request_shows_it_again(visitor: Any, asked: Ask) -> None:
    visitor.sign_in()
    visitor.open(asked())
    visitor.page.reload()
    visitor.page.get_by_role("heading", name="Privacy cost").wait_for()


def test_a_decision_made_elsewhere_is_explained(visitor: Any, asked: Ask) -> None:
    wish = asked()
    visitor.sign_in()
    visitor.open(wish)
    owner = visitor.clinic.owner.owner
    [request] = [request for request in owner.requests() if request.id == wish]
    owner.decide(request, "denied", "by another owner")
    visitor.page.get_by_role("button", name="Grant ε 1 for 90 days").click()
    visitor.page.get_by_role("alert").filter(has_text="Nothing was recorded").wait_for()
    expect(visitor.page.get_by_text("by another owner")).to_be_visible()


def test_the_filter_stays_in_the_address(visitor: Any, asked: Ask) -> None:
    asked()
    visitor.sign_in()
    visitor.page.get_by_text("All", exact=True).click()
    visitor.page.wait_for_url("**/?show=*")
    address = visitor.page.url
    visitor.page.goto(visitor.clinic.portal)
    visitor.page.goto(address)
    expect(visitor.page.locator("[aria-checked=true], [kind=segmented_controlActive]").first).to_have_text("All")


def test_the_ledger_is_shown_and_verified(visitor: Any, screenshot: Take) -> None:
    visitor.sign_in()
    visitor.page.get_by_role("link", name="Ledger").click()
    visitor.page.get_by_role("button", name="Verify the chain").click()
    visitor.page.get_by_role("status").filter(has_text="The chain holds").wait_for()
    expect(visitor.page.locator("canvas, [data-testid=stVegaLiteChart] svg").first).to_be_visible()
    screenshot(visitor.page, "ledger")


def test_sign_out_ends_it_everywhere(visitor: Any) -> None:
    visitor.sign_in()
    second = visitor.page.context.new_page()
    second.goto(visitor.clinic.portal)
    second.get_by_role("heading", name="Inbox").wait_for()
    visitor.page.get_by_role("button", name="Sign out").click()
    visitor.page.get_by_label("Your API token").wait_for()
    second.get_by_role("link", name="Ledger").click()
    second.get_by_text("Your session is over").wait_for()
    visitor.page.goto(f"{visitor.clinic.portal}/ledger")
    visitor.page.get_by_label("Your API token").wait_for()
    assert not [cookie for cookie in visitor.page.context.cookies() if cookie["name"].startswith("jali_portal")]


def test_a_page_of_another_origin_cannot_frame_or_post(visitor: Any) -> None:
    visitor.sign_in()
    form = f"<form method=post action='{visitor.clinic.portal}/session/logout'><button>go</button></form>"
    visitor.page.goto(f"data:text/html,{form}")
    visitor.page.get_by_role("button", name="go").click()
    visitor.page.get_by_text("only the portal's own pages").wait_for()
    visitor.page.goto(visitor.clinic.portal)
    visitor.page.get_by_role("heading", name="Inbox").wait_for()


def test_it_is_usable_on_a_narrow_screen(visitor: Any, asked: Ask, screenshot: Take) -> None:
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    wish = asked()
    visitor.sign_in()
    visitor.page.get_by_role("link", name="Review").first.wait_for()
    screenshot(visitor.page, "narrow-inbox")
    assert (
        visitor.page.evaluate("Math.max(...[...document.querySelectorAll('.j-row')].map(row => row.scrollWidth))")
        <= 390
    )
    visitor.open(wish)
    screenshot(visitor.page, "narrow-request")
    width = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
